"""The page for browsers: by way of Clerk, or straight, or by a refresh."""

from collections.abc import Iterator

import httpx
import pytest

from tests.example.conftest import Example

PAGE = {"Accept": "text/html"}


@pytest.fixture
def browser(example: Example) -> Iterator[httpx.Client]:
    """A client that keeps cookies and follows redirects."""
    with httpx.Client(
        base_url=example.url, trust_env=False, follow_redirects=True, timeout=60
    ) as client:
        yield client


def sign_in(example: Example, browser: httpx.Client, member: str, **wish: object) -> None:
    """Give the browser the cookies of a member."""
    answer = example.client.post("/local/token", json={"member": member, **wish})
    for name, value in answer.json()["cookies"].items():
        browser.cookies.set(name, value, domain="127.0.0.1")


def test_good_cookies_lead_straight_to_the_page(example: Example, browser: httpx.Client) -> None:
    """Nobody is asked and nobody is redirected."""
    sign_in(example, browser, "ada")
    browser.get("/page", headers=PAGE)
    page = browser.get("/page", headers=PAGE)
    assert page.history == []
    assert "Signed in as ada@example.com in acme (org:admin)." in page.text
    assert "Straight here" in page.text


def test_an_expired_session_comes_back_fresh(example: Example, browser: httpx.Client) -> None:
    """To Clerk, back, and on to the page: three redirects. The next time a refresh does it."""
    sign_in(example, browser, "eve", kind="expired")
    page = browser.get("/page", headers=PAGE)
    assert [redirect.status_code for redirect in page.history] == [307, 307, 307]
    assert page.url.path == "/page"
    assert not page.url.query
    assert "Signed in as eve@example.com in the personal account." in page.text
    assert "session-token-expired-refresh-non-eligible-no-refresh-cookie" in page.text
    example.clock.now += 120
    page = browser.get("/page", headers=PAGE)
    assert page.history == []
    assert "This server asked Clerk to renew the expired session token." in page.text


def test_nobody_is_told_so(browser: httpx.Client) -> None:
    """A browser without cookies is introduced to Clerk, and then shown a page for nobody."""
    page = browser.get("/page", headers=PAGE)
    assert page.status_code == 200
    assert len(page.history) == 3
    assert "Nobody is signed in" in page.text


def test_page_runs_nothing_and_is_not_kept(browser: httpx.Client) -> None:
    """The policy is that of the home page, and no cache keeps what was shown to one user."""
    page = browser.get("/page", headers=PAGE)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text


@pytest.mark.parametrize("host", ["attacker.example", "192.0.2.1"])
def test_clerk_is_for_this_machine(example: Example, host: str) -> None:
    """The embedded LocalClerk answers no other machine, and no other name."""
    path = "/__clerk/v1/client/handshake"
    answer = example.client.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "loopback-only")
