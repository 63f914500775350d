"""When to send a browser to Clerk and back: the cookie flow as a pure decision."""

from __future__ import annotations

from typing import Final, NamedTuple

from clerk_fastapi.errors import (
    ClientUatMissing,
    ConfigurationError,
    CredentialsMissing,
    CrossOriginSync,
    DevBrowserMissing,
    DevBrowserSync,
    OrganizationMismatch,
    PrimaryRespondsToSyncing,
    SatelliteNeedsSyncing,
    SessionCookieMissing,
    SessionSuperseded,
    TokenError,
    TokenExpired,
    TokenIssuedInFuture,
    TokenNotActiveYet,
)
from clerk_fastapi.protocol.claims import COOKIE_LIMIT
from clerk_fastapi.protocol.credentials import BrowserCookies, Navigation
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.site import Site, is_loopback
from clerk_fastapi.protocol.url import (
    PublicUrl,
    form_encoded,
    hostname_of,
    origin_of,
    with_parameters,
)

__all__ = [
    "API_VERSION",
    "DEV_BROWSER",
    "HANDSHAKE",
    "HANDSHAKE_NONCE",
    "LEFT_OUT",
    "LONGEST_LOCATION",
    "MOST_REDIRECTS",
    "SYNCED",
    "Visit",
    "Way",
    "after_token",
    "before_token",
    "homecoming",
    "public_url",
    "session_reason",
    "superseded",
    "way",
]

API_VERSION: Final = "2026-05-12"

HANDSHAKE: Final = "__clerk_handshake"
HANDSHAKE_NONCE: Final = "__clerk_handshake_nonce"
DEV_BROWSER: Final = "__clerk_db_jwt"
_LEGACY_DEV_BROWSER: Final = "__dev_session"
SYNCED: Final = "__clerk_synced"
_REDIRECT_URL: Final = "__clerk_redirect_url"
_BROUGHT_HOME: Final = frozenset({HANDSHAKE, "__clerk_help", DEV_BROWSER, HANDSHAKE_NONCE})

# What would come home a second time, and stand before what is new.
_OWN: Final = frozenset({DEV_BROWSER, _LEGACY_DEV_BROWSER})
LEFT_OUT: Final = _BROUGHT_HOME | _OWN
"""Parameters that must not come home a second time."""

MOST_REDIRECTS: Final = 3
LONGEST_LOCATION: Final = 16_384  # servers and proxies take no longer ones
_LOOP: Final = (
    "The redirect to Clerk brought no session home three times in a row: check that "
    "CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY belong to the same instance, and that this domain "
    "is one of it."
)


class Visit(NamedTuple):
    """A browser that came without a token in the header: the site, its cookies, what it wants.

    ``url`` and ``navigation`` are missing for WebSockets and for requests without a usable host:
    nobody can be sent back to those.
    """

    site: Site
    cookies: BrowserCookies
    url: PublicUrl | None
    navigation: Navigation | None

    @property
    def may_be_redirected(self) -> bool:
        """Whether a page is being loaded, by a request that may go round by Clerk."""
        seen = self.navigation
        if self.url is None or seen is None or seen.method != "GET" or seen.authorized:
            return False
        if seen.destination:
            return seen.destination in (b"document", b"iframe")
        return (seen.accept or b"").startswith(b"text/html")

    @property
    def loads_document(self) -> bool:
        """Whether the browser says that a page is being loaded into a tab of its own."""
        return self.may_be_redirected and self._destination == b"document"

    @property
    def dev_browser(self) -> str | None:
        """The token by which a development instance knows this browser."""
        return self.parameter(DEV_BROWSER) or self.cookies.dev_browser

    @property
    def _destination(self) -> bytes | None:
        return None if self.navigation is None else self.navigation.destination

    def parameter(self, name: str) -> str | None:
        """The value of a query parameter."""
        return None if self.url is None else self.url.parameter(name)


class Way(NamedTuple):
    """What becomes of a browser that is not believed yet: without a ``location``, nothing.

    ``reason`` is Clerk's, ``cookies`` are values of ``Set-Cookie``.
    """

    error: TokenError
    reason: str
    location: str | None = None
    cookies: tuple[str, ...] = ()


