"""A publishable or secret key, and the Clerk instance it names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from clerk_fastapi.errors import ConfigurationError

__all__ = ["InstanceType", "PublishableKey", "secret_key_instance_type"]

InstanceType = Literal["development", "production"]

_PREFIXES: dict[InstanceType, str] = {"development": "pk_test_", "production": "pk_live_"}
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.ASCII | re.IGNORECASE)
_PORT = re.compile(r":[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishableKey:
    """A publishable key, taken apart.

    ``text`` is the key exactly as configured, ``host`` the host of the instance's Frontend API,
    ``issuer`` what its session tokens carry as ``iss``, and ``cookie_suffix`` the eight characters
    that end the names of its cookies.
    """

    text: str
    instance_type: InstanceType
    host: str

    @classmethod
    def parse(cls, text: str) -> PublishableKey:
        """Take a key apart: ``pk_test_`` or ``pk_live_``, then base64 of the host and a ``$``.

        :raises ConfigurationError: if the text is not a publishable key; the sentence names the
            environment variable.
        """
        for instance_type, prefix in _PREFIXES.items():
            if text.startswith(prefix):
                host = _decode_host(text.removeprefix(prefix))
                if host is not None and _is_host(host, instance_type):
                    return cls(text, instance_type, host)
        if text.startswith(("sk_", "test_", "live_")):
            raise ConfigurationError(
                "CLERK_PUBLISHABLE_KEY holds a secret key; swap it with CLERK_SECRET_KEY, and "
                "replace it if it was ever sent to a browser."
            )
        raise ConfigurationError(
            "CLERK_PUBLISHABLE_KEY is not a publishable key; copy it whole, from 'pk_test_' or "
            "'pk_live_' on, from the API keys page of the Clerk dashboard."
        )

    @classmethod
    def build(cls, host: str, instance_type: InstanceType) -> PublishableKey:
        """Make the key that names ``host``, as Clerk does: base64 without padding.

        :raises ConfigurationError: if no key can name that host.
        """
        encoded = base64.b64encode(f"{host}$".encode()).decode().rstrip("=")
        return cls.parse(_PREFIXES[instance_type] + encoded)

    @property
    def issuer(self) -> str:
        """The ``iss`` claim of this instance's session tokens."""
        return f"https://{self.host}"

    @property
    def cookie_suffix(self) -> str:
        """What ends the names of this instance's cookies: ``__session_<suffix>``."""
        # Clerk fixed SHA-1 for this name tag; nothing about security hangs on it.
        digest = hashlib.sha1(self.text.encode(), usedforsecurity=False).digest()
        return base64.urlsafe_b64encode(digest).decode()[:8]


def secret_key_instance_type(secret_key: str) -> InstanceType:
    """Tell a development secret key (``sk_test_``, formerly ``test_``) from a live one."""
    return "development" if secret_key.startswith(("sk_test_", "test_")) else "production"


def _decode_host(encoded: str) -> str | None:
    bare = encoded.rstrip("=")
    padded = bare + "=" * (-len(bare) % 4)
    if encoded not in (bare, padded):  # padding may be left out, but not be wrong
        return None
    try:
        decoded = base64.b64decode(padded, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    host, dollar, rest = decoded.partition("$")
    return host if dollar and not rest else None


def _is_host(host: str, instance_type: InstanceType) -> bool:
    match = _HOST.match(host)
    if match is None:
        return False
    rest = host[match.end() :]
    # A port only ever appears while developing against a stand-in on this machine.
    if not rest or instance_type != "development":
        return not rest
    return _PORT.fullmatch(rest) is not None and 0 < int(rest[1:]) <= 65_535
