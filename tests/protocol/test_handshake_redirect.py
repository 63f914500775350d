"""Where browsers are sent, with what, and how often; and where they go on to afterwards."""

from typing import Any

import pytest

from clerk_fastapi import OrganizationSync
from clerk_fastapi.errors import SessionCookieMissing, TokenExpired
from clerk_fastapi.protocol.handshake import before_token, homecoming, way
from clerk_fastapi.protocol.site import Site
from tests.protocol.browsers import (
    COUNT,
    DEVELOPMENT,
    HOST,
    NO_COOKIES,
    PRODUCTION,
    SIGNED_IN,
    parameters,
    place,
    site,
    visit,
)

# --- a primary answers its satellites -------------------------------------------------------------

SHARED = site(DEVELOPMENT, redirect_origins=frozenset({"https://satellite.example"}))


@pytest.mark.parametrize(
    "target",
    [
        "https://satellite.example/",
        "https://satellite.example/page?x=y",
        "HTTPS://SATELLITE.example:443/page",
        f"https://{HOST}/page",
        "http://localhost:3001/",
        "http://127.0.0.1:3001/",
        "http://[::1]:3001/",
        "http://sat.localhost:3001/",
    ],
)
def test_primary_answers_origins_that_it_knows(target: str) -> None:
    """Named ones, its own, and those of this machine."""
    arrived = visit(SHARED, f"/?__clerk_redirect_url={target}", cookies=SIGNED_IN)
    judged = before_token(arrived)
    assert judged is not None
    assert judged.reason == "primary-responds-to-syncing"
    assert judged.cookies == (COUNT.format(1),)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "https://satellite.example.evil.example/",
        "https://satellite.example@evil.example/",
        "https://evil.example\\@satellite.example/",
        "https://satellite.example:8443/",
        "http://satellite.example/",
        "http://localhost.evil.example/",
        "//satellite.example/",
        "/page",
        "javascript:alert(1)",
        "https://",
        "junk",
        "",
    ],
)
def test_primary_tells_strangers_nothing(target: str) -> None:
    """Whoever is told the dev browser's token can be the user; so the parameter is ignored."""
    arrived = visit(SHARED, f"/?__clerk_redirect_url={target}", cookies=SIGNED_IN)
    assert before_token(arrived) is None


@pytest.mark.parametrize("says", [{"method": "POST"}, {"destination": b"empty"}])
def test_primary_answers_pages_being_loaded_only(says: dict[str, Any]) -> None:
    """A script of a stranger's page cannot ask for the answer; other requests go on."""
    target = "/?__clerk_redirect_url=http://localhost:3001/"
    assert before_token(visit(SHARED, target, cookies=SIGNED_IN, **says)) is None


@pytest.mark.parametrize(
    ("dev_browser", "added"),
    [("dvb_1", [("__clerk_db_jwt", "dvb_1")]), (None, [])],
)
def test_primary_hands_the_dev_browser_over(
    dev_browser: str | None, added: list[tuple[str, str]]
) -> None:
    """With the word that the satellite is synchronized, in the place of the one that it is not."""
    target = "/?__clerk_redirect_url=https://satellite.example/?__clerk_synced=false%26x=y"
    cookies = NO_COOKIES._replace(dev_browser=dev_browser)
    judged = before_token(visit(SHARED, target, cookies=cookies))
    assert parameters(judged) == [("__clerk_synced", "true"), ("x", "y"), *added]


# --- the redirect ---------------------------------------------------------------------------------

SYNC = OrganizationSync(["/orgs/:slug", "/by-id/:id"], ["/me"])


