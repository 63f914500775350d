"""The example's home page: pick a member, press a button, see what comes back."""

import pytest

from tests.browser.conftest import Page


@pytest.fixture
def home(page: Page, site: str) -> Page:
    """The home page of a running example, with its members on it."""
    page.open(site)
    page.text("#members", "Ada")
    return page


def test_a_member_reads_and_writes(home: Page) -> None:
    """Picking a member and pressing a button shows the answer."""
    home.click("input[value=bob]")
    home.click("#list-items")
    assert home.text("#status", "^[0-9]") == "200 OK"
    assert home.text("#json") == "[]"
    home.click("#create-item")
    assert home.text("#status", "^201") == "201 Created"
    assert '"title": "Note of' in home.text("#json")


def test_a_viewer_may_not_write(home: Page) -> None:
    """A refusal shows its code and names the permission."""
    home.click("input[value=cleo]")
    home.click("#create-item")
    assert home.text("#status", "^[0-9]") == "403 Forbidden · permission-denied"
    assert "This needs permission org:data:write" in home.text("#json")


def test_an_evil_token_is_refused(home: Page) -> None:
    """The page sends forged tokens too, and shows the challenge."""
    home.pick("#kind", "expired")
    home.click("#list-items")
    assert home.text("#status", "^[0-9]") == "401 Unauthorized · token-expired"
    assert 'Bearer error="invalid_token"' in home.text("#headers")


def test_a_cookie_carries_the_session(home: Page) -> None:
    """The browser can send cookies as well; it keeps them, and they do not go with the header."""
    home.pick("#carrier", "cookie")
    home.click("#me")
    assert home.text("#status", "^[0-9]") == "200 OK"
    assert "Cookie: __session=" in home.text("#sent")
    assert "__client_uat=" in home.evaluate("document.cookie")
    home.pick("#carrier", "bearer")
    home.pick("#kind", "none")
    home.click("#me")
    assert home.text("#status", "^401") == "401 Unauthorized · session-token-and-uat-missing"
    assert "__client_uat=" in home.evaluate("document.cookie")
    home.pick("#carrier", "cookie")
    home.click("#list-items")
    assert "GET /items" in home.text("#sent", "/items")
    assert home.evaluate("document.cookie") == ""


def test_an_expired_session_goes_round_by_clerk(home: Page) -> None:
    """A page is opened with an expired cookie, and shown with a fresh one that Clerk brought."""
    home.click("input[value=bob]")
    home.pick("#kind", "expired")
    home.go(lambda: home.click("#open-page"))
    assert home.text("#visitor") == "Signed in as bob@example.com in acme (org:member)."
    assert "The browser was sent to Clerk and back: session-token-expired" in home.text("#way")
    assert home.evaluate("location.pathname + location.search") == "/page"
    home.go(lambda: home.click("#again"))
    assert "Straight here" in home.text("#way")


def test_a_page_for_nobody(home: Page) -> None:
    """A browser that Clerk does not know is introduced, and still nobody is signed in."""
    home.pick("#kind", "none")
    home.go(lambda: home.click("#open-page"))
    assert home.text("#visitor") == "Nobody is signed in in this browser."
    assert "dev-browser-missing" in home.text("#way")


def test_an_api_key_lives_until_it_is_revoked(home: Page) -> None:
    """A key is issued, opens the export of its owner, and is refused once it was revoked."""
    home.click("#issue-key")
    assert home.text("#status", "^[0-9]") == "200 OK"
    home.click("#export-items")
    assert "Authorization: Bearer ak_" in home.text("#sent", "/export")
    assert home.text("#status", "^[0-9]") == "200 OK"
    home.click("#revoke-key")
    assert '"revoked": true' in home.text("#json", "revoked")
    home.click("#export-items")
    assert home.text("#status", "^401") == "401 Unauthorized · token-invalid"
    assert "has been revoked" in home.text("#json")


def test_a_session_is_revoked(home: Page) -> None:
    """The list tells the sessions that the buttons have made, and the button ends the oldest."""
    home.click("#me")
    assert home.text("#status", "^[0-9]") == "200 OK"
    home.click("#list-sessions")
    assert '"browser": "Chrome ' in home.text("#json", "is_this_one")
    home.click("#revoke-session")
    assert home.text("#status", "^204") == "204 No Content"
    home.click("#revoke-session")
    home.click("#list-sessions")
    assert home.text("#json", "is_this_one").count('"id"') == 4


def test_reports_are_limited(home: Page) -> None:
    """Another service makes ten, and the eleventh is told when to come again."""
    home.click("#report")
    assert '"organization": "acme"' in home.text("#json", "believed")
    for left in (*range(8, -1, -1), 0):
        home.click("#report")
        home.text("#headers", f"r={left};")
    assert home.text("#status", "^429") == "429 Too Many Requests · rate-limited"
    assert "retry-after" in home.text("#headers")


def test_a_body_can_be_edited(home: Page) -> None:
    """What stands in the editor is what is sent, well-formed or not."""
    home.click("#create-item")
    assert home.text("#status", "^201")
    home.pick("#body", "{")
    home.click("#editor button")
    assert home.text("#status", "^422").startswith("422")


def test_changes_arrive_live(home: Page) -> None:
    """The WebSocket opens with the cookie and tells of the item that was made."""
    home.click("#connect")
    assert home.text("#live-status", "^Connected")
    home.click("#create-item")
    assert '"type":"item.created"' in home.text("#events", "created")


def test_a_socket_is_refused(home: Page) -> None:
    """Who may not listen is told so."""
    home.pick("#kind", "expired")
    home.click("#connect")
    assert home.text("#live-status", "^Refused")


def test_the_address_can_pick(home: Page) -> None:
    """A link can name the member and the button."""
    home.evaluate("location.hash = 'member=dora&try=read-settings'")
    home.go(lambda: home.evaluate("location.reload()"))
    assert home.text("#status", "^[0-9]") == "200 OK"
    assert "globex" in home.text("#json")
