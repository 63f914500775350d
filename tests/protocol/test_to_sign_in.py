"""Who is sent to sign in when a page load is refused: whom it helps, and never in circles."""

from typing import Any

import pytest

from clerk_fastapi.errors import (
    ClientUatMissing,
    CredentialsMissing,
    CustomClaimsInvalid,
    KeyIdMismatch,
    MachineTokenMissing,
    OriginMismatch,
    SessionPending,
    SessionTooOld,
    TokenError,
    TokenInvalidAuthorizedParties,
)
from clerk_fastapi.protocol.credentials import read_cookies
from clerk_fastapi.protocol.handshake import Visit
from clerk_fastapi.protocol.redirects import sign_in_page, to_sign_in
from tests.protocol.browsers import DOCUMENT, NO_COOKIES, PRODUCTION, SIGNED_IN, visit
from tests.protocol.test_redirects import APP, NO_KEY, sent


def way(asked: Visit, error: TokenError | None = None) -> Any:
    """What becomes of a refused page load, with a sign-in and a sign-up page of one's own."""
    return to_sign_in(asked, error or CredentialsMissing(), "/sign-in", "/sign-up")


@pytest.mark.parametrize(
    "says",
    [
        {},
        {"destination": b"iframe"},
        {"destination": None, "accept": b"text/html,*/*"},
    ],
)
def test_page_load_is_sent_to_sign_in(says: dict[str, Any]) -> None:
    """With nothing to count for those who sent nothing."""
    found = way(visit(PRODUCTION, "/a", **says))
    assert sent(found.location) == ("/sign-in", {"redirect_url": f"{APP}/a"})
    assert found.cookies == ()


@pytest.mark.parametrize(
    "says",
    [
        *({"method": method} for method in ("HEAD", "POST", "PUT", "OPTIONS", "")),
        *({"destination": seen} for seen in (b"empty", b"image", b"script", b"DOCUMENT")),
        {"destination": None},
        {"destination": None, "accept": b"application/json, text/html"},
        {"authorized": True},
    ],
)
def test_nothing_else_is(says: dict[str, Any]) -> None:
    """A redirect would be lost on it."""
    refused = CredentialsMissing()
    found = way(visit(PRODUCTION, "/a", **says), refused)
    assert (found.location, found.cookies) == (None, ())
    assert found.error is refused


def test_websocket_is_not() -> None:
    """Nor is a request with a token in the header: neither says anything of a page."""
    assert way(Visit(PRODUCTION, NO_COOKIES, None, None)).location is None
    socket = visit(PRODUCTION, "/a")
    assert way(socket._replace(navigation=DOCUMENT._replace(method=""))).location is None


@pytest.mark.parametrize("target", ["/sign-in", "/sign-in/tasks", "/sign-up", "/sign-up/x?y=z"])
@pytest.mark.parametrize("error", [CredentialsMissing(), SessionPending(), KeyIdMismatch()])
def test_sign_in_page_does_not_lead_to_itself(target: str, error: TokenError) -> None:
    """Nor does the sign-up page lead there, for whatever reason it was guarded."""
    assert way(visit(PRODUCTION, target), error).location is None


def test_unknown_page_is_no_place_to_go() -> None:
    """Without a key and a page of one's own."""
    refused = to_sign_in(visit(NO_KEY, "/a"), CredentialsMissing(), sign_in_page(NO_KEY))
    assert refused.location is None


@pytest.mark.parametrize(
    "error", [CustomClaimsInvalid(), MachineTokenMissing(), OriginMismatch(), SessionTooOld()]
)
def test_what_signing_in_does_not_cure_stays_a_refusal(error: TokenError) -> None:
    """Clerk's sign-in page would send whoever is signed in straight back."""
    found = way(visit(PRODUCTION, "/a"), error)
    assert found.location is None
    assert found.error is error


def test_pending_session_is_sent_to_its_tasks() -> None:
    """As often as need be: the tasks are not over before they are done."""
    cookies = SIGNED_IN._replace(sign_ins=9, redirects=9)
    found = way(visit(PRODUCTION, "/a", cookies=cookies), SessionPending())
    assert sent(found.location) == ("/sign-in/tasks", {"redirect_url": f"{APP}/a"})
    assert found.cookies == ()


def test_tasks_below_a_sign_in_page_at_the_root_do_not_lead_to_themselves() -> None:
    """There only the page itself counts as the sign-in page, and not all that is below it."""
    pending = SessionPending()
    assert to_sign_in(visit(PRODUCTION, "/tasks"), pending, "/").location is None
    assert sent(to_sign_in(visit(PRODUCTION, "/a"), pending, "/").location)[0] == "/tasks"


def test_guest_is_never_counted() -> None:
    """Somebody who opens several pages at once has done nothing wrong."""
    cookies = NO_COOKIES._replace(sign_ins=9, redirects=9)
    found = way(visit(PRODUCTION, "/a", cookies=cookies))
    assert found.location is not None
    assert found.cookies == ()


@pytest.mark.parametrize(
    "error", [KeyIdMismatch(), TokenInvalidAuthorizedParties(), ClientUatMissing()]
)
def test_who_seems_signed_in_is_sent_three_times(error: TokenError) -> None:
    """Then the refusal says what to check, under the same code."""
    for count in range(3):
        found = way(visit(PRODUCTION, "/a", cookies=SIGNED_IN._replace(sign_ins=count)), error)
        assert found.location is not None
        assert found.error is error
        expected = f"clerk_fastapi_sign_ins={count + 1}; Path=/; SameSite=Lax; HttpOnly; Max-Age=60"
        assert found.cookies == (expected,)
    for count in (3, 4, 9):
        found = way(visit(PRODUCTION, "/a", cookies=SIGNED_IN._replace(sign_ins=count)), error)
        assert (found.location, found.cookies) == (None, ())
        assert type(found.error) is type(error)
        assert "authorized_parties" in found.error.message


def test_handshake_that_was_no_use_is_not_hidden() -> None:
    """Its own refusal says what to check, and a redirect would show that to nobody."""
    error = ClientUatMissing("what to check")
    found = way(visit(PRODUCTION, "/a", cookies=SIGNED_IN._replace(redirects=3)), error)
    assert found.location is None
    assert found.error is error
    found = way(visit(PRODUCTION, "/a", cookies=SIGNED_IN._replace(redirects=2)), error)
    assert found.location is not None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        *(("", 0), ("0", 0), ("1", 1), ("2", 2), ("3", 3), ("4", 4), ("3.0", 3), ("0x3", 3)),
        *(("1e9", 9), ("Infinity", 9), ("-1", 0), ("abc", 0), ("nan", 0), ("%33", 3)),
    ],
)
def test_count_is_read_as_large_as_it_can_be_meant(value: str, count: int) -> None:
    """As the count of handshakes is: nothing that a browser holds makes them endless."""
    header = f"clerk_fastapi_sign_ins={value}".encode()
    assert read_cookies(header, PRODUCTION, 0).sign_ins == count
