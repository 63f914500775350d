"""The example's pages: sign in, go on to where one was going, be turned away, sign out."""

from collections.abc import Iterator

import pytest

from example_app.application import create_app
from tests.browser.conftest import Page
from tests.example.conftest import embedded_settings, serve


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running example."""
    database = tmp_path_factory.mktemp("database") / "example.db"
    with serve(lambda url: create_app(embedded_settings(url, database))) as (_, url):
        yield url


@pytest.fixture
def browser(page: Page) -> Page:
    """A tab of a browser that has no cookies yet."""
    page.forget()
    return page


def sign_in(browser: Page, member: str) -> None:
    """Choose a member on the sign-in page that is open, and send the form."""
    browser.click(f"input[value={member}]")
    browser.go(lambda: browser.click("main button"))


def place(browser: Page) -> str:
    """Where the tab is, without the origin."""
    return str(browser.evaluate("location.href.slice(location.origin.length)"))


def test_an_admin_signs_in_and_lands_in_the_admin_area(browser: Page, site: str) -> None:
    """From the page one wanted to the sign-in page, by way of Clerk, and back; links work there."""
    browser.open(f"{site}/admin")
    assert place(browser).startswith("/sign-in?redirect_url=")
    sign_in(browser, "ada")
    assert place(browser) == "/admin"
    assert browser.text("#visitor") == "Signed in as ada@example.com in acme (org:admin)."
    browser.go(lambda: browser.click("#items"))
    assert "There are none." in browser.text("tbody")


def test_a_member_is_turned_away(browser: Page, site: str) -> None:
    """Who may not see the admin area is told so, and can sign in as somebody who may."""
    browser.open(f"{site}/admin")
    sign_in(browser, "bob")
    assert place(browser) == "/unauthorized"
    assert "bob@example.com in acme (org:member)" in browser.text("#visitor")
    browser.go(lambda: browser.click("main .embedded a"))
    sign_in(browser, "dora")
    assert place(browser) == "/admin"
    assert "dora@example.com in globex" in browser.text("#visitor")


def test_a_pending_session_is_finished_first(browser: Page, site: str) -> None:
    """Who has yet to choose an organization does that, and goes on."""
    browser.open(f"{site}/sign-in?redirect_url=/page")
    sign_in(browser, "finn")
    assert place(browser) == "/sign-in/tasks?redirect_url=%2Fpage"
    sign_in(browser, "acme")
    assert place(browser) == "/page"
    assert "finn@example.com in acme (org:member)" in browser.text("#visitor")


@pytest.mark.parametrize(
    "hostile", ["https://attacker.example/", "//attacker.example", "/%5Cattacker.example"]
)
def test_a_hostile_way_on_stays_on_this_site(browser: Page, site: str, hostile: str) -> None:
    """A link to the sign-in page cannot lead on to another site."""
    browser.open(f"{site}/sign-in?redirect_url={hostile}")
    assert browser.text("#onward") == "/page"
    sign_in(browser, "ada")
    assert browser.evaluate("location.href") == f"{site}/page"


def test_signing_out_closes_the_admin_area(browser: Page, site: str) -> None:
    """After the button in the header the browser has no session, and Clerk knows of none."""
    browser.open(f"{site}/admin")
    sign_in(browser, "ada")
    browser.go(lambda: browser.click("#sign-out"))
    assert place(browser) == "/"
    assert "__session" not in browser.evaluate("document.cookie")
    browser.open(f"{site}/admin")
    assert place(browser).startswith("/sign-in?redirect_url=")


def test_another_site_signs_nobody_in(browser: Page, site: str) -> None:
    """A form that a page of somebody else sends is refused, and changes nothing."""
    browser.open(f"{site}/sign-in")
    sign_in(browser, "ada")
    form = f"<form method=post action={site}/sign-in><input name=member value=bob><button></form>"
    browser.open(f"data:text/html,{form}")
    browser.go(lambda: browser.click("button"))
    assert "cross-origin-form" in browser.text("body")
    browser.open(f"{site}/page")
    assert "ada@example.com" in browser.text("#visitor")
