"""What a valid session may still lack, and whose word on the public URL counts."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from clerk_fastapi import OrganizationSync
from clerk_fastapi.protocol.handshake import Visit, Way, after_token, public_url
from clerk_fastapi.protocol.site import Proxies, Site
from tests.protocol.browsers import (
    DEVELOPMENT,
    DOCUMENT,
    HOST,
    NO_COOKIES,
    PRODUCTION,
    site,
    visit,
)
from tests.protocol.material import identity

CROSS = "primary-domain-cross-origin-sync"
ELSEWHERE = "active-organization-mismatch"
MEMBER: dict[str, Any] = {"org_id": "org_1", "org_slug": "acme", "org_role": "org:admin"}


def judged(arrived: Visit, **says: object) -> str | None:
    """Why the browser of a valid session is sent to Clerk, if it is."""
    better: Way | None = after_token(arrived, identity(**says))
    if better is None:
        return None
    assert better.location is not None
    assert dict(parse_qsl(urlsplit(better.location).query))["__clerk_hs_reason"] == better.reason
    return better.reason


def after(redirects: int) -> Any:
    """The cookies of a browser that was redirected so often."""
    return NO_COOKIES._replace(session="a.b.c", client_uat=5, redirects=redirects)


# --- row 18: another site's page led here ---------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "referrer", "reason"),
    [
        (PRODUCTION, None, None),
        (PRODUCTION, b"", None),
        (PRODUCTION, b"https://app.example.com/other", None),
        (PRODUCTION, b"https://APP.example.com:443/", None),
        (PRODUCTION, b"https://clerk.example.com/v1/client", None),
        (PRODUCTION, b"https://accounts.example.com/sign-in", None),
        (PRODUCTION, b"https://www.example.com/", CROSS),
        (PRODUCTION, b"http://app.example.com/", CROSS),
        (PRODUCTION, b"https://app.example.com:8443/", CROSS),
        (PRODUCTION, b"https://accounts.evil.example/", CROSS),
        (PRODUCTION, b"https://calm-otter-1.accounts.dev/", CROSS),
        (PRODUCTION, b"android-app://com.example/", CROSS),
        (PRODUCTION, b"junk", None),
        (PRODUCTION, b"/path", None),
        (PRODUCTION, b"https://\xe9vil.example/", None),
        (DEVELOPMENT, b"https://calm-otter-1.accounts.dev/sign-in", None),
        (DEVELOPMENT, b"https://other.accounts.dev/sign-in", None),
        (DEVELOPMENT, b"https://accounts.evil.example/", CROSS),
        (site(proxy_url="https://proxy.example/c"), b"https://proxy.example/c/x", None),
        (site(proxy_url="https://proxy.example/c"), b"https://clerk.example.com/", CROSS),
        (site(is_satellite=True, domain="app.example.com"), b"https://www.example.com/", None),
    ],
)
def test_page_of_another_site_asks_for_news(
    at: Site, referrer: bytes | None, reason: str | None
) -> None:
    """The session may have changed on another domain; Clerk's own pages have told already."""
    assert judged(visit(at, cookies=after(0), referrer=referrer)) == reason


@pytest.mark.parametrize(
    ("forwarded_proto", "referrer", "reason"),
    [
        (b"https", b"https://app.example.com/other", None),
        (b"https, http", b"https://app.example.com/other", None),
        (b"https", b"https://evil.example/", CROSS),
        (b"https", b"https://app.example.com:8443/", CROSS),
        (b"http", b"https://app.example.com/other", CROSS),
        (None, b"https://app.example.com/other", CROSS),
    ],
)
def test_page_before_a_proxy_that_is_not_trusted_is_this_site(
    forwarded_proto: bytes | None, referrer: bytes, reason: str | None
) -> None:
    """Where TLS ended is no reason to ask for news at every click."""
    arrived = visit(cookies=after(0), referrer=referrer, forwarded_proto=forwarded_proto)
    assert arrived.url is not None
    url = arrived.url._replace(origin="http://app.example.com")
    assert judged(arrived._replace(url=url)) == reason


def test_page_of_another_site_without_a_known_clerk_is_nothing_special() -> None:
    """Nobody knows where to ask for news."""
    keyless = Site("production", None)
    assert judged(visit(keyless, cookies=after(0), referrer=b"https://www.example.com/")) is None


@pytest.mark.parametrize(
    "says",
    [
        {"destination": b"iframe"},
        {"destination": None, "accept": b"text/html"},
        {"destination": b"empty"},
        {"method": "POST"},
    ],
)
def test_only_whole_pages_ask_for_news(says: dict[str, Any]) -> None:
    """Frames are full of pages that lead elsewhere."""
    arrived = visit(cookies=after(0), referrer=b"https://www.example.com/", **says)
    assert judged(arrived) is None


@pytest.mark.parametrize("redirects", [1, 2, 3, 9])
def test_news_are_asked_for_once(redirects: int) -> None:
    """Back from Clerk the referrer is the same as before."""
    assert judged(visit(cookies=after(redirects), referrer=b"https://www.example.com/")) is None


# --- row 19: another organization's page ----------------------------------------------------------

SYNC = site(
    organization_sync=OrganizationSync(["/orgs/:slug", "/by-id/:id", "/x/:id/:slug"], ["/me"])
)