@pytest.mark.parametrize(
    ("at", "target", "cookies", "expected"),
    [
        (
            PRODUCTION,
            "/a?b=c",
            NO_COOKIES,
            {"redirect_url": f"https://{HOST}/a?b=c", "suffixed_cookies": "false"},
        ),
        (
            PRODUCTION,
            "/",
            SIGNED_IN._replace(suffixed=True),
            {"suffixed_cookies": "true", "__session": "a.b.c"},
        ),
        (
            DEVELOPMENT,
            "/",
            SIGNED_IN,
            {"suffixed_cookies": "false", "__session": "a.b.c", "__clerk_db_jwt": "dvb_1"},
        ),
        (
            DEVELOPMENT,
            "/?__clerk_db_jwt=dvb_2&x=1&__dev_session=y&__clerk_handshake=z",
            SIGNED_IN,
            {
                "redirect_url": f"https://{HOST}/?x=1",
                "suffixed_cookies": "false",
                "__session": "a.b.c",
                "__clerk_db_jwt": "dvb_2",
            },
        ),
        (
            DEVELOPMENT,
            "/?__clerk_db_jwt=",
            SIGNED_IN,
            {"suffixed_cookies": "false", "__session": "a.b.c", "__clerk_db_jwt": "dvb_1"},
        ),
        (
            site(organization_sync=SYNC),
            "/orgs/acme?x",
            NO_COOKIES,
            {
                "redirect_url": f"https://{HOST}/orgs/acme?x=",
                "suffixed_cookies": "false",
                "organization_id": "acme",
            },
        ),
        (
            site(organization_sync=SYNC),
            "/by-id/org_1",
            SIGNED_IN,
            {
                "redirect_url": f"https://{HOST}/by-id/org_1",
                "suffixed_cookies": "false",
                "__session": "a.b.c",
                "organization_id": "org_1",
            },
        ),
        (
            site(organization_sync=SYNC),
            "/me",
            NO_COOKIES,
            {
                "redirect_url": f"https://{HOST}/me",
                "suffixed_cookies": "false",
                "organization_id": "",
            },
        ),
        (
            site(takes_nonces=False),
            "/",
            NO_COOKIES,
            {"suffixed_cookies": "false", "format": None},
        ),
        (
            PRODUCTION,
            "//evil.example/x",
            NO_COOKIES,
            {"redirect_url": f"https://{HOST}//evil.example/x", "suffixed_cookies": "false"},
        ),
    ],
)
def test_handshake_tells_clerk_what_it_has_to_know(
    at: Site, target: str, cookies: Any, expected: dict[str, str | None]
) -> None:
    """In the order of Clerk's own SDKs; the dev browser in development only."""
    judged = way(visit(at, target, cookies=cookies), SessionCookieMissing())
    every = {
        "redirect_url": f"https://{HOST}/",
        "__clerk_api_version": "2026-05-12",
        "suffixed_cookies": "",
        "__clerk_hs_reason": "client-uat-but-no-session-token",
        "format": "nonce",
    }
    wanted = {name: value for name, value in (every | expected).items() if value is not None}
    assert parameters(judged) == list(wanted.items())


@pytest.mark.parametrize(("length", "sent"), [(4_093, True), (4_094, True), (20_000, False)])
def test_cookie_that_no_browser_keeps_is_not_sent_along(length: int, sent: bool) -> None:
    """Longer ones are not Clerk's, and no proxy would pass such a redirect on."""
    judged = way(visit(cookies=SIGNED_IN._replace(session="a" * length)), SessionCookieMissing())
    assert ("__session" in dict(parameters(judged))) is sent


@pytest.mark.parametrize(("length", "sent"), [(8_000, True), (16_384, False), (60_000, False)])
def test_page_with_an_endless_address_is_not_redirected(length: int, sent: bool) -> None:
    """Servers and proxies take no such Location; the page is refused with the reason."""
    judged = way(visit(target="/" + "a" * length), SessionCookieMissing())
    assert (judged.location is not None) is sent
    assert judged.reason == "client-uat-but-no-session-token"


def test_address_may_be_as_long_as_servers_take() -> None:
    """16 KB in all, and not a character more."""
    known = len(way(visit(target="/"), SessionCookieMissing()).location or "")
    for more, sent in ((16_384 - known, True), (16_385 - known, False)):
        judged = way(visit(target="/" + "a" * more), SessionCookieMissing())
        assert (judged.location is not None) is sent


def test_what_was_brought_home_before_is_not_sent_again() -> None:
    """It would stand before what is new; in production it means nothing."""
    query = "__clerk_handshake_nonce=n&__clerk_handshake=t&__clerk_help=1&x=1"
    for at, left in ((DEVELOPMENT, "x=1"), (PRODUCTION, query)):
        judged = way(visit(at, f"/?{query}"), SessionCookieMissing())
        assert dict(parameters(judged))["redirect_url"] == f"https://{HOST}/?{left}"


