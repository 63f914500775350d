"""A whole browser flow over plain HTTP: an application, its Clerk, and a browser's cookie jar."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from clerk_fastapi import Auth, Clerk, SessionClaims, require_auth
from clerk_fastapi.testing import LocalClerk, Session, User
from clerk_fastapi.testing.server import serve
from tests.testing.conftest import Clock

PAGE = "/notes?q=a%20b"
HOST = "127.0.0.1"


def application(local: LocalClerk) -> FastAPI:
    """An application with one page, for those who are signed in."""
    clerk = Clerk(**local.settings())
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/notes")
    async def notes(auth: Annotated[Auth[SessionClaims], Depends(require_auth)]) -> str:
        return auth.session_id or ""

    return app


@contextmanager
def browser_of(local: LocalClerk) -> Iterator[httpx.Client]:
    """A browser in front of the application, while both servers run."""
    with serve(local.app) as local.proxy_url, serve(application(local)) as url:
        headers = {"Accept": "text/html"}
        with httpx.Client(
            base_url=url, headers=headers, follow_redirects=True, timeout=60
        ) as browser:
            yield browser


def wear(browser: httpx.Client, cookies: dict[str, str]) -> None:
    """Put cookies where the page's own are."""
    for name, value in cookies.items():
        browser.cookies.set(name, value, domain=HOST, path="/")


def hops(response: httpx.Response) -> list[str]:
    """The paths that the browser was led along."""
    return [step.url.path for step in (*response.history, response)]


HANDSHAKE = "/v1/client/handshake"


def test_new_browser_gets_a_dev_browser_token_and_then_an_answer(local: LocalClerk) -> None:
    """One handshake is enough to know that nobody is signed in, also for the next pages."""
    with browser_of(local) as browser:
        first, second = browser.get(PAGE), browser.get(PAGE)
        token = browser.cookies["__clerk_db_jwt"]
    assert (first.status_code, second.status_code) == (401, 401)
    assert hops(first) == ["/notes", HANDSHAKE, "/notes", "/notes"]
    assert hops(second) == ["/notes"]
    assert local.browsers.keys() == {token}


def test_sign_in_is_noticed_by_the_next_page(local: LocalClerk, ada: User) -> None:
    """The way a sign-in page leads back: with the dev browser token in the query."""
    with browser_of(local) as browser:
        browser.get(PAGE)
        token = browser.cookies["__clerk_db_jwt"]
        session = local.sign_in(ada, browser=local.browsers[token])
        response = browser.get("/notes", params={"__clerk_db_jwt": token})
        assert (response.status_code, response.json()) == (200, session.id)
        assert str(response.url).endswith("/notes")
        assert hops(browser.get(PAGE)) == ["/notes"]


def test_expired_session_goes_on_without_a_redirect(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A refresh token spares the way to Clerk and back."""
    with browser_of(local) as browser:
        wear(browser, local.cookies(session, refresh=True))
        clock.now += 3_600
        response = browser.get(PAGE)
    assert (response.json(), hops(response)) == (session.id, ["/notes"])
    assert len(local.requests_to(f"/sessions/{session.id}/refresh")) == 1


def test_expired_session_goes_on_after_a_handshake(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """The browser lands on the very page that it asked for."""
    with browser_of(local) as browser:
        wear(browser, local.cookies(session))
        clock.now += 3_600
        response = browser.get(PAGE)
        assert str(response.url) == str(browser.base_url.join(PAGE)).replace("%20", "+")
    assert (response.status_code, response.json()) == (200, session.id)
    assert hops(response) == ["/notes", HANDSHAKE, "/notes", "/notes"]


def test_ended_session_is_over_when_its_token_is(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Neither refresh nor handshake revive it, and its cookies go away."""
    with browser_of(local) as browser:
        wear(browser, local.cookies(session, refresh=True))
        local.end_session(session, "revoked")
        assert browser.get(PAGE).status_code == 200
        clock.now += 3_600
        assert browser.get(PAGE).status_code == 401
        assert "__session" not in browser.cookies
        assert hops(browser.get(PAGE)) == ["/notes"]


@pytest.mark.parametrize("refresh", [True, False])
def test_production_session_goes_on(production: LocalClerk, clock: Clock, refresh: bool) -> None:
    """There, a cookie of Clerk's own names the browser, and what comes back is in cookies, too."""
    session = production.sign_in(production.add_user("ada@example.com"))
    with browser_of(production) as browser:
        origin = str(browser.base_url).rstrip("/")
        cookies = production.cookies(session, azp=origin, refresh=refresh)
        wear(browser, {**cookies, "__client": session.browser.token})
        clock.now += 3_600
        response = browser.get(PAGE)
        assert (response.status_code, response.json()) == (200, session.id)
        assert hops(response) == (["/notes"] if refresh else ["/notes", HANDSHAKE, "/notes"])
        assert "__clerk_handshake_nonce" not in browser.cookies
        production.end_session(session)
        clock.now += 3_600
        assert browser.get(PAGE).status_code == 401
        assert browser.cookies["__client_uat"] == "0"


def test_unreachable_instance_does_not_sign_out(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """While it fails, a browser is told to come again; then all is as before."""
    with browser_of(local) as browser:
        wear(browser, local.cookies(session))
        assert browser.get(PAGE).status_code == 200
        clock.now += 3_600
        with local.outage():
            assert browser.get(PAGE).status_code == 503
        assert browser.get(PAGE).json() == session.id


def test_instance_of_somebody_else_ends_in_a_refusal(local: LocalClerk, session: Session) -> None:
    """Where browsers are sent to the wrong Clerk, three attempts are enough to say so."""
    with (
        serve(LocalClerk().app) as local.proxy_url,
        serve(application(local)) as url,
        httpx.Client(headers={"Accept": "text/html"}, follow_redirects=True, timeout=60) as browser,
    ):
        response = browser.get(f"{url}/notes")
    assert response.status_code == 401
    assert hops(response).count(HANDSHAKE) == 3
