"""Two sites of one development instance on two hosts: signed in on one is signed in on both."""

from collections.abc import Iterator

import pytest

from clerk_fastapi.testing import LocalClerk
from tests.flow.serving import FETCH, Browser, Site, open_site, reasons


@pytest.fixture
def primary(development: LocalClerk) -> Iterator[Site]:
    """Where one signs in."""
    with open_site(development) as site:
        yield site


@pytest.fixture
def satellite(development: LocalClerk, primary: Site) -> Iterator[Site]:
    """A site on another host, which asks the primary who is there."""
    with open_site(
        development,
        "localhost",
        is_satellite=True,
        satellite_auto_sync=True,
        sign_in_url=f"{primary.url}/guests",
    ) as site:
        yield site


def test_satellite_gets_the_session_of_the_primary(
    development: LocalClerk, primary: Site, satellite: Site, browser: Browser
) -> None:
    """By way of the primary and of Clerk, and from then on by cookies of its own."""
    ada = development.add_user("ada@example.com")
    session = browser.sign_in(primary, ada)
    answer = browser.get(f"{satellite.url}/page?a=1")
    assert (answer.status_code, answer.json()["user"]) == (200, ada.id)
    assert reasons(answer) == ["dev-browser-sync"]
    assert [f"{step.url.host}{step.url.path}" for step in answer.history] == [
        "localhost/page",
        "127.0.0.1/guests",
        "localhost/page",
        "127.0.0.1/v1/client/handshake",
        "localhost/page",
    ]
    assert answer.url.params["a"] == "1"
    assert "__clerk_db_jwt" not in answer.url.params
    held = browser.held(satellite)
    assert held["__clerk_db_jwt"] == session.browser.token
    assert development.session_of(held["__session"]) is session
    again = browser.get(f"{satellite.url}/page")
    assert (again.status_code, again.history) == (200, [])


def test_satellite_of_a_guest_knows_the_browser_afterwards(
    development: LocalClerk, satellite: Site, browser: Browser
) -> None:
    """Nobody is signed in anywhere: the guest is told to sign in, and is in no loop."""
    answer = browser.get(f"{satellite.url}/page")
    assert answer.status_code == 401
    assert answer.url.host == "localhost"
    assert browser.held(satellite)["__clerk_db_jwt"] in development.browsers
    assert len(answer.history) <= 6


def test_satellite_that_does_not_sync_by_itself_waits_to_be_told(
    development: LocalClerk, primary: Site, browser: Browser
) -> None:
    """``__clerk_synced=false`` is how a sign-in link tells it."""
    ada = development.add_user("ada@example.com")
    browser.sign_in(primary, ada)
    sign_in = f"{primary.url}/guests"
    with open_site(development, "localhost", is_satellite=True, sign_in_url=sign_in) as satellite:
        first = browser.get(f"{satellite.url}/page")
        assert (first.status_code, first.history) == (401, [])
        told = browser.get(f"{satellite.url}/page?__clerk_synced=false")
        assert (told.status_code, told.json()["user"]) == (200, ada.id)
        assert told.url.params.get_list("__clerk_synced") == ["true"]


def test_script_on_a_satellite_is_not_redirected(satellite: Site, browser: Browser) -> None:
    """Only pages are sent round."""
    answer = browser.get(f"{satellite.url}/page", headers=FETCH)
    assert (answer.status_code, answer.history) == (401, [])


STRANGERS = [
    "https://evil.example.com/steal",
    "//evil.example.com",
    "javascript:alert(1)",
    "http://127.0.0.1.evil.example.com/",
    "http://127.0.0.1@evil.example.com/",
    "http://localhost\\@evil.example.com/",
]


def test_primary_tells_its_browsers_to_no_stranger(
    development: LocalClerk, primary: Site, browser: Browser
) -> None:
    """A link that names another place to go to is a page like any other."""
    ada = development.add_user("ada@example.com")
    browser.sign_in(primary, ada)
    for target in STRANGERS:
        answer = browser.get(f"{primary.url}/page", params={"__clerk_redirect_url": target})
        assert (answer.status_code, answer.history) == (200, [])
        assert answer.json()["user"] == ada.id


def test_primary_tells_a_satellite_that_it_was_told_of(
    development: LocalClerk, browser: Browser
) -> None:
    """By ``allowed_redirect_origins``; the token of the browser goes along."""
    ada = development.add_user("ada@example.com")
    origin = "https://satellite.example.com"
    with open_site(development, allowed_redirect_origins=[origin]) as primary:
        session = browser.sign_in(primary, ada)
        answer = browser.get(
            f"{primary.url}/page",
            params={"__clerk_redirect_url": f"{origin}/page?a=1"},
            follow_redirects=False,
        )
    assert answer.status_code == 307
    assert answer.headers["location"] == (
        f"{origin}/page?a=1&__clerk_db_jwt={session.browser.token}&__clerk_synced=true"
    )
