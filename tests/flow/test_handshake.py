"""Once round by Clerk: where the way of a browser ends, and with which cookies."""

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, User
from tests.backend.clock import Clock
from tests.flow.serving import Browser, Site, open_site, reasons

HOUR = 3_600
EXPIRED = "session-token-expired-refresh-non-eligible-no-refresh-cookie"


def traces(browser: Browser, site: Site) -> set[str]:
    """What a handshake leaves behind and nobody needs afterwards."""
    return {"__clerk_handshake", "__clerk_handshake_nonce"} & browser.held(site).keys()


@pytest.mark.parametrize("query", ["", "?q=a%20b&q=%C3%A9&next=%2Fx%3Fy%3D1&empty="])
def test_expired_session_lands_fresh_on_the_page_it_asked_for(
    local: LocalClerk, ada: User, site: Site, browser: Browser, clock: Clock, query: str
) -> None:
    """With new cookies, the query intact, nothing left of the handshake, and no second one."""
    session = browser.sign_in(site, ada)
    before = browser.held(site)
    clock.now += HOUR
    answer = browser.get(f"{site.url}/page{query}")
    assert (answer.status_code, answer.json()["user"]) == (200, ada.id)
    asked = httpx.URL(f"{site.url}/page{query}")
    assert answer.url.copy_with(query=None) == asked.copy_with(query=None)
    assert answer.url.params == asked.params
    assert reasons(answer) == [EXPIRED]
    assert {step.status_code for step in answer.history} == {307}
    assert all("no-store" in step.headers["cache-control"] for step in answer.history)
    after = browser.held(site)
    for name in ("__session", f"__session_{local.cookie_suffix}"):
        assert after[name] != before[name]
        assert local.session_of(after[name]) is session
    assert after[f"__refresh_{local.cookie_suffix}"] == session.refresh_token
    assert traces(browser, site) == set()
    again = browser.get(f"{site.url}/page{query}")
    assert (again.status_code, again.history) == (200, [])


def test_development_hands_over_by_the_query(
    development: LocalClerk, browser: Browser, clock: Clock
) -> None:
    """The nonce stands in the URL for one redirect, and is then taken out of it."""
    user = development.add_user("ada@example.com")
    with open_site(development) as site:
        browser.sign_in(site, user)
        clock.now += HOUR
        answer = browser.get(f"{site.url}/page?a=1")
    asked, clerk, back = (step.url for step in answer.history)
    assert (asked.path, clerk.path, back.path) == ("/page", "/v1/client/handshake", "/page")
    assert [*back.params] == ["a", "__clerk_handshake_nonce"]
    assert answer.json()["query"] == "a=1"
    assert clerk.params["__clerk_db_jwt"] == browser.held(site)["__clerk_db_jwt"]
    assert ("GET", "/v1/clients/handshake_payload") in development.requests


def test_production_hands_over_by_cookies(
    production: LocalClerk, browser: Browser, clock: Clock
) -> None:
    """Nothing of the session stands in the URL that the browser comes home to."""
    user = production.add_user("ada@example.com")
    with open_site(production) as site:
        browser.sign_in(site, user)
        clock.now += HOUR
        answer = browser.get(f"{site.url}/page?a=1")
    asked, clerk = (step.url for step in answer.history)
    assert (asked.path, clerk.path) == ("/page", "/v1/client/handshake")
    assert str(answer.url) == f"{site.url}/page?a=1"
    assert "__clerk_db_jwt" not in clerk.params
    assert ("GET", "/v1/clients/handshake_payload") in production.requests


def test_new_browser_is_introduced_to_a_development_instance(
    development: LocalClerk, browser: Browser
) -> None:
    """It comes home with a dev browser token and is told to sign in, now and from then on."""
    with open_site(development) as site:
        answer = browser.get(f"{site.url}/page?a=1")
        assert reasons(answer) == ["dev-browser-missing"]
        assert answer.status_code == 401
        assert answer.json()["detail"]["code"] == "session-token-and-uat-missing"
        assert answer.url.params == httpx.QueryParams("a=1")
        held = browser.held(site)
        assert held["__clerk_db_jwt"] in development.browsers
        assert held["__client_uat"] == "0"
        assert "__session" not in held
        again = browser.get(f"{site.url}/page")
        assert (again.status_code, again.history) == (401, [])


def test_introduced_browser_signs_in_without_another_handshake(
    development: LocalClerk, browser: Browser
) -> None:
    """What the browser SDK adds is the session; the dev browser token is the one it came with."""
    user = development.add_user("ada@example.com")
    with open_site(development) as site:
        browser.get(f"{site.url}/page")
        client = development.browsers[browser.held(site)["__clerk_db_jwt"]]
        session = development.sign_in(user, browser=client, origin=site.url)
        browser.hold(site, development.cookies(session))
        answer = browser.get(f"{site.url}/page")
    assert (answer.json()["user"], answer.history) == (user.id, [])


