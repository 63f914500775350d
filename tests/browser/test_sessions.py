"""My sessions, in a browser: what is revoked is gone from the page, and from the other browser."""

from collections.abc import Iterator

import pytest

from tests.browser.conftest import Page
from tests.example.conftest import Visitor, eventually

OTHER = "#sessions li:nth-child(2)"


@pytest.fixture
def phone(site: str) -> Iterator[Visitor]:
    """Another browser, in which Ada is signed in."""
    with Visitor(site) as visitor:
        visitor.headers["User-Agent"] = "Mozilla/5.0 (iPhone) Version/18.1 Mobile/1 Safari/604.1"
        visitor.sign_in("ada")
        yield visitor


@pytest.fixture
def mine(browser: Page, site: str, phone: Visitor) -> Page:
    """The page of Ada, who has signed in here, too."""
    browser.open(f"{site}/sessions")
    browser.sign_in("ada")
    assert browser.place == "/sessions"
    return browser


def reloaded(page: Page) -> Page:
    """The same page, asked for again."""
    page.go(lambda: page.evaluate("location.reload()"))
    return page


def test_the_page_says_who_and_where(mine: Page) -> None:
    """The user's name and address, and which of the sessions is the one of this browser."""
    assert (mine.text("#user"), mine.text("#email")) == ("Ada", "ada@example.com")
    assert "this browser" in mine.text("#sessions li:first-child")
    assert "Safari 18 on iPhone" in mine.text(OTHER)
    assert "this browser" not in mine.text(OTHER)


def test_a_revoked_session_is_gone(mine: Page, phone: Visitor) -> None:
    """A press of its button, and the other browser has to sign in; Clerk's word of it follows."""
    assert phone.get("/page").text.count("Signed in as ada@example.com") == 1
    mine.go(lambda: mine.click(f"{OTHER} button"))
    assert mine.place == "/sessions"
    assert mine.evaluate("document.querySelectorAll('#sessions li').length") == 1
    assert "iPhone" not in mine.text("#sessions")
    assert phone.get("/sessions").url.path == "/sign-in"
    eventually(lambda: "revoked" in reloaded(mine).text("#ended"))


def test_signing_out_here_leaves_the_other(mine: Page, phone: Visitor, site: str) -> None:
    """This browser has to sign in again, and the other does not."""
    mine.go(lambda: mine.click("#sign-out-here"))
    assert mine.place == "/"
    mine.open(f"{site}/sessions")
    assert mine.place.startswith("/sign-in?redirect_url=")
    assert phone.get("/sessions").url.path == "/sessions"


def test_signing_out_everywhere_leaves_nobody(mine: Page, phone: Visitor, site: str) -> None:
    """Both browsers have to sign in again."""
    mine.go(lambda: mine.click("#sign-out-everywhere"))
    mine.open(f"{site}/sessions")
    assert mine.place.startswith("/sign-in?redirect_url=")
    assert phone.get("/sessions").url.path == "/sign-in"


def test_a_form_of_another_site_ends_nothing(mine: Page, site: str) -> None:
    """Whoever is lured to another page stays signed in."""
    form = f"<form method=post action={site}/sessions/sign-out-everywhere><button></form>"
    mine.open(f"data:text/html,{form}")
    mine.go(lambda: mine.click("button"))
    mine.open(f"{site}/sessions")
    assert mine.evaluate("document.querySelectorAll('#sessions li').length") == 2
