"""When a browser is sent to Clerk, and when not: the table of Clerk's SDKs, row by row."""

from typing import Any

import pytest

from clerk_fastapi import ConfigurationError
from clerk_fastapi.errors import TokenExpired, TokenInvalid, TokenIssuedInFuture, TokenNotActiveYet
from clerk_fastapi.protocol.handshake import (
    Visit,
    before_token,
    homecoming,
    session_reason,
    superseded,
)
from clerk_fastapi.protocol.site import Site
from tests.protocol.browsers import (
    COUNT,
    DEVELOPMENT,
    NO_COOKIES,
    PRODUCTION,
    SIGN_IN,
    SIGNED_IN,
    parameters,
    site,
    verdict,
    visit,
)

SATELLITE = site(is_satellite=True, domain="satellite.example")
DEVELOPMENT_SATELLITE = site(
    DEVELOPMENT, is_satellite=True, domain="satellite.example", sign_in_url=SIGN_IN
)
SIGNED_OUT = SIGNED_IN._replace(session=None, client_uat=0)

CLERK = " -> https://clerk.example.com/v1/client/handshake"
DEVELOPMENT_CLERK = " -> https://calm-otter-1.clerk.accounts.dev/v1/client/handshake"
SATELLITES_CLERK = " -> https://clerk.satellite.example/v1/client/handshake"

# --- who may be redirected ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("says", "eligible"),
    [
        ({"destination": b"document"}, True),
        ({"destination": b"iframe"}, True),
        ({"destination": b"empty", "accept": b"text/html"}, False),
        ({"destination": b"image", "accept": b"text/html"}, False),
        ({"destination": b"Document", "accept": b"text/html"}, False),
        ({"destination": b"document, document"}, False),
        ({"destination": None, "accept": b"text/html,application/xhtml+xml"}, True),
        ({"destination": b"", "accept": b"text/html"}, True),
        ({"destination": None, "accept": b"application/json, text/html"}, False),
        ({"destination": None, "accept": b"*/*"}, False),
        ({"destination": None, "accept": None}, False),
        ({"method": "POST"}, False),
        ({"method": "HEAD"}, False),
        ({"method": "PUT"}, False),
        ({"method": "OPTIONS"}, False),
        ({"method": "get"}, False),
        ({"method": ""}, False),
    ],
)
def test_only_pages_being_loaded_may_be_redirected(says: dict[str, Any], eligible: bool) -> None:
    """A form that was sent, a ``fetch`` call or an image cannot go round by Clerk and come back."""
    arrived = visit(cookies=SIGNED_OUT._replace(client_uat=5), **says)
    assert arrived.may_be_redirected is eligible
    expected = "client-uat-but-no-session-token" + (CLERK if eligible else "")
    assert verdict(before_token(arrived)) == expected


def test_without_a_host_or_a_navigation_nobody_is_redirected() -> None:
    """There is nowhere to come back to."""
    cookies = SIGNED_IN._replace(client_uat=0)
    for arrived in (visit(host="", cookies=cookies), Visit(PRODUCTION, cookies, None, None)):
        assert not arrived.may_be_redirected
        assert not arrived.loads_document
        assert verdict(before_token(arrived)) == "session-token-but-no-client-uat"
        assert arrived.parameter("a") is None
        assert homecoming(arrived._replace(site=DEVELOPMENT)) is None


def test_without_a_known_clerk_nobody_is_redirected() -> None:
    """No publishable key and no proxy: nobody knows where the handshake would be."""
    keyless = Site("production", None)
    judged = before_token(visit(keyless, cookies=SIGNED_IN._replace(client_uat=0)))
    assert verdict(judged) == "session-token-but-no-client-uat"