def test_new_browser_is_told_to_sign_in_by_a_production_instance(
    production: LocalClerk, browser: Browser
) -> None:
    """There is nothing that Clerk could know of it."""
    with open_site(production) as site:
        answer = browser.get(f"{site.url}/page")
    assert (answer.status_code, answer.history) == (401, [])
    assert answer.json()["detail"]["code"] == "session-token-and-uat-missing"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert production.requests == []


def test_signed_out_browser_is_told_to_sign_in(
    local: LocalClerk, site: Site, browser: Browser
) -> None:
    """Its cookies say so themselves, so nobody is asked."""
    browser.hold(site, local.cookies(local.add_browser()))
    answer = browser.get(f"{site.url}/page")
    assert (answer.status_code, answer.history) == (401, [])
    assert local.requests == []


def test_session_that_ended_elsewhere_is_found_out(
    local: LocalClerk, ada: User, site: Site, browser: Browser, clock: Clock
) -> None:
    """Revoked, say: once its token has run out, the browser is signed out, cookies and all."""
    session = browser.sign_in(site, ada)
    local.end_session(session, "revoked")
    clock.now += HOUR
    answer = browser.get(f"{site.url}/page?a=1")
    assert reasons(answer) == [EXPIRED]
    assert answer.status_code == 401
    assert answer.url.params == httpx.QueryParams("a=1")
    held = browser.held(site)
    assert held["__client_uat"] == held[f"__client_uat_{local.cookie_suffix}"] == "0"
    assert [name for name in held if "session" in name or "refresh" in name] == []
    assert traces(browser, site) == set()
    again = browser.get(f"{site.url}/page")
    assert (again.status_code, again.history) == (401, [])


def test_sign_in_elsewhere_replaces_the_session(
    local: LocalClerk, ada: User, site: Site, browser: Browser, clock: Clock
) -> None:
    """Another user signed in in another tab: ``__client_uat`` is newer than the token."""
    session = browser.sign_in(site, ada)
    clock.now += 10
    bob = local.add_user("bob@example.com")
    local.sign_in(bob, browser=session.browser, origin=site.url)
    changed = str(int(clock()))
    suffix = local.cookie_suffix
    browser.hold(site, {"__client_uat": changed, f"__client_uat_{suffix}": changed})
    answer = browser.get(f"{site.url}/page")
    assert reasons(answer) == ["session-token-iat-before-client-uat"]
    assert answer.json()["user"] == bob.id


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        ("__session", "client-uat-but-no-session-token"),
        ("__client_uat", "session-token-but-no-client-uat"),
    ],
)
def test_lost_cookie_is_fetched_again(
    local: LocalClerk, ada: User, site: Site, browser: Browser, lost: str, reason: str
) -> None:
    """Half of what belongs together is enough to find the rest."""
    browser.sign_in(site, ada)
    for name in (lost, f"{lost}_{local.cookie_suffix}"):
        browser.cookies.delete(name, domain=site.domain)
    answer = browser.get(f"{site.url}/page")
    assert reasons(answer) == [reason]
    assert answer.json()["user"] == ada.id
    assert lost in browser.held(site)


def test_guests_are_welcome_after_the_same_way(
    local: LocalClerk, ada: User, site: Site, browser: Browser, clock: Clock
) -> None:
    """A page for everybody shows a user if there is one, and otherwise a guest; neither is 401."""
    guest = browser.get(f"{site.url}/guests")
    assert (guest.status_code, guest.json()) == (200, {"user": None})
    expected = ["dev-browser-missing"] if local.instance_type == "development" else []
    assert reasons(guest) == expected
    session = browser.sign_in(site, ada)
    clock.now += HOUR
    member = browser.get(f"{site.url}/guests")
    assert (member.status_code, member.json()) == (200, {"user": ada.id})
    assert reasons(member) == [EXPIRED]
    local.end_session(session)
    clock.now += HOUR
    guest_again = browser.get(f"{site.url}/guests")
    assert (guest_again.status_code, guest_again.json()) == (200, {"user": None})


def test_nonce_serves_once(development: LocalClerk, browser: Browser, clock: Clock) -> None:
    """Whoever opens the link that a handshake leads to once more, or stole it, gains nothing."""
    user = development.add_user("ada@example.com")
    with open_site(development) as site, Browser() as thief:
        browser.sign_in(site, user)
        clock.now += HOUR
        link = browser.get(f"{site.url}/page").history[-1].url
        stolen = thief.get(link)
        assert stolen.status_code == 401
        assert "__session" not in thief.held(site)
        again = browser.get(link)
        assert again.json()["user"] == user.id
