"""The example's home page: pick a member, press a button, see what comes back."""

from collections.abc import Iterator

import pytest

from example_app.application import create_app
from example_app.settings import Settings
from tests.browser.conftest import Page
from tests.example.conftest import serve


@pytest.fixture
def home(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The home page of a running example, with its members on it."""
    database = tmp_path_factory.mktemp("database") / "example.db"
    with serve(create_app(Settings(database_url=f"sqlite:///{database}"))) as url:
        page.open(url)
        page.text("#members", "Ada")
        yield page


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
    """The browser sends the token as a cookie as well, and keeps none of it."""
    home.pick("#carrier", "cookie")
    home.click("#me")
    assert home.text("#status", "^[0-9]") == "200 OK"
    assert "Cookie: __session=" in home.text("#sent")
    assert home.evaluate("document.cookie") == ""


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
    home.evaluate("location.hash = 'member=dora&try=read-settings'; location.reload()")
    assert home.text("#status", "^[0-9]") == "200 OK"
    assert "globex" in home.text("#json")