# --- before the token is looked at ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "target", "cookies", "expected"),
    [
        # Rows 2 and 3: a satellite in production.
        (SATELLITE, "/", NO_COOKIES, "session-token-and-uat-missing"),
        (SATELLITE, "/?__clerk_synced=junk", NO_COOKIES, "session-token-and-uat-missing"),
        (
            SATELLITE,
            "/?__clerk_synced=false",
            NO_COOKIES,
            "satellite-needs-syncing" + SATELLITES_CLERK,
        ),
        (
            SATELLITE,
            "/?__clerk_synced=false",
            SIGNED_IN,
            "satellite-needs-syncing" + SATELLITES_CLERK,
        ),
        (SATELLITE, "/", SIGNED_IN, "verify"),
        (SATELLITE, "/?__clerk_synced=true", SIGNED_IN, "verify"),
        (SATELLITE, "/?__clerk_synced=true", NO_COOKIES, "session-token-and-uat-missing"),
        (
            site(SATELLITE, satellite_auto_sync=True),
            "/",
            NO_COOKIES,
            "satellite-needs-syncing" + SATELLITES_CLERK,
        ),
        (
            site(SATELLITE, satellite_auto_sync=True),
            "/?__clerk_synced=true",
            NO_COOKIES,
            "session-token-and-uat-missing",
        ),
        (site(SATELLITE, satellite_auto_sync=True), "/", SIGNED_IN, "verify"),
        (
            site(SATELLITE, satellite_auto_sync=True),
            "/",
            NO_COOKIES._replace(client_uat=5),
            "client-uat-but-no-session-token" + SATELLITES_CLERK,
        ),
        (
            site(SATELLITE, satellite_auto_sync=True),
            "/",
            NO_COOKIES._replace(session="a.b.c"),
            "session-token-but-no-client-uat" + SATELLITES_CLERK,
        ),
        # Rows 4 and 5: a satellite in development.
        (DEVELOPMENT_SATELLITE, "/", SIGNED_OUT, "session-token-and-uat-missing"),
        (
            DEVELOPMENT_SATELLITE,
            "/?__clerk_synced=false",
            NO_COOKIES,
            "satellite-needs-syncing -> https://www.example.com/sign-in",
        ),
        (
            DEVELOPMENT_SATELLITE,
            "/?__clerk_synced=false",
            SIGNED_IN,
            "satellite-needs-syncing -> https://www.example.com/sign-in",
        ),
        (
            site(DEVELOPMENT_SATELLITE, satellite_auto_sync=True),
            "/",
            NO_COOKIES,
            "satellite-needs-syncing -> https://www.example.com/sign-in",
        ),
        (DEVELOPMENT_SATELLITE, "/?__clerk_synced=true", SIGNED_IN, "verify"),
        (
            DEVELOPMENT_SATELLITE,
            "/?__clerk_redirect_url=http://localhost:4000/",
            SIGNED_IN,
            "verify",
        ),
        # Row 6: the primary answers a satellite.
        (
            DEVELOPMENT,
            "/?__clerk_redirect_url=http://localhost:4000/x",
            SIGNED_IN,
            "primary-responds-to-syncing -> http://localhost:4000/x",
        ),
        (
            DEVELOPMENT,
            "/?__clerk_redirect_url=http://localhost:4000/x&__clerk_db_jwt=dvb_2",
            NO_COOKIES,
            "primary-responds-to-syncing -> http://localhost:4000/x",
        ),
        (PRODUCTION, "/?__clerk_redirect_url=http://localhost:4000/x", SIGNED_IN, "verify"),
        # Rows 7 and 8: browsers that a development instance does not know.
        (
            DEVELOPMENT,
            "/?__clerk_db_jwt=dvb_2",
            SIGNED_IN,
            "dev-browser-sync" + DEVELOPMENT_CLERK,
        ),
        (DEVELOPMENT, "/?__clerk_db_jwt=", SIGNED_IN, "dev-browser-sync" + DEVELOPMENT_CLERK),
        (DEVELOPMENT, "/", NO_COOKIES, "dev-browser-missing" + DEVELOPMENT_CLERK),
        (
            DEVELOPMENT,
            "/",
            SIGNED_IN._replace(dev_browser=None),
            "dev-browser-missing" + DEVELOPMENT_CLERK,
        ),
        (PRODUCTION, "/?__clerk_db_jwt=dvb_2", SIGNED_IN, "verify"),
        (PRODUCTION, "/", SIGNED_IN._replace(dev_browser=None), "verify"),
        # Rows 9 to 11: what the two cookies say of each other.
        (DEVELOPMENT, "/", SIGNED_OUT, "session-token-and-uat-missing"),
        (PRODUCTION, "/", NO_COOKIES, "session-token-and-uat-missing"),
        (
            PRODUCTION,
            "/",
            SIGNED_IN._replace(client_uat=0),
            "session-token-but-no-client-uat" + CLERK,
        ),
        (
            PRODUCTION,
            "/",
            SIGNED_IN._replace(session=None),
            "client-uat-but-no-session-token" + CLERK,
        ),
        (
            DEVELOPMENT,
            "/",
            SIGNED_IN._replace(session=None),
            "client-uat-but-no-session-token" + DEVELOPMENT_CLERK,
        ),
        (PRODUCTION, "/", SIGNED_IN, "verify"),
        (DEVELOPMENT, "/", SIGNED_IN, "verify"),
    ],
)
def test_what_needs_no_look_at_the_token(
    at: Site, target: str, cookies: Any, expected: str
) -> None:
    """The first row that fits decides."""
    assert verdict(before_token(visit(at, target, cookies=cookies))) == expected


