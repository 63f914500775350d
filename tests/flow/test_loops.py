"""A broken instance: after going round by Clerk three times comes a refusal that says why."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route

from clerk_fastapi.testing import LocalClerk, User
from clerk_fastapi.testing.server import serve
from tests.backend.clock import Clock
from tests.flow.serving import Browser, Site, open_site, reasons


def assert_stopped(answer: httpx.Response, site: Site) -> None:
    """After exactly three redirects to Clerk there is a refusal, on the page that was asked for."""
    assert len(reasons(answer)) == 3
    assert answer.status_code == 401
    assert str(answer.url).startswith(f"{site.url}/page?a=1")
    detail = answer.json()["detail"]
    assert (
        "CLERK_PUBLISHABLE_KEY and CLERK_SECRET_KEY belong to the same instance"
        in (detail["message"])
    )
    assert "set-cookie" not in answer.headers


def test_keys_of_another_instance_end_the_way(
    local: LocalClerk, browser: Browser, clock: Clock
) -> None:
    """Browsers go to one instance, the application asks another: neither knows of the other."""
    other = LocalClerk(host="clerk.example.org", instance_type=local.instance_type, clock=clock)
    with (
        serve(other.app) as api_url,
        open_site(
            local,
            publishable_key=other.publishable_key,
            secret_key=other.secret_key,
            api_url=api_url,
        ) as site,
    ):
        browser.sign_in(site, local.add_user("ada@example.com"))
        browser.hold(site, {f"__client_uat_{other.cookie_suffix}": "1"})
        answer = browser.get(f"{site.url}/page?a=1")
    assert_stopped(answer, site)


def test_secret_key_of_another_instance_is_the_operators_fault(
    local: LocalClerk, ada: User, browser: Browser, clock: Clock
) -> None:
    """Clerk says so, so that no browser has to go round three times to find out."""
    other = LocalClerk(instance_type=local.instance_type, clock=clock)
    with open_site(local, secret_key=other.secret_key) as site:
        browser.hold(site, {"__client_uat": "1"})
        answer = browser.get(f"{site.url}/page?a=1")
    assert len(reasons(answer)) == 1
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert answer.json()["detail"]["code"] == "secret-key-invalid"


def test_nonce_that_never_resolves_ends_the_way(
    local: LocalClerk,
    ada: User,
    site: Site,
    browser: Browser,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Clerk has forgotten each one by the time it is asked."""
    monkeypatch.setattr(local.nonces, "take", lambda nonce: None)
    browser.sign_in(site, ada)
    clock.now += 3_600
    answer = browser.get(f"{site.url}/page?a=1")
    assert_stopped(answer, site)
    assert len(local.requests_to("/clients/handshake_payload")) == 3


@contextmanager
def leading_back(**cookies: str) -> Iterator[str]:
    """Serve a handshake that sets these cookies, if any, and brings nothing home."""

    def handshake(request: Request) -> RedirectResponse:
        response = RedirectResponse(request.query_params["redirect_url"])
        for name, value in cookies.items():
            response.set_cookie(name, value)
        return response

    with serve(Starlette(routes=[Route("/v1/client/handshake", handshake)])) as url:
        yield url


def test_handshake_that_brings_nothing_ends_the_way(
    local: LocalClerk, ada: User, browser: Browser, clock: Clock
) -> None:
    """The session stays expired, however often it is asked about."""
    with leading_back() as proxy_url, open_site(local, proxy_url=proxy_url) as site:
        browser.sign_in(site, ada)
        clock.now += 3_600
        answer = browser.get(f"{site.url}/page?a=1")
    assert_stopped(answer, site)
    assert answer.json()["detail"]["code"] == "token-expired"


@pytest.mark.parametrize("junk", ["junk", "eyJ.eyJ.eyJ"])
def test_handshake_that_brings_junk_ends_the_way(
    production: LocalClerk, browser: Browser, junk: str
) -> None:
    """Cookies that nobody signed are ignored, as if they had not come."""
    with (
        leading_back(__clerk_handshake=junk) as proxy_url,
        open_site(production, proxy_url=proxy_url) as site,
    ):
        browser.hold(site, {"__client_uat": "1"})
        answer = browser.get(f"{site.url}/page?a=1")
    assert_stopped(answer, site)


def test_clerk_that_is_out_of_order_is_a_503(
    local: LocalClerk, ada: User, site: Site, browser: Browser, clock: Clock
) -> None:
    """The handshake came home, and what it brought cannot be fetched: try again later."""
    browser.sign_in(site, ada)
    clock.now += 3_600
    first = browser.get(f"{site.url}/page", follow_redirects=False)
    home = browser.get(first.headers["location"], follow_redirects=False)
    with local.outage(status=500, headers={"Retry-After": "7"}):
        answer = browser.get(home.headers["location"], follow_redirects=False)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    recovered = browser.get(home.headers["location"])
    assert (recovered.status_code, recovered.json()["user"]) == (200, ada.id)
