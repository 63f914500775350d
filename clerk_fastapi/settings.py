"""What the operator decides, read once from arguments and ``CLERK_*`` variables, secrets masked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
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
from clerk_fastapi.protocol.keys import PublishableKey, secret_key_instance_type
from clerk_fastapi.protocol.verify import Rules

__all__ = ["Settings", "check_seconds", "read_settings"]

_API_URL = "https://api.clerk.com"
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^A-Z/?#\s]+")
_SECRET_KEY = re.compile(r"(sk_)?(test|live)_[\x21-\x7e]+")
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_NO_URL = f"CLERK_API_URL is not a URL like {_API_URL}."


class _Environment(BaseSettings):
    """The variables, as text; an empty one counts as unset."""

    model_config = SettingsConfigDict(env_prefix="CLERK_", env_ignore_empty=True, extra="ignore")

    publishable_key: str | None = None
    secret_key: SecretStr | None = None
    jwt_key: SecretStr | None = None
    api_url: str | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """Configuration that has been checked: whoever holds it need not check again."""

    publishable_key: PublishableKey | None
    secret_key: SecretStr | None
    jwt_key: VerificationKey | None
    api_url: str
    rules: Rules


def read_settings(
    *,
    publishable_key: str | None,
    secret_key: str | None,
    jwt_key: str | None,
    api_url: str | None,
    authorized_parties: Iterable[str] | None,
    audience: str | Iterable[str] | None,
    issuer: str | Iterable[str] | Literal[False] | None,
    clock_skew: float,
    algorithms: Iterable[str],
    require_category: bool,
) -> Settings:
    """Check arguments, fill in what is missing from ``CLERK_*`` variables, and check those.

    An empty argument stands for "none": the variable is not looked at.

    :raises ConfigurationError: with the name of the variable or argument and the cure, and never
        with the value of a secret.
    """
    given = {
        "publishable_key": publishable_key,
        "secret_key": secret_key,
        "jwt_key": jwt_key,
        "api_url": api_url,
    }
    environment = _Environment.model_validate(_Environment().model_dump() | _present(given))
    key = _publishable_key(environment.publishable_key)
    secret = environment.secret_key
    pem = environment.jwt_key
    allowed = _algorithms(algorithms)
    if secret is not None:
        secret = SecretStr(secret.get_secret_value().strip())
        _check_secret_key(secret.get_secret_value(), key)
    if key is None and secret is None and pem is None:
        raise ConfigurationError(
            "Clerk has no keys: set CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY, as the API keys "
            "page of the Clerk dashboard shows them."
        )
    return Settings(
        publishable_key=key,
        secret_key=secret,
        jwt_key=None if pem is None else _jwt_key(pem.get_secret_value(), allowed),
        api_url=_origin(environment.api_url or _API_URL),
        rules=Rules(
            algorithms=frozenset(allowed),
            issuers=_issuers(issuer, key),
            authorized_parties=_origins(authorized_parties),
            audience=_texts("audience", (audience,) if isinstance(audience, str) else audience),
            clock_skew=_clock_skew(clock_skew),
            require_category=require_category,
        ),
    )


def check_seconds(**durations: float) -> None:
    """Make sure that durations are finite and greater than zero.

    :raises ConfigurationError: with the name of the one that is not.
    """
    for name, seconds in durations.items():
        if not _is_number(seconds) or not 0 < seconds < math.inf:
            raise ConfigurationError(f"{name} must be a number of seconds, greater than zero.")


def _present(given: Mapping[str, str | None]) -> dict[str, str | None]:
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"{name} must be text.")
    return {name: value.strip() or None for name, value in given.items() if value is not None}


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


def _origins(parties: Iterable[str] | None) -> frozenset[str] | None:
    origins = _texts("authorized_parties", parties)
    if origins is not None and not all(map(_ORIGIN.fullmatch, origins)):
        raise ConfigurationError(
            "authorized_parties takes origins as browsers send them, such as "
            "https://app.example.com: in lower case, with a scheme, and without a path."
        )
    return origins


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
    issuer: str | Iterable[str] | Literal[False] | None, key: PublishableKey | None
) -> frozenset[str] | None:
    if issuer is False:
        return None
    if issuer is not None:
        return _texts("issuer", (issuer,) if isinstance(issuer, str) else issuer)
    if key is None:
        raise ConfigurationError(
            "CLERK_PUBLISHABLE_KEY is missing: it names the instance whose tokens are believed; "
            "set it, or name the issuer."
        )
    return frozenset({key.issuer})


def _algorithms(names: Iterable[str]) -> frozenset[Algorithm]:
    asked = _texts("algorithms", names) or frozenset()
    allowed = frozenset[Algorithm](each for each in ALGORITHMS if each in asked)
    if not allowed or len(allowed) < len(asked):
        raise ConfigurationError(f"algorithms may name {', '.join(ALGORITHMS)} and nothing else.")
    return allowed


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