@pytest.mark.parametrize("at", [SATELLITE, site(SATELLITE, satellite_auto_sync=True)])
@pytest.mark.parametrize(
    "says",
    [
        {"destination": b"iframe"},
        {"destination": None, "accept": b"text/html"},
        {"destination": b"empty"},
        {"method": "POST"},
    ],
)
def test_satellites_are_synchronized_by_whole_pages_only(at: Site, says: dict[str, Any]) -> None:
    """Frames and old browsers go on as on any other domain."""
    arrived = visit(at, "/?__clerk_synced=false", **says)
    assert verdict(before_token(arrived)) == "session-token-and-uat-missing"


def test_satellite_sends_the_whole_page_to_the_primary() -> None:
    """The address of the page goes along, and what the sign-in page's URL said stays."""
    judged = before_token(
        visit(DEVELOPMENT_SATELLITE, "/a?b=c&__clerk_synced=false", host="satellite.example")
    )
    assert parameters(judged) == [
        ("from", "satellite"),
        ("__clerk_redirect_url", "https://satellite.example/a?b=c&__clerk_synced=false"),
    ]
    assert judged is not None
    assert judged.cookies == (COUNT.format(1),)


def test_satellite_that_would_send_browsers_to_itself_is_misconfigured() -> None:
    """It would go round for ever; said only where it would happen."""
    arrived = visit(DEVELOPMENT_SATELLITE, "/?__clerk_synced=false", host="www.example.com")
    with pytest.raises(ConfigurationError, match="CLERK_SIGN_IN_URL"):
        before_token(arrived)
    resting = visit(DEVELOPMENT_SATELLITE, "/", host="www.example.com", cookies=SIGNED_IN)
    assert before_token(resting) is None


def test_nobody_who_sent_nothing_is_told_of_dev_browsers() -> None:
    """The reason is Clerk's, the error is what helps: sign in."""
    nothing = before_token(visit(DEVELOPMENT, destination=b"empty"))
    assert nothing is not None
    assert (nothing.reason, nothing.error.code) == (
        "dev-browser-missing",
        "session-token-and-uat-missing",
    )
    for cookies in (NO_COOKIES._replace(session="a.b.c"), NO_COOKIES._replace(client_uat=5)):
        something = before_token(visit(DEVELOPMENT, cookies=cookies, destination=b"empty"))
        assert something is not None
        assert something.error.code == something.reason == "dev-browser-missing"


# --- what the token says --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued_at", "uat", "expected"),
    [
        (10, 11, "session-token-iat-before-client-uat" + CLERK),
        (10.5, 11, "session-token-iat-before-client-uat" + CLERK),
        (10, 10, "verify"),
        (11, 10, "verify"),
        ("10", 11, "verify"),
        (None, 11, "verify"),
        ([10], 11, "verify"),
    ],
)
def test_row_14_token_older_than_the_last_change(
    issued_at: object, uat: int, expected: str
) -> None:
    """Somebody has signed in or out, or switched organizations, since."""
    arrived = visit(cookies=SIGNED_IN._replace(client_uat=uat))
    assert verdict(superseded(arrived, issued_at)) == expected


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TokenExpired(), "session-token-expired-refresh-fetch-error"),
        (TokenNotActiveYet(), "session-token-nbf"),
        (TokenIssuedInFuture(), "session-token-iat-in-the-future"),
        (TokenInvalid(), "token-invalid"),
    ],
)
def test_rows_15_to_17_clerks_words_for_refused_tokens(error: Any, reason: str) -> None:
    """An expired one also tells why it was not made fresh."""
    assert session_reason(error, "fetch-error") == reason
