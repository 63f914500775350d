"""What a request carried: a bearer token, or the session cookies of a browser."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from clerk_fastapi.errors import CredentialsMissing, TokenError, TokenInvalid
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.protocol.tokens import UnverifiedToken, peek_claims

__all__ = ["Credentials", "Facts", "read_credentials"]


_BLANK, _COMMA = b" ,"


class Facts(NamedTuple):
    """What one request or WebSocket said, as bytes and before anyone judged it."""

    kind: str
    """``http`` or ``websocket``."""
    scheme: str
    authorization: bytes | None
    cookie: bytes | None
    host: bytes | None
    origin: bytes | None


class Credentials(NamedTuple):
    """A token, where it was found, and what the browser last said of its sign-in state.

    ``client_uat`` is the ``__client_uat`` cookie: seconds since the epoch, 0 for signed out,
    ``None`` where there was no such cookie.
    """

    token: bytes
    carrier: Literal["header", "cookie"]
    client_uat: int | None = None


def read_credentials(facts: Facts, key: PublishableKey | None, now: float) -> Credentials:
    """Find the session token: the ``Authorization`` header before cookies, RFC 6750 section 2.1.

    A header that should be a bearer token and is not is refused: the cookies are for requests that
    do not speak for themselves. Other schemes, such as ``Basic``, are somebody else's and ignored.

    :raises CredentialsMissing: if there is none.
    :raises TokenInvalid: if the header is not ``Bearer <token>``.
    """
    if facts.authorization:
        token = _bearer_token(facts.authorization)
        if token is not None:
            return Credentials(token, "header")
    if facts.cookie is None:
        raise CredentialsMissing
    return _session_cookie(_split_cookies(facts.cookie), key, now)


def _bearer_token(value: bytes) -> bytes | None:
    if value[:7].lower() == b"bearer ":
        token = value[7:].strip(b" ")
        if not token or _BLANK in token or _COMMA in token:
            raise TokenInvalid
        return token
    # One word is a token without its scheme, or a scheme without its token; and a bearer token that
    # comes second belongs to a second header.
    if b" " not in value.strip(b" ") or b"bearer " in value.lower():
        raise TokenInvalid
    return None


def _split_cookies(header: bytes) -> dict[str, str]:
    """Split a ``Cookie`` header first and decode values after, so that ``%3B`` forges no cookie.

    The first of duplicates wins, quotes stay, and a value that is not UTF-8 is kept as it came.
    """
    cookies: dict[str, str] = {}
    for pair in header.split(b";"):
        name, equals, value = pair.partition(b"=")
        if equals:
            cookies.setdefault(name.strip().decode("latin-1"), _percent_decoded(value.strip()))
    return cookies


def _percent_decoded(value: bytes) -> str:
    try:
        return unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _session_cookie(cookies: dict[str, str], key: PublishableKey | None, now: float) -> Credentials:
    suffix = ""
    if key is not None and _uses_suffix(cookies, key, now):
        suffix = f"_{key.cookie_suffix}"
    session, client_uat = cookies.get(f"__session{suffix}"), cookies.get(f"__client_uat{suffix}")
    if client_uat is None and key is not None:
        # This instance's own word on whether anyone is signed in, if that is no.
        client_uat = "0" if cookies.get(f"__client_uat_{key.cookie_suffix}") == "0" else None
    if not session:
        raise CredentialsMissing
    uat = None if client_uat is None else _client_uat(client_uat)
    return Credentials(session.encode("utf-8", "surrogateescape"), "cookie", uat)


def _client_uat(value: str) -> int:
    """Read the cookie as Clerk does: what is not a number counts as 0, signed out."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 15 else 0


def _uses_suffix(cookies: dict[str, str], key: PublishableKey, now: float) -> bool:
    """Choose between this instance's own cookies and those that all instances share.

    Browsers keep cookies of several Clerk applications side by side on one domain, and old ones
    without a suffix. The rules are those of Clerk's SDKs, but for the first: a plain cookie that is
    junk, which any neighbouring subdomain can set, must not hide our own.
    """
    plain, own = cookies.get("__session"), cookies.get(f"__session_{key.cookie_suffix}")
    plain_uat = cookies.get("__client_uat")
    own_uat = cookies.get(f"__client_uat_{key.cookie_suffix}")
    plain_claims, own_claims = _peek(plain), _peek(own)
    if plain is not None:
        issuer = _issuer(plain_claims)
        if not issuer:
            return own is not None
        if issuer != key.host:
            return True
    if own_uat is None:
        return False
    if own_uat == "0":
        return plain_uat == "0"
    if plain_uat != "0":
        return _date(plain_claims, "iat") <= _date(own_claims, "iat")
    ran_out = own is not None and _date(own_claims, "exp") <= now
    return not (ran_out and key.instance_type == "development")


def _peek(token: str | None) -> dict[str, object]:
    if token is None:
        return {}
    try:
        return dict(peek_claims(UnverifiedToken.parse(token.encode()).payload))
    except TokenError:
        return {}


def _issuer(claims: dict[str, object]) -> str:
    issuer = claims.get("iss")
    return issuer.partition("://")[2] or issuer if isinstance(issuer, str) else ""


def _date(claims: dict[str, object], name: str) -> float:
    value = claims.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0