def public_url(site: Site, scheme: str, host: bytes | None, seen: Navigation) -> PublicUrl | None:
    """The URL as the browser has it; ``X-Forwarded-*`` headers are believed from proxies only.

    Of several forwarded values the first counts: it was added closest to the browser.
    """
    name = (host or b"").decode("latin-1")
    if not site.proxies.include(seen.peer):
        return PublicUrl.build(scheme, name, seen.target)
    forwarded_host, forwarded_scheme = _first(seen.forwarded_host), _first(seen.forwarded_proto)
    if forwarded_scheme.lower() in ("http", "https"):
        scheme = forwarded_scheme.lower()
    return PublicUrl.build(scheme, forwarded_host, seen.target) or PublicUrl.build(
        scheme, name, seen.target
    )


def before_token(visit: Visit) -> Way | None:
    """Judge what needs no look at the session token; ``None`` if the token has to be verified.

    :raises ConfigurationError: if a satellite would be sent to itself to sign in.

    Source: the order of rules is that of Clerk's own backend SDKs.
    """
    site, cookies = visit.site, visit.cookies
    known = cookies.client_uat != 0
    if site.is_satellite:
        answer = _sync_satellite(visit, empty=not known and cookies.session is None)
        if answer is not None:
            return answer
    if site.is_development:
        answer = _introduce(visit)
        if answer is not None:
            return answer
    if cookies.session is None:
        return way(visit, SessionCookieMissing()) if known else _stay(CredentialsMissing())
    return None if known else way(visit, ClientUatMissing())


def superseded(visit: Visit, issued_at: object) -> Way | None:
    """Send the browser for a fresh token if its sign-in state changed after this one."""
    if isinstance(issued_at, int | float) and issued_at < visit.cookies.client_uat:
        return way(visit, SessionSuperseded())
    return None


def after_token(visit: Visit, identity: Identity) -> Way | None:
    """Judge what a valid session may still lack; ``None`` if nothing."""
    if not visit.may_be_redirected or visit.cookies.redirects >= MOST_REDIRECTS:
        return None
    error: TokenError | None = None
    if visit.cookies.redirects == 0 and not visit.site.is_satellite and _came_across(visit):
        error = CrossOriginSync()
    elif not identity.is_pending and _is_elsewhere(visit, identity):
        error = OrganizationMismatch()
    better = None if error is None else way(visit, error)
    return better if better is not None and better.location is not None else None


def way(
    visit: Visit, error: TokenError, reason: str | None = None, location: str | None = None
) -> Way:
    """Send the browser to Clerk, or to ``location``, unless that is no use or has been none.

    :param reason: Clerk's word for why, if it is not the code of ``error``.
    """
    reason = reason or error.code
    if location is None:
        location = _handshake(visit, reason)
    if location is None or not visit.may_be_redirected or len(location) > LONGEST_LOCATION:
        return Way(error, reason)
    if visit.cookies.redirects >= MOST_REDIRECTS:
        return Way(type(error)(_LOOP), reason)
    count = f"__clerk_redirect_count={visit.cookies.redirects + 1}"
    return Way(error, reason, location, (f"{count}; Path=/; SameSite=Lax; HttpOnly; Max-Age=2",))


def session_reason(error: TokenError, why: str) -> str:
    """Clerk's word for a session token that was refused.

    :param why: why an expired session was not made fresh.
    """
    if isinstance(error, TokenExpired):
        return f"session-token-expired-refresh-{why}"
    if isinstance(error, TokenNotActiveYet):
        return "session-token-nbf"
    return (
        "session-token-iat-in-the-future" if isinstance(error, TokenIssuedInFuture) else error.code
    )


def homecoming(visit: Visit) -> str | None:
    """Where a development browser goes on to: the same page, without what it brought home."""
    if visit.url is None or not visit.site.is_development or not visit.may_be_redirected:
        return None
    return visit.url.without(_BROUGHT_HOME)


def _stay(error: TokenError) -> Way:
    return Way(error, error.code)


def _sync_satellite(visit: Visit, *, empty: bool) -> Way | None:
    """Fetch the session of the primary domain, if this satellite has none or was told to."""
    synced = visit.parameter(SYNCED)
    if not visit.loads_document or visit.url is None or synced == "true":
        return None
    if synced != "false":
        if not empty:
            return None
        if not visit.site.satellite_auto_sync:
            return _stay(CredentialsMissing())
    if not visit.site.is_development:
        return way(visit, SatelliteNeedsSyncing())
    sign_in = visit.site.sign_in_url or ""
    if origin_of(sign_in) == visit.url.origin:
        raise ConfigurationError(
            "CLERK_SIGN_IN_URL of a satellite must be on the primary domain, not on its own."
        )
    back = [(_REDIRECT_URL, str(visit.url))]
    return way(visit, SatelliteNeedsSyncing(), location=with_parameters(sign_in, back))