@pytest.mark.parametrize(
    ("target", "says", "reason"),
    [
        ("/orgs/acme", MEMBER, None),
        ("/orgs/other", MEMBER, ELSEWHERE),
        ("/orgs/ACME", MEMBER, ELSEWHERE),
        ("/orgs/org_1", MEMBER, ELSEWHERE),
        ("/orgs/acme", {}, ELSEWHERE),
        ("/by-id/org_1", MEMBER, None),
        ("/by-id/org_2", MEMBER, ELSEWHERE),
        ("/by-id/acme", MEMBER, ELSEWHERE),
        ("/x/org_1/other", MEMBER, None),
        ("/me", MEMBER, ELSEWHERE),
        ("/me", {}, None),
        ("/", MEMBER, None),
        ("/", {}, None),
    ],
)
def test_page_of_another_organization_switches(
    target: str, says: dict[str, Any], reason: str | None
) -> None:
    """By slug, by id, or back to the personal account."""
    assert judged(visit(SYNC, target, cookies=after(0)), **says) == reason


def test_pending_session_has_no_organization_to_switch() -> None:
    """Choosing one may be the very task that is left."""
    assert judged(visit(SYNC, "/orgs/acme", cookies=after(0)), sts="pending") is None


@pytest.mark.parametrize(
    ("redirects", "reason"), [(0, ELSEWHERE), (1, ELSEWHERE), (2, ELSEWHERE), (3, None), (9, None)]
)
def test_organization_that_cannot_be_switched_leaves_the_session_as_it_is(
    redirects: int, reason: str | None
) -> None:
    """After three times the page has to decide; nobody is signed out for it."""
    assert judged(visit(SYNC, "/orgs/other", cookies=after(redirects)), **MEMBER) == reason


@pytest.mark.parametrize("says", [{"method": "POST"}, {"destination": b"empty"}])
def test_organization_of_other_requests_is_left_alone(says: dict[str, Any]) -> None:
    """What cannot be redirected is signed in as it is."""
    assert judged(visit(SYNC, "/orgs/other", cookies=after(0), **says), **MEMBER) is None


def test_news_come_before_organizations() -> None:
    """One redirect does both: the handshake names the organization, too."""
    arrived = visit(SYNC, "/orgs/other", cookies=after(0), referrer=b"https://www.example.com/")
    better = after_token(arrived, identity(**MEMBER))
    assert better is not None
    assert better.reason == CROSS
    assert "organization_id=other" in (better.location or "")


# --- the public URL -------------------------------------------------------------------------------

PROXIED = site(proxies=Proxies.named(["10.0.0.0/8"]))
ANYONE = site(proxies=Proxies.named("*"))


def seen_as(
    at: Site,
    peer: str | None,
    host: bytes | None = b"internal:8000",
    forwarded_host: bytes | None = b"app.example.com",
    forwarded_proto: bytes | None = b"https",
) -> str | None:
    """The origin of a request that came in over plain HTTP."""
    seen = DOCUMENT._replace(
        peer=peer, forwarded_host=forwarded_host, forwarded_proto=forwarded_proto
    )
    url = public_url(at, "http", host, seen)
    return None if url is None else url.origin


PUBLIC, INTERNAL = f"https://{HOST}", "http://internal:8000"


@pytest.mark.parametrize(
    ("at", "peer", "origin"),
    [
        (PRODUCTION, "10.0.0.7", INTERNAL),
        (PRODUCTION, None, INTERNAL),
        (PROXIED, "10.0.0.7", PUBLIC),
        (PROXIED, "::ffff:10.0.0.7", PUBLIC),
        (PROXIED, "203.0.113.9", INTERNAL),
        (PROXIED, None, INTERNAL),
        (PROXIED, "testclient", INTERNAL),
        (ANYONE, "203.0.113.9", PUBLIC),
        (ANYONE, None, PUBLIC),
    ],
)
def test_forwarded_headers_count_from_named_proxies_only(
    at: Site, peer: str | None, origin: str
) -> None:
    """Anybody can send them, and browsers are sent where they say."""
    assert seen_as(at, peer) == origin


@pytest.mark.parametrize(
    ("forwarded_host", "forwarded_proto", "origin"),
    [
        (b"app.example.com, internal", b"https, http", PUBLIC),
        (b" app.example.com ,", b" HTTPS ,", PUBLIC),
        (b"app.example.com:8443", b"https", f"{PUBLIC}:8443"),
        (b"[2001:db8::7]:443", b"https", "https://[2001:db8::7]"),
        (None, b"https", "https://internal:8000"),
        (b"", b"https", "https://internal:8000"),
        (b", app.example.com", b"https", "https://internal:8000"),
        (b"app.example.com", None, "http://app.example.com"),
        (b"app.example.com", b"", "http://app.example.com"),
        (b"app.example.com", b"gopher", "http://app.example.com"),
        (b"app.example.com", b"wss", "http://app.example.com"),
        (b"ada@app.example.com", b"https", "https://internal:8000"),
        (b"app.example.com/evil", b"https", "https://internal:8000"),
        (b"evil.example\\@app.example.com", b"https", "https://internal:8000"),
        (b"\xe9vil.example", b"https", "https://internal:8000"),
        (None, None, INTERNAL),
    ],
)
def test_first_forwarded_value_counts_if_it_can_be_used(
    forwarded_host: bytes | None, forwarded_proto: bytes | None, origin: str
) -> None:
    """It was added closest to the browser; what names no host or scheme names nothing."""
    given = {"forwarded_host": forwarded_host, "forwarded_proto": forwarded_proto}
    assert seen_as(PROXIED, "10.0.0.7", **given) == origin


@pytest.mark.parametrize("host", [None, b"", b"ada@internal", b"internal, evil.example"])
def test_unusable_host_is_no_place(host: bytes | None) -> None:
    """Unless a proxy knows better."""
    assert seen_as(PRODUCTION, "10.0.0.7", host) is None
    assert seen_as(PROXIED, "10.0.0.7", host) == PUBLIC
