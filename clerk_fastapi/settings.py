"""What the operator decides, read once from arguments and ``CLERK_*`` variables, secrets masked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol._jose import (
    ALGORITHMS,
    Algorithm,
    KeyRefused,
    VerificationKey,
    key_from_pem,
)
from clerk_fastapi.protocol.keys import InstanceType, PublishableKey, secret_key_instance_type
from clerk_fastapi.protocol.site import OrganizationSync, Proxies, Site
from clerk_fastapi.protocol.url import origin_of
from clerk_fastapi.protocol.verify import Rules
from clerk_fastapi.protocol.webhooks import SigningSecret

__all__ = [
    "KeyArguments",
    "RuleArguments",
    "Settings",
    "SiteArguments",
    "check_count",
    "check_seconds",
    "read_settings",
    "read_signing_secrets",
]

_API_URL = "https://api.clerk.com"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^A-Z/?#\\@*\s]+")
_SECRET_KEY = re.compile(r"(sk_)?(test|live)_[\x21-\x7e]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NO_URL = f"CLERK_API_URL is not a URL like {_API_URL}."


class _Environment(BaseSettings):
    """The variables, as text; an empty one counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix="CLERK_", env_ignore_empty=True, extra="ignore", str_strip_whitespace=True
    )

    publishable_key: str | None = None
    secret_key: SecretStr | None = None
    jwt_key: SecretStr | None = None
    api_url: str | None = None
    machine_secret_key: SecretStr | None = None
    proxy_url: str | None = None
    domain: str | None = None
    is_satellite: str | None = None
    sign_in_url: str | None = None
    sign_up_url: str | None = None
    webhook_signing_secret: SecretStr | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Configuration that has been checked: whoever holds it need not check again."""

    publishable_key: PublishableKey | None
    secret_key: SecretStr | None
    jwt_key: VerificationKey | None
    machine_secret_key: SecretStr | None
    api_url: str
    rules: Rules
    site: Site


class KeyArguments(NamedTuple):
    """What opens and names an instance, as it was given; ``None`` leaves it to the variable."""

    publishable_key: str | None = None
    secret_key: str | None = None
    jwt_key: str | None = None
    machine_secret_key: str | None = None
    api_url: str | None = None


class RuleArguments(NamedTuple):
    """What a token must fulfil, as it was given."""

    authorized_parties: Iterable[str] | None = None
    audience: str | Iterable[str] | None = None
    issuer: str | Iterable[str] | Literal[False] | None = None
    clock_skew: float = 5.0
    algorithms: Iterable[str] = ("RS256",)
    require_category: bool = False


class SiteArguments(NamedTuple):
    """How browsers reach the application and Clerk, as it was given."""

    proxy_url: str | None = None
    domain: str | None = None
    is_satellite: bool | None = None
    satellite_auto_sync: bool = False
    sign_in_url: str | None = None
    sign_up_url: str | None = None
    allowed_redirect_origins: Iterable[str] | None = None
    trusted_proxies: Iterable[str] = ()
    organization_sync: OrganizationSync | None = None


def read_settings(keys: KeyArguments, rules: RuleArguments, site: SiteArguments) -> Settings:
    """Check arguments, fill in what is missing from ``CLERK_*`` variables, and check those.

    An empty argument stands for "none": the variable is not looked at.

    :raises ConfigurationError: with the name of the variable or argument and the cure, and never
        with the value of a secret.
    """
    flag = None if site.is_satellite is None else str(site.is_satellite)
    given = _present({**keys._asdict(), **site._asdict(), "is_satellite": flag})
    environment = _Environment.model_validate(_Environment().model_dump() | given)
    key = _publishable_key(environment.publishable_key)
    secret = _secret(environment, key)
    pem = environment.jwt_key
    allowed = _algorithms(rules.algorithms)
    if key is None and secret is None and pem is None:
        raise ConfigurationError(
            "Clerk has no keys: set CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY, as the API keys "
            "page of the Clerk dashboard shows them."
        )
    parties = _origins("authorized_parties", rules.authorized_parties)
    place = _site(environment, site, key, secret, parties)
    return Settings(
        publishable_key=key,
        secret_key=secret,
        jwt_key=None if pem is None else _jwt_key(pem.get_secret_value(), allowed),
        machine_secret_key=_machine_secret(environment.machine_secret_key),
        api_url=_origin(environment.api_url or _API_URL),
        rules=Rules(
            algorithms=frozenset(allowed),
            issuers=_issuers(rules.issuer, place),
            authorized_parties=parties,
            audience=_audience(rules.audience),
            clock_skew=_clock_skew(rules.clock_skew),
            require_category=rules.require_category,
        ),
        site=place,
    )


def read_signing_secrets(given: str | Iterable[str] | None) -> tuple[SigningSecret, ...]:
    """Read the signing secrets of an endpoint, by default ``CLERK_WEBHOOK_SIGNING_SECRET``.

    :param given: one, or several while one replaces another; in the variable with spaces between.
    :raises ConfigurationError: if there is none, or one is malformed; never with its value.
    """
    if given is None:
        found = _Environment().webhook_signing_secret
        given = found.get_secret_value().split() if found else ()
    listed = isinstance(given, Iterable) and not isinstance(given, str)
    secrets = tuple(map(SigningSecret.parse, given if listed else (str(given),)))
    if not secrets:
        raise ConfigurationError(
            "Webhooks have no signing secret: set CLERK_WEBHOOK_SIGNING_SECRET, as the endpoint's "
            "page below Webhooks in the Clerk dashboard shows it."
        )
    return secrets


def check_seconds(**durations: float) -> None:
    """Make sure that durations are finite and greater than zero.

    :raises ConfigurationError: with the name of the one that is not.
    """
    for name, seconds in durations.items():
        if not _is_number(seconds) or not 0 < seconds < math.inf:
            raise ConfigurationError(f"{name} must be a number of seconds, greater than zero.")


def check_count(name: str, count: int) -> None:
    """Make sure that a number counts something.

    :raises ConfigurationError: with its name, if it does not.
    """
    if type(count) is not int or count < 0:
        raise ConfigurationError(f"{name} must be a whole number, zero or more.")


def _present(given: Mapping[str, object]) -> dict[str, str | None]:
    present: dict[str, str | None] = {}
    for name in given.keys() & _Environment.model_fields.keys():
        value = given[name]
        if not isinstance(value, str | None):
            raise ConfigurationError(f"{name} must be text.")
        if value is not None:
            present[name] = value.strip() or None
    return present


def _publishable_key(text: str | None) -> PublishableKey | None:
    return None if text is None else PublishableKey.parse(text.strip())


def _check_secret_key(secret: str, key: PublishableKey | None) -> None:
    if not _SECRET_KEY.fullmatch(secret):
        raise ConfigurationError(
            "CLERK_SECRET_KEY is not a secret key; copy it whole, from 'sk_' on, from the API keys "
            "page of the Clerk dashboard."
        )
    if key is not None and secret_key_instance_type(secret) != key.instance_type:
        raise ConfigurationError(
            "CLERK_SECRET_KEY and CLERK_PUBLISHABLE_KEY belong to different instances: one is a "
            "test key and the other a live key."
        )


def _secret(environment: _Environment, key: PublishableKey | None) -> SecretStr | None:
    if environment.secret_key is None:
        return None
    secret = _stripped(environment.secret_key)
    _check_secret_key(secret.get_secret_value(), key)
    return secret


def _machine_secret(given: SecretStr | None) -> SecretStr | None:
    if given is None:
        return None
    secret = _stripped(given)
    text = secret.get_secret_value()
    if not _VISIBLE.fullmatch(text) or text.startswith(("pk_", "sk_")):
        raise ConfigurationError(
            "CLERK_MACHINE_SECRET_KEY is not the secret key of a machine; copy it whole from the "
            "machine's page in the Clerk dashboard."
        )
    return secret


def _stripped(secret: SecretStr) -> SecretStr:
    return SecretStr(secret.get_secret_value().strip())


def _site(
    environment: _Environment,
    given: SiteArguments,
    key: PublishableKey | None,
    secret: SecretStr | None,
    parties: frozenset[str] | None,
) -> Site:
    origins = _origins("allowed_redirect_origins", given.allowed_redirect_origins)
    if not isinstance(given.satellite_auto_sync, bool):
        raise ConfigurationError("satellite_auto_sync is true or false.")
    if not isinstance(given.organization_sync, OrganizationSync | None):
        raise ConfigurationError(
            "organization_sync takes OrganizationSync(organization_patterns=[...], "
            "personal_account_patterns=[...])."
        )
    return Site(
        instance_type=_instance_type(key, secret),
        key=key,
        proxy_url=environment.proxy_url,
        domain=environment.domain,
        is_satellite=_flag("CLERK_IS_SATELLITE", environment.is_satellite),
        satellite_auto_sync=given.satellite_auto_sync,
        sign_in_url=environment.sign_in_url,
        sign_up_url=environment.sign_up_url,
        redirect_origins=(parties or frozenset()) | (origins or frozenset()),
        names_own_origins=parties is not None,
        proxies=Proxies.named(given.trusted_proxies),
        organization_sync=given.organization_sync,
        takes_nonces=secret is not None,
    )


def _instance_type(key: PublishableKey | None, secret: SecretStr | None) -> InstanceType:
    if key is not None:
        return key.instance_type
    return "production" if secret is None else secret_key_instance_type(secret.get_secret_value())


def _flag(name: str, text: str | None) -> bool:
    if text is None or text.lower() in ("false", "0"):
        return False
    if text.lower() in ("true", "1"):
        return True
    raise ConfigurationError(f"{name} is true or false.")


def _jwt_key(pem: str, allowed: frozenset[Algorithm]) -> VerificationKey:
    # A PEM key does not say what it is for.
    algorithm: Algorithm | None = "RS256" if "RS256" in allowed else None
    if algorithm is None and len(allowed) == 1:
        (algorithm,) = allowed
    if algorithm is None:
        raise ConfigurationError("With CLERK_JWT_KEY, algorithms must name one algorithm.")
    try:
        return key_from_pem(pem, algorithm)
    except KeyRefused as error:
        raise ConfigurationError(
            "CLERK_JWT_KEY is not an RSA public key in PEM form of at least 2048 bits; copy 'JWKS "
            "Public Key' from the API keys page of the Clerk dashboard."
        ) from error


def _origins(name: str, listed: Iterable[str] | None) -> frozenset[str] | None:
    origins = _texts(name, listed)
    if origins is not None and not all(map(_is_origin, origins)):
        raise ConfigurationError(
            f"{name} takes origins as browsers send them, such as "
            "https://app.example.com: in lower case, with a scheme, without a path, a wildcard or "
            "the port that goes without saying."
        )
    return origins


def _is_origin(text: str) -> bool:
    if text.startswith(("http:", "https:")):
        return origin_of(text) == text
    return _ORIGIN.fullmatch(text) is not None  # of an application that is no web page


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        usable = bool(parts.hostname) and parts.port != 0 and _VISIBLE.fullmatch(url.strip())
    except ValueError:
        raise ConfigurationError(_NO_URL) from None
    if not usable or parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(_NO_URL)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and local):
        raise ConfigurationError(
            "CLERK_API_URL must be https; http is for loopback addresses only."
        )
    return url.strip().rstrip("/").removesuffix("/v1")


def _issuers(
    issuer: str | Iterable[str] | Literal[False] | None, site: Site
) -> frozenset[str] | None:
    if issuer is False:
        return None
    if issuer is not None:
        return _texts("issuer", (issuer,) if isinstance(issuer, str) else issuer)
    if site.key is None:
        raise ConfigurationError(
            "CLERK_PUBLISHABLE_KEY is missing: it names the instance whose tokens are believed; "
            "set it, or name the issuer."
        )
    # Behind a proxy and on a satellite the Frontend API goes by another name, too.
    issuers = {site.key.issuer, f"https://{site.frontend_host}"}
    if site.proxy_url is not None and not site.proxy_url.startswith("/"):
        issuers.add(site.proxy_url.rstrip("/"))
    return frozenset(issuers)


def _algorithms(names: Iterable[str]) -> frozenset[Algorithm]:
    asked = _texts("algorithms", names) or frozenset()
    allowed = frozenset[Algorithm](each for each in ALGORITHMS if each in asked)
    if not allowed or len(allowed) < len(asked):
        raise ConfigurationError(f"algorithms may name {', '.join(ALGORITHMS)} and nothing else.")
    return allowed


def _audience(values: str | Iterable[str] | None) -> frozenset[str] | None:
    return _texts("audience", (values,) if isinstance(values, str) else values)


def _texts(name: str, values: Iterable[str] | None) -> frozenset[str] | None:
    if values is None:
        return None
    texts = frozenset[str]()
    if isinstance(values, Iterable) and not isinstance(values, str):
        texts = frozenset(values)
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise ConfigurationError(
            f"{name} must be a list of non-empty texts; leave it out for the default."
        )
    return texts


def _clock_skew(seconds: float) -> float:
    if not _is_number(seconds) or not 0 <= seconds < math.inf:
        raise ConfigurationError("clock_skew must be a number of seconds, zero or more.")
    return float(seconds)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