def test_reason_may_be_another_than_the_code() -> None:
    """Clerk is told its own word; the error says the stable one."""
    judged = way(visit(), TokenExpired(), "session-token-expired-refresh-fetch-error")
    assert dict(parameters(judged))["__clerk_hs_reason"] == judged.reason
    assert judged.reason == "session-token-expired-refresh-fetch-error"
    assert judged.error.code == "token-expired"


@pytest.mark.parametrize(
    ("proxy_url", "expected"),
    [
        ("/__clerk", f"https://{HOST}/__clerk/v1/client/handshake"),
        ("https://proxy.example/c/", "https://proxy.example/c/v1/client/handshake"),
    ],
)
def test_handshake_goes_through_the_proxy(proxy_url: str, expected: str) -> None:
    """Where one stands before the Frontend API."""
    assert place(way(visit(site(proxy_url=proxy_url)), SessionCookieMissing())) == expected


@pytest.mark.parametrize("count", [0, 1, 2])
def test_redirects_are_counted(count: int) -> None:
    """In a cookie of all pages, which forgets after two seconds."""
    judged = way(visit(cookies=NO_COOKIES._replace(redirects=count)), SessionCookieMissing())
    assert judged.cookies == (COUNT.format(count + 1),)


@pytest.mark.parametrize("count", [3, 4, 9])
@pytest.mark.parametrize("location", [None, "https://www.example.com/"])
def test_three_redirects_are_enough(count: int, location: str | None) -> None:
    """Clerk's SDK stops at exactly three and goes on at four; the message tells what to check."""
    arrived = visit(cookies=NO_COOKIES._replace(redirects=count))
    judged = way(arrived, SessionCookieMissing(), location=location)
    assert (judged.location, judged.cookies) == (None, ())
    assert judged.error.code == judged.reason == "client-uat-but-no-session-token"
    assert "CLERK_PUBLISHABLE_KEY" in judged.error.message


# --- coming home ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/a?__clerk_handshake_nonce=n", "/a"),
        ("/a?x=1&__clerk_handshake=t&__clerk_help=1&__clerk_db_jwt=d&y=2", "/a?x=1&y=2"),
        ("//evil.example?__clerk_handshake=t", "//evil.example"),
        ("/a?__clerk_synced=true", "/a?__clerk_synced=true"),
    ],
)
def test_development_browser_goes_on_to_the_same_page(target: str, expected: str) -> None:
    """Without what it brought home, which should stay in no history."""
    assert homecoming(visit(DEVELOPMENT, target)) == f"https://{HOST}{expected}"


def test_others_stay_where_they_are() -> None:
    """In production nothing is in the URL, and a ``fetch`` call is never redirected."""
    assert homecoming(visit(PRODUCTION)) is None
    assert homecoming(visit(DEVELOPMENT, destination=b"empty")) is None
    assert homecoming(visit(DEVELOPMENT, method="POST")) is None


def test_whoever_sends_an_authorization_header_goes_nowhere() -> None:
    """Of any kind: its cookies may decide, but who sends that header may be no browser."""
    page = visit(cookies=SIGNED_IN)
    assert way(page, TokenExpired()).location is not None
    assert way(visit(cookies=SIGNED_IN, authorized=True), TokenExpired()).location is None


# --- how much a redirect can carry ----------------------------------------------------------------


def test_session_that_is_no_cookie_of_clerks_is_not_passed_on() -> None:
    """Junk that a neighbour planted would make a redirect that no proxy passes on."""
    cookies = NO_COOKIES._replace(session="x" * 4_097)
    judged = way(visit(cookies=cookies), TokenExpired())
    assert "__session" not in dict(parameters(judged))
    longest = cookies._replace(session="x" * 4_096)
    assert dict(parameters(way(visit(cookies=longest), TokenExpired())))["__session"]


def test_endless_address_goes_nowhere() -> None:
    """What is longer than any server reads would only be answered with an error elsewhere."""
    judged = way(visit(target="/?x=" + "%" * 6_000), TokenExpired())
    assert judged.location is None
