"""Session tokens for tests that need no instance: one key, one moment, and what is to be said."""

from collections.abc import Mapping
from functools import cache

from clerk_fastapi import SessionClaims, TokenError
from clerk_fastapi.protocol._jose import VerificationKey, key_from_jwk
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.protocol.reading import ClaimsReader
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.protocol.verify import Rules, VerifiedToken, verify
from clerk_fastapi.testing import SigningKey
from clerk_fastapi.testing.signing import base64url
from clerk_fastapi.testing.tokens import changed, header, to_json

__all__ = [
    "HEAD",
    "KEY",
    "NOW",
    "ORIGIN",
    "READER",
    "Fields",
    "claims",
    "code",
    "forged",
    "identity",
    "identity_of",
    "judged",
    "raw",
    "signed",
    "signing_key",
    "verification_key",
]

Fields = Mapping[str, object]

NOW = 1_800_000_000
KEY = PublishableKey.build("clerk.example.com", "production")
ORIGIN = "https://app.example.com"
HEAD = to_json({"alg": "RS256"})
LAX = Rules()
READER = ClaimsReader(SessionClaims)
CLAIMS: Fields = {
    "iss": KEY.issuer,
    "sub": "user_1",
    "sid": "sess_1",
    "iat": NOW - 10,
    "nbf": NOW - 20,
    "exp": NOW + 50,
    "azp": ORIGIN,
}


@cache
def signing_key() -> SigningKey:
    """The instance's key, made once."""
    return SigningKey.generate()


@cache
def verification_key() -> VerificationKey:
    """Its public half, as the package builds it."""
    return key_from_jwk(signing_key().jwk)


def claims(**changes: object) -> dict[str, object]:
    """The claims of an ordinary session, with something said otherwise."""
    return changed(CLAIMS, changes)


def signed(says: Fields | None = None, header_says: Fields | None = None) -> bytes:
    """A token of the instance, with something in its claims or header said otherwise."""
    head = changed(header(signing_key().kid), header_says or {})
    return raw(to_json(head), to_json(claims(**says or {})))


def raw(head: bytes, payload: bytes) -> bytes:
    """A token of the instance whose two parts are these very bytes."""
    return signing_key().token(head, payload).encode()


def forged(says: Fields | None = None) -> bytes:
    """An ordinary token with a signature that is nobody's."""
    return signed(says).rpartition(b".")[0] + b"." + base64url(bytes(256)).encode()


def judged(
    token: bytes, rules: Rules = LAX, now: float = NOW, key: VerificationKey | None = None
) -> VerifiedToken:
    """What becomes of a token."""
    return verify(UnverifiedToken.parse(token), key or verification_key(), rules, READER, now)


def code(token: bytes, rules: Rules = LAX, now: float = NOW) -> str:
    """Why a token is refused, or ``accepted``."""
    try:
        judged(token, rules, now)
    except TokenError as error:
        return error.code
    return "accepted"


def identity(**says: object) -> Identity:
    """Whose session an ordinary token is, with something in its claims said otherwise."""
    return identity_of(to_json(claims(**says)))


def identity_of(payload: bytes) -> Identity:
    """Whose session a token with this very payload is."""
    return judged(raw(HEAD, payload)).identity
