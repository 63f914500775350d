"""The example's pages: sign in, go on to where one was going, be turned away, sign out."""

import pytest

from tests.browser.conftest import Page


def test_an_admin_signs_in_and_lands_in_the_admin_area(browser: Page, site: str) -> None:
    """From the page one wanted to the sign-in page, by way of Clerk, and back; links work there."""
    browser.open(f"{site}/admin")
    assert browser.place.startswith("/sign-in?redirect_url=")
    browser.sign_in("ada")
    assert browser.place == "/admin"
    assert browser.text("#visitor") == "Signed in as ada@example.com in acme (org:admin)."
    browser.go(lambda: browser.click("#items"))
    assert "There are none." in browser.text("tbody")


def test_a_member_is_turned_away(browser: Page, site: str) -> None:
    """Who may not see the admin area is told so, and can sign in as somebody who may."""
    browser.open(f"{site}/admin")
    browser.sign_in("bob")
    assert browser.place == "/unauthorized"
    assert "bob@example.com in acme (org:member)" in browser.text("#visitor")
    browser.go(lambda: browser.click("main .embedded a"))
    browser.sign_in("dora")
    assert browser.place == "/admin"
    assert "dora@example.com in globex" in browser.text("#visitor")


def test_a_pending_session_is_finished_first(browser: Page, site: str) -> None:
    """Who has yet to choose an organization does that, and goes on."""
    browser.open(f"{site}/sign-in?redirect_url=/page")
    browser.sign_in("finn")
    assert browser.place == "/sign-in/tasks?redirect_url=%2Fpage"
    browser.sign_in("acme")
    assert browser.place == "/page"
    assert "finn@example.com in acme (org:member)" in browser.text("#visitor")


@pytest.mark.parametrize(
    "hostile", ["https://attacker.example/", "//attacker.example", "/%5Cattacker.example"]
)
def test_a_hostile_way_on_stays_on_this_site(browser: Page, site: str, hostile: str) -> None:
    """A link to the sign-in page cannot lead on to another site."""
    browser.open(f"{site}/sign-in?redirect_url={hostile}")
    assert browser.text("#onward") == "/page"
    browser.sign_in("ada")
    assert browser.evaluate("location.href") == f"{site}/page"


def test_signing_out_closes_the_admin_area(browser: Page, site: str) -> None:
    """After the button in the header the browser has no session, and Clerk knows of none."""
    browser.open(f"{site}/admin")
    browser.sign_in("ada")
    browser.go(lambda: browser.click("#sign-out"))
    assert browser.place == "/"
    assert "__session" not in browser.evaluate("document.cookie")
    browser.open(f"{site}/admin")
    assert browser.place.startswith("/sign-in?redirect_url=")


def test_another_site_signs_nobody_in(browser: Page, site: str) -> None:
    """A form that a page of somebody else sends is refused, and changes nothing."""
    browser.open(f"{site}/sign-in")
    browser.sign_in("ada")
    form = f"<form method=post action={site}/sign-in><input name=member value=bob><button></form>"
    browser.open(f"data:text/html,{form}")
    browser.go(lambda: browser.click("button"))
    assert "cross-origin-form" in browser.text("body")
    browser.open(f"{site}/page")
    assert "ada@example.com" in browser.text("#visitor")