def _introduce(visit: Visit) -> Way | None:
    """Make a browser and a development instance known to each other, or to a satellite."""
    target = visit.parameter(_REDIRECT_URL)
    if target and not visit.site.is_satellite and _is_satellites(visit, target):
        back = [(DEV_BROWSER, visit.dev_browser)] if visit.dev_browser else []
        location = with_parameters(target, [*back, (SYNCED, "true")])
        return way(visit, PrimaryRespondsToSyncing(), location=location)
    if visit.parameter(DEV_BROWSER) is not None:
        return way(visit, DevBrowserSync())
    if visit.dev_browser is not None:
        return None
    # Whoever sent nothing at all is told to sign in, which is what helps.
    empty = visit.cookies.session is None and visit.cookies.client_uat == 0
    error = CredentialsMissing() if empty else DevBrowserMissing()
    return way(visit, error, DevBrowserMissing.code)


def _is_satellites(visit: Visit, target: str) -> bool:
    """Whether a URL may be told the browser's token: a stranger's must not."""
    origin = origin_of(target)
    if origin is None or visit.url is None or not visit.may_be_redirected:
        return False
    known = origin == visit.url.origin or origin in visit.site.redirect_origins
    return known or is_loopback(hostname_of(origin))


def _came_across(visit: Visit) -> bool:
    """Whether a page of another site, and not Clerk's, led here."""
    seen, url = visit.navigation, visit.url
    if not visit.loads_document or seen is None or url is None or not seen.referrer:
        return False
    referrer = origin_of(seen.referrer.decode("latin-1"))
    if referrer is None or referrer == url.origin:
        return False
    # Where TLS ended at a proxy that is not trusted, the page before was still one of this host.
    if _first(seen.forwarded_proto) == "https" and referrer == f"https://{_host(url.origin)}":
        return False
    frontend_api = visit.site.frontend_api(url.origin)
    host = hostname_of(origin_of(frontend_api or "") or "")
    return not visit.site.is_portal(referrer, hostname_of(referrer), host)


def _is_elsewhere(visit: Visit, identity: Identity) -> bool:
    """Whether the page belongs to another organization than the one that is active."""
    wanted = _wanted_organization(visit)
    if wanted is None:
        return False
    kind, value = wanted
    return ((identity.org_id if kind == "id" else identity.org_slug) or "") != value


def _wanted_organization(visit: Visit) -> tuple[str, str] | None:
    sync = visit.site.organization_sync
    return None if sync is None or visit.url is None else sync.wanted_at(visit.url.path)


def _handshake(visit: Visit, reason: str) -> str | None:
    """The URL of the handshake, or ``None`` if it is not known where that is."""
    if visit.url is None:
        return None
    base = visit.site.frontend_api(visit.url.origin)
    if base is None:
        return None
    parameters = [
        ("redirect_url", visit.url.without(LEFT_OUT if visit.site.is_development else _OWN)),
        ("__clerk_api_version", API_VERSION),
        ("suffixed_cookies", str(visit.cookies.suffixed).lower()),
        ("__clerk_hs_reason", reason),
    ]
    if visit.site.takes_nonces:
        parameters.append(("format", "nonce"))
    # Longer ones are not Clerk's: no browser keeps them, and no proxy passes such a redirect on.
    if visit.cookies.session is not None and len(visit.cookies.session) <= COOKIE_LIMIT:
        parameters.append(("__session", visit.cookies.session))
    if visit.site.is_development and visit.dev_browser:
        parameters.append((DEV_BROWSER, visit.dev_browser))
    wanted = _wanted_organization(visit)
    if wanted is not None:
        parameters.append(("organization_id", wanted[1]))
    return f"{base}/v1/client/handshake?{form_encoded(parameters)}"


def _host(origin: str) -> str:
    return origin.partition("://")[2]


def _first(value: bytes | None) -> str:
    return (value or b"").partition(b",")[0].strip().decode("latin-1")
