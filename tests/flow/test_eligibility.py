"""Who is never sent to Clerk: whatever does not load a page, and whoever speaks for themselves."""

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, User
from tests.backend.clock import Clock
from tests.flow.serving import FETCH, Browser, Site, reasons

HTML = {"accept": "text/html"}


@pytest.fixture
def expired(site: Site, ada: User, browser: Browser, clock: Clock) -> Browser:
    """A browser whose next page would go round by Clerk."""
    browser.sign_in(site, ada)
    clock.now += 3_600
    return browser


PAGES = [{}, {"sec-fetch-dest": "iframe"}]
SCRIPTS = [
    FETCH,
    {**FETCH, **HTML},
    {**FETCH, "sec-fetch-mode": "navigate"},
    {**HTML, "sec-fetch-dest": "image"},
    {**HTML, "sec-fetch-dest": "script"},
    {**HTML, "sec-fetch-dest": "embed"},
    {"accept": "application/json", "sec-fetch-dest": ""},
    {"accept": "*/*", "sec-fetch-dest": ""},
]


def assert_answered(answer: httpx.Response, local: LocalClerk, status: int) -> None:
    """At once, without a cookie, and nobody has been to Clerk."""
    assert (answer.status_code, answer.history) == (status, [])
    assert "set-cookie" not in answer.headers
    assert local.requests_to("/client/handshake") == []


@pytest.mark.parametrize("method", ["POST", "HEAD"])
def test_other_methods_are_never_redirected(
    expired: Browser, site: Site, local: LocalClerk, method: str
) -> None:
    """A form would lose what it carries; it is told that the token has expired."""
    for headers in ({}, HTML, *SCRIPTS):
        answer = expired.request(method, f"{site.url}/page", headers=headers)
        assert_answered(answer, local, 401)
        assert 'error_description="token-expired"' in answer.headers["www-authenticate"]


def test_scripts_are_never_redirected(expired: Browser, site: Site, local: LocalClerk) -> None:
    """A script could not follow: the handshake is on another origin."""
    for headers in SCRIPTS:
        assert_answered(expired.get(f"{site.url}/page", headers=headers), local, 401)
        assert_answered(expired.get(f"{site.url}/guests", headers=headers), local, 200)


@pytest.mark.parametrize("headers", PAGES, ids=["page", "frame"])
def test_pages_and_frames_are(expired: Browser, site: Site, headers: dict[str, str]) -> None:
    """What the others are measured by."""
    answer = expired.get(f"{site.url}/page", headers=headers)
    assert (answer.status_code, len(reasons(answer))) == (200, 1)


def test_browser_that_says_little_is_known_by_what_it_accepts(expired: Browser, site: Site) -> None:
    """Browsers that are too old for ``Sec-Fetch-Dest``."""
    del expired.headers["sec-fetch-dest"]
    assert expired.get(f"{site.url}/page", headers={"accept": "*/*"}).status_code == 401
    assert expired.get(f"{site.url}/page", headers=HTML).status_code == 200


def test_header_is_never_redirected(
    expired: Browser, site: Site, local: LocalClerk, ada: User
) -> None:
    """Not even where a page is loaded, and the cookies beside it do not matter."""
    session = local.sign_in(ada, origin=site.url)
    for token, status in (
        (local.token(session, issued_ago=3_600), 401),
        (local.token(session, azp="https://evil.example.com"), 401),
        (local.token(session, claims={"iat": int(local.clock()) + 3_600}), 401),
        ("junk", 401),
        (local.token(session), 200),
    ):
        for page in PAGES:
            headers = {"authorization": f"Bearer {token}", **page}
            assert_answered(expired.get(f"{site.url}/page", headers=headers), local, status)
