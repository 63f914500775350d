"""What a request carried: a bearer token, or the cookies of a browser."""

from __future__ import annotations

import math
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from clerk_fastapi.errors import TokenError, TokenInvalid
from clerk_fastapi.protocol.site import Site
from clerk_fastapi.protocol.tokens import UnverifiedToken, peek_claims

__all__ = ["SIGN_INS", "BrowserCookies", "Facts", "Navigation", "bearer_token", "read_cookies"]

SIGN_INS: Final = "clerk_fastapi_sign_ins"
"""The cookie that counts how often a browser was sent to sign in although it seemed signed in."""

_BLANK, _COMMA, _PERCENT = b" ,%"
_MANY = 9


class Navigation(NamedTuple):
    """What a browser says of the page it wants; headers that did not come are ``None``.

    ``target`` is path and query as the request line had them, ``peer`` the address at the other end
    of the connection, and ``destination`` the ``Sec-Fetch-Dest`` header. ``authorized`` tells of an
    ``Authorization`` header that is somebody else's, such as one for ``Basic``.
    """

    method: str
    target: bytes
    peer: str | None
    accept: bytes | None
    destination: bytes | None
    referrer: bytes | None
    forwarded_host: bytes | None
    forwarded_proto: bytes | None
    authorized: bool = False

    def __repr__(self) -> str:
        return "<Navigation>"  # tracebacks show it, and it holds what may be secret


class Facts(NamedTuple):
    """What one request or WebSocket said, as bytes and before anyone judged it.

    ``navigation`` is left out for those that carry a token in the header: they go nowhere.
    """

    kind: str
    """``http`` or ``websocket``."""
    scheme: str
    authorization: bytes | None
    cookie: bytes | None
    host: bytes | None
    origin: bytes | None
    navigation: Navigation | None = None

    def __repr__(self) -> str:
        return "<Facts>"  # tracebacks show it, and it holds what may be secret


class BrowserCookies(NamedTuple):
    """The cookies of one instance; ``suffixed`` tells whether they are its own or the shared ones.

    ``client_uat`` is when the sign-in state last changed, in seconds since the epoch, and 0 for
    signed out; ``redirects`` is how often in a row this browser was sent to Clerk, and ``sign_ins``
    how often to a sign-in page although it seemed signed in.
    """

    session: str | None
    client_uat: int
    dev_browser: str | None
    refresh: str | None
    handshake: str | None
    handshake_nonce: str | None
    redirects: int
    suffixed: bool
    sign_ins: int = 0

    def __repr__(self) -> str:
        return "<BrowserCookies>"  # tracebacks show it, and it holds what may be secret


def bearer_token(authorization: bytes | None) -> bytes | None:
    """Find the token in the ``Authorization`` header, RFC 6750 section 2.1.

    A header that should be a bearer token and is not is refused: the cookies are for requests that
    do not speak for themselves. Other schemes, such as ``Basic``, are somebody else's and ignored.

    :returns: the token, or ``None`` if the cookies are to decide.
    :raises TokenInvalid: if the header is not ``Bearer <token>``.
    """
    if not authorization:
        return None
    if authorization[:7].lower() == b"bearer ":
        token = authorization[7:].strip(b" ")
        if not token or _BLANK in token or _COMMA in token:
            raise TokenInvalid
        return token
    # One word is a token without its scheme, or a scheme without its token; and a bearer token that
    # comes second belongs to a second header.
    if b" " not in authorization.strip(b" ") or b"bearer " in authorization.lower():
        raise TokenInvalid
    return None


def read_cookies(header: bytes | None, site: Site, now: float) -> BrowserCookies:
    """Read the cookies of an instance, its own or the shared ones (``__session`` without a suffix).

    The refresh token is never shared, and what a handshake leaves behind always is.
    """
    cookies = _split_cookies(header or b"")
    own = "" if site.key is None else f"_{site.key.cookie_suffix}"
    suffixed = bool(own) and _uses_suffix(cookies, own, site, now)
    suffix = own if suffixed else ""
    get = cookies.get
    return BrowserCookies(
        get(f"__session{suffix}"),
        _client_uat(get(f"__client_uat{suffix}", "")),
        get(f"__clerk_db_jwt{suffix}"),
        get(f"__refresh{own}") if own else None,
        get("__clerk_handshake"),
        get("__clerk_handshake_nonce"),
        _redirects(get("__clerk_redirect_count", "")),
        suffixed,
        _redirects(get(SIGN_INS, "")),
    )


def _split_cookies(header: bytes) -> dict[str, str]:
    """Split a ``Cookie`` header first and decode values after, so that ``%3B`` forges no cookie.

    The first of duplicates wins, quotes stay, a value that is not UTF-8 is kept as it came, and an
    empty one is none.
    """
    cookies: dict[str, str] = {}
    for pair in header.split(b";"):
        name, equals, value = pair.partition(b"=")
        if equals:
            cookies.setdefault(name.strip().decode("latin-1"), _percent_decoded(value.strip()))
    return {name: value for name, value in cookies.items() if value}


def _percent_decoded(value: bytes) -> str:
    try:
        return (unquote_to_bytes(value) if _PERCENT in value else value).decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _client_uat(value: str) -> int:
    """Read the cookie as Clerk does: what is not a number counts as 0, signed out."""
    return int(value) if value.isascii() and value.isdigit() and len(value) <= 15 else 0


def _redirects(value: str) -> int:
    """Read the count of redirects; whatever can be meant as a large one stops them."""
    try:
        count = float(int(value, 16) if value[:2].lower() == "0x" else value)
    except ValueError:
        return 0
    except OverflowError:
        return _MANY
    return int(min(count, _MANY)) if count > 0 else 0


def _uses_suffix(cookies: dict[str, str], suffix: str, site: Site, now: float) -> bool:
    """Choose between this instance's own cookies and those that all instances share.

    Browsers keep cookies of several Clerk applications side by side on one domain, and old ones
    without a suffix. The rules are those of Clerk's SDKs, but for the first: a plain cookie that is
    junk, which any neighbouring subdomain can set, must not hide our own.
    """
    plain, own = cookies.get("__session"), cookies.get(f"__session{suffix}")
    plain_uat = cookies.get("__client_uat")
    own_uat = cookies.get(f"__client_uat{suffix}")
    plain_claims = _peek(plain)
    own_claims = plain_claims if own == plain else _peek(own)
    if plain is not None:
        issuer = _issuer(plain_claims)
        if not issuer:
            return own is not None
        if issuer != site.frontend_host:
            return True
    if own_uat is None:
        return False
    if own_uat == "0":
        return plain_uat == "0"
    if plain_uat != "0":
        return not _date(plain_claims, "iat") > _date(own_claims, "iat")
    ran_out = "exp" in own_claims and _date(own_claims, "exp") <= now
    return not (ran_out and site.is_development)


def _peek(token: str | None) -> dict[str, object]:
    if token is None:
        return {}
    try:
        return dict(peek_claims(UnverifiedToken.parse(token.encode()).payload))
    except TokenError:
        return {}


def _issuer(claims: dict[str, object]) -> object:
    issuer = claims.get("iss")
    return issuer.partition("://")[2] or issuer if isinstance(issuer, str) else issuer


def _date(claims: dict[str, object], name: str) -> float:
    """A date that can be compared: what is none is neither earlier nor later than any."""
    value = claims.get(name) or 0
    return value if isinstance(value, int | float) else math.nan
