"""Round by Clerk without leaving the site: the Frontend API behind the application's own proxy."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from clerk_fastapi import Clerk, ClerkMiddleware
from clerk_fastapi.testing import LocalClerk, User
from tests.backend.clock import Clock
from tests.flow.serving import Address, Browser, Site, open_site, opened

HOUR = 3_600


def proxied(url: str | None) -> Callable[[Clerk[Any]], FastAPI]:
    """Make the usual pages, with a proxy before them."""

    def make(clerk: Clerk[Any]) -> FastAPI:
        app = opened(clerk)
        app.add_middleware(ClerkMiddleware, frontend_api_proxy=True, frontend_api_url=url)
        return app

    return make


@pytest.fixture(params=["in this process", "at an address"])
def site(
    request: pytest.FixtureRequest, local: LocalClerk, clerks_address: Address
) -> Iterator[Site]:
    """An application whose browsers know no other host."""
    options: dict[str, Any] = {"proxy_url": "/__clerk"}
    url: str | None = clerks_address.url
    if request.param == "in this process":
        options |= {"transport": local.transport(), "api_url": None}
        url = None
    with open_site(local, make=proxied(url), **options) as site:
        yield site


def test_handshake_goes_through_the_proxy(
    local: LocalClerk, ada: User, site: Site, browser: Browser, clock: Clock
) -> None:
    """An expired session comes home fresh, and every step of the way is on the site."""
    session = browser.sign_in(site, ada)
    before = browser.held(site)
    clock.now += HOUR
    answer = browser.get(f"{site.url}/page?a=1")
    assert (answer.status_code, answer.json()["user"]) == (200, ada.id)
    steps = [step.url for step in answer.history]
    assert {f"{url.scheme}://{url.netloc.decode()}" for url in steps} == {site.url}
    assert [url.path for url in steps][:2] == ["/page", "/__clerk/v1/client/handshake"]
    after = browser.held(site)
    assert after["__session"] != before["__session"]
    assert local.session_of(after["__session"]) is session
    (seen,) = local.requests_to("/client/handshake")
    assert seen.headers["clerk-proxy-url"] == f"{site.url}/__clerk"
    assert seen.headers["clerk-secret-key"] == local.secret_key
    assert seen.headers["x-forwarded-for"] == "127.0.0.1"


def test_what_the_browser_sdk_asks_is_answered(
    local: LocalClerk, site: Site, browser: Browser
) -> None:
    """Keys, and in development a dev browser, below the path and nowhere else."""
    assert browser.get(f"{site.url}/__clerk/.well-known/jwks.json").json() == local.jwks()
    status = browser.post(f"{site.url}/__clerk/v1/dev_browser").status_code
    assert status == (200 if local.instance_type == "development" else 404)
    assert browser.get(f"{site.url}/__clerkx/.well-known/jwks.json").status_code == 404


def test_errors_of_clerk_are_told_as_clerk_tells_them(
    local: LocalClerk, site: Site, browser: Browser
) -> None:
    """The browser SDK reads them."""
    answer = browser.get(f"{site.url}/__clerk/v1/client/handshake")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "form_param_value_invalid"


def test_proxy_answers_before_anybody_is_judged(
    local: LocalClerk, site: Site, browser: Browser
) -> None:
    """A forged token is Clerk's to refuse; it is not looked at on the way."""
    headers = {"Authorization": "Bearer forged"}
    answer = browser.get(f"{site.url}/__clerk/.well-known/jwks.json", headers=headers)
    assert (answer.status_code, local.jwks_requests) == (200, 1)
