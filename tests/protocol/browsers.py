"""Browsers that ask for pages of a site: what they send, without a server around it."""

from dataclasses import replace

from clerk_fastapi.protocol.credentials import BrowserCookies, Navigation
from clerk_fastapi.protocol.handshake import Visit, public_url
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.protocol.site import Site
from tests.protocol.material import KEY

__all__ = [
    "DEVELOPMENT",
    "DEVELOPMENT_KEY",
    "DOCUMENT",
    "HOST",
    "NO_COOKIES",
    "PRODUCTION",
    "SUFFIX",
    "site",
    "visit",
]

HOST = "app.example.com"
DEVELOPMENT_KEY = PublishableKey.build("calm-otter-1.clerk.accounts.dev", "development")
SUFFIX = KEY.cookie_suffix
PRODUCTION = Site("production", KEY)
DEVELOPMENT = Site("development", DEVELOPMENT_KEY)

DOCUMENT = Navigation("GET", b"/", "203.0.113.9", None, b"document", None, None, None)
NO_COOKIES = BrowserCookies(None, 0, None, None, None, None, 0, False)


def site(base: Site = PRODUCTION, **changes: object) -> Site:
    """A site, with something configured otherwise."""
    return replace(base, **changes)  # type: ignore[arg-type]


def visit(
    at: Site = PRODUCTION,
    target: str = "/",
    *,
    host: str = HOST,
    cookies: BrowserCookies = NO_COOKIES,
    **says: object,
) -> Visit:
    """A browser that loads a page of a site; ``says`` changes fields of the navigation."""
    seen = DOCUMENT._replace(target=target.encode("latin-1"))._replace(**says)  # type: ignore[arg-type]
    return Visit(at, cookies, public_url(at, "https", host.encode("latin-1"), seen), seen)
