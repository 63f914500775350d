"""Browsers that ask for pages of a site: what they send, without a server around it."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

from clerk_fastapi.protocol.credentials import BrowserCookies, Navigation
from clerk_fastapi.protocol.handshake import Visit, Way, public_url
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.protocol.site import Site
from tests.protocol.material import KEY

__all__ = [
    "COUNT",
    "DEVELOPMENT",
    "DEVELOPMENT_KEY",
    "DOCUMENT",
    "HOST",
    "NO_COOKIES",
    "PRODUCTION",
    "SIGNED_IN",
    "SIGN_IN",
    "SUFFIX",
    "parameters",
    "place",
    "site",
    "verdict",
    "visit",
]

HOST = "app.example.com"
DEVELOPMENT_KEY = PublishableKey.build("calm-otter-1.clerk.accounts.dev", "development")
SUFFIX = KEY.cookie_suffix
PRODUCTION = Site("production", KEY)
DEVELOPMENT = Site("development", DEVELOPMENT_KEY)

DOCUMENT = Navigation("GET", b"/", "203.0.113.9", None, b"document", None, None, None)
NO_COOKIES = BrowserCookies(None, 0, None, None, None, None, 0, False)
SIGNED_IN = NO_COOKIES._replace(session="a.b.c", client_uat=5, dev_browser="dvb_1")
SIGN_IN = "https://www.example.com/sign-in?from=satellite"
COUNT = "__clerk_redirect_count={}; Path=/; SameSite=Lax; HttpOnly; Max-Age=2"


def site(base: Site = PRODUCTION, **changes: object) -> Site:
    """A site, with something configured otherwise."""
    return replace(base, **changes)  # type: ignore[arg-type]  # fields by name


def visit(
    at: Site = PRODUCTION,
    target: str = "/",
    *,
    host: str = HOST,
    cookies: BrowserCookies = NO_COOKIES,
    **says: object,
) -> Visit:
    """A browser that loads a page of a site; ``says`` changes fields of the navigation."""
    document = DOCUMENT._replace(target=target.encode("latin-1"))
    seen = document._replace(**says)  # type: ignore[arg-type]  # fields by name
    return Visit(at, cookies, public_url(at, "https", host.encode("latin-1"), seen), seen)


def verdict(judged: Way | None) -> str:
    """``verify`` the token, else the reason, with where the browser is sent."""
    if judged is None:
        return "verify"
    return judged.reason if judged.location is None else f"{judged.reason} -> {place(judged)}"


def place(judged: Way) -> str:
    """Where a browser is sent, without the parameters."""
    assert judged.location is not None
    return judged.location.partition("?")[0]


def parameters(judged: Way | None) -> list[tuple[str, str]]:
    """What the browser is sent with."""
    assert judged is not None
    assert judged.location is not None
    return parse_qsl(urlsplit(judged.location).query, keep_blank_values=True)
