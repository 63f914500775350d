"""A session made fresh behind the scenes: with a refresh token, no redirect is needed."""

from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse

from clerk_fastapi import Clerk, require_auth, require_role
from clerk_fastapi.testing import LocalClerk, Session, User
from tests.backend.clock import Clock
from tests.flow.serving import FETCH, NAVIGATION, Browser, Site, open_site, reasons

kinds = pytest.mark.parametrize("headers", [NAVIGATION, FETCH], ids=["page", "fetch"])


@pytest.fixture
def session(site: Site, ada: User, browser: Browser, clock: Clock) -> Session:
    """A session that has expired in a browser that holds a refresh token."""
    session = browser.sign_in(site, ada)
    browser.hold(site, site.local.cookies(session, azp=site.url, refresh=True))
    clock.now += 3_600
    return session


def refreshes(local: LocalClerk, session: Session) -> int:
    """How often Clerk was asked to make the session fresh."""
    return len(local.requests_to(f"/sessions/{session.id}/refresh"))


@kinds
def test_expired_session_is_made_fresh_without_a_redirect(
    local: LocalClerk,
    ada: User,
    site: Site,
    session: Session,
    browser: Browser,
    clock: Clock,
    headers: dict[str, str],
) -> None:
    """The answer is the page, with the new cookies on it, and they serve for what comes next."""
    before = browser.held(site)
    answer = browser.get(f"{site.url}/page?a=1", headers=headers)
    assert (answer.status_code, answer.history) == (200, [])
    assert answer.json() == {"user": ada.id, "organization": None, "query": "a=1"}
    after = browser.held(site)
    for name in ("__session", f"__session_{local.cookie_suffix}"):
        assert after[name] != before[name]
        assert local.session_of(after[name]) is session
    for _ in range(3):
        again = browser.get(f"{site.url}/page", headers=headers)
        assert (again.status_code, "set-cookie" in again.headers) == (200, False)
    assert refreshes(local, session) == 1
    clock.now += 3_600
    assert browser.get(f"{site.url}/page", headers=headers).status_code == 200
    assert refreshes(local, session) == 2
    assert local.requests_to("/client/handshake") == []


def test_guests_page_refreshes_too(
    local: LocalClerk, ada: User, site: Site, session: Session, browser: Browser
) -> None:
    """The cookies come with the answer, although nobody demanded a user."""
    answer = browser.get(f"{site.url}/guests", headers=FETCH)
    assert answer.json() == {"user": ada.id}
    assert any(each.startswith("__session=") for each in answer.headers.get_list("set-cookie"))


def test_cookies_come_with_whatever_the_page_answers(
    local: LocalClerk, ada: User, browser: Browser, clock: Clock
) -> None:
    """Also if it turns the user away, finds nothing, or breaks off."""

    def make(clerk: Clerk[Any]) -> FastAPI:
        app = FastAPI(lifespan=clerk.lifespan)

        @app.get("/admins", dependencies=[Depends(require_role("org:admin"))])
        async def admins() -> None: ...

        @app.get("/missing", dependencies=[Depends(require_auth)])
        async def missing() -> None:
            raise HTTPException(404)

        @app.get("/stream", dependencies=[Depends(require_auth)])
        async def stream() -> StreamingResponse:
            return StreamingResponse(iter(["one", "two"]), headers={"set-cookie": "theme=dark"})

        return app

    with open_site(local, make=make) as site:
        for path, status in (("/admins", 403), ("/missing", 404), ("/stream", 200)):
            session = browser.sign_in(site, ada)
            browser.hold(site, local.cookies(session, azp=site.url, refresh=True))
            clock.now += 3_600
            answer = browser.get(site.url + path, headers=FETCH)
            assert answer.status_code == status
            fresh = browser.held(site)["__session"]
            assert fresh in str(answer.headers.get_list("set-cookie"))
            assert local.session_of(fresh) is session
    assert browser.held(site)["theme"] == "dark"


def test_forms_are_not_refreshed(
    local: LocalClerk, site: Site, session: Session, browser: Browser
) -> None:
    """As Clerk's own SDKs have it."""
    answer = browser.post(f"{site.url}/page")
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "token-expired")
    assert refreshes(local, session) == 0


def test_page_goes_round_by_clerk_if_the_session_has_ended(
    local: LocalClerk, site: Site, session: Session, browser: Browser
) -> None:
    """Clerk refuses to make it fresh, and the handshake signs the browser out."""
    local.end_session(session)
    answer = browser.get(f"{site.url}/page")
    (reason,) = reasons(answer)
    assert reason.startswith("session-token-expired-refresh-")
    assert answer.status_code == 401
    assert [name for name in browser.held(site) if "session" in name or "refresh" in name] == []
    assert refreshes(local, session) == 1


def test_script_is_refused_if_the_session_has_ended(
    local: LocalClerk, site: Site, session: Session, browser: Browser
) -> None:
    """It keeps its cookies; the next page will see to them."""
    local.end_session(session)
    answer = browser.get(f"{site.url}/page", headers=FETCH)
    assert (answer.status_code, answer.history) == (401, [])
    assert answer.json()["detail"]["code"] == "token-expired"
    assert "set-cookie" not in answer.headers


def test_refresh_token_of_another_session_helps_nobody(
    local: LocalClerk, ada: User, site: Site, session: Session, browser: Browser
) -> None:
    """Clerk is shown both tokens, and they must belong together."""
    other = local.sign_in(local.add_user("eve@example.com"))
    browser.hold(site, {f"__refresh_{local.cookie_suffix}": other.refresh_token})
    answer = browser.get(f"{site.url}/page", headers=FETCH)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "token-expired")


def test_clerk_is_told_no_more_than_it_needs(
    local: LocalClerk, site: Site, session: Session, browser: Browser
) -> None:
    """No cookies of the application, and none of its other headers."""
    browser.hold(site, {"theme": "dark-and-secret"})
    browser.get(f"{site.url}/page", headers={"x-api-key": "very-secret"})
    (seen,) = local.requests_to(f"/sessions/{session.id}/refresh")
    body = seen.body.decode().lower()
    assert session.refresh_token.lower() in body
    untold = ("dark-and-secret", "very-secret", '"cookie":', "authorization", "x-api-key")
    assert [word for word in untold if word in body] == []
