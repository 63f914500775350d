"""My sessions: one's own are listed and ended, and nobody else's, by programs and on the page."""

import httpx
import pytest

from clerk_fastapi.testing import Session
from tests.example.conftest import Connected, Example, Visitor
from tests.example.test_sign_in import FOREIGN_FORMS

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36 Edg/131.0.2903.51"
)
FORMS = ["/sessions/sign-out", "/sessions/sign-out-everywhere", "/sessions/{id}/revoke"]
ENDED = (401, "session-ended")
NOT_FOUND = (404, "resource-not-found")


def fate(answer: httpx.Response) -> tuple[int, str | None]:
    """The status, and the reason if it is a refusal."""
    is_refusal = answer.status_code >= 400
    return answer.status_code, answer.json()["detail"]["code"] if is_refusal else None


def fate_of(connected: Connected, session: Session) -> tuple[int, str | None]:
    """How a session fares that asks for something."""
    return fate(connected.ask_in(session, "/me"))


def fate_of_script(browser: Visitor) -> tuple[int, str | None]:
    """How a script fares that asks for something from a page: it is sent nowhere."""
    return fate(browser.get("/me", headers={"Accept": "*/*"}))


# --- programs -------------------------------------------------------------------------------------


def test_ones_own_sessions_are_listed(connected: Connected) -> None:
    """All in which the user is signed in, newest first, and which of them is asking."""
    first, second = connected.sign_in("ada"), connected.sign_in("ada")
    connected.sign_in("bob")
    connected.clerk.end_session(connected.sign_in("ada"))
    listed = connected.ask_in(first, "/me/sessions").json()
    told = [(session["id"], session["is_this_one"]) for session in listed]
    assert told == [(second.id, False), (first.id, True)]


def test_a_session_tells_where_it_was_used(connected: Connected) -> None:
    """Browser, device, address and place, as far as Clerk knows them, and when."""
    session = connected.sign_in("ada")
    session.activity.browser_name, session.activity.browser_version = "Firefox", "133.0.1"
    session.activity.device_type, session.activity.ip_address = "Macintosh", "192.0.2.7"
    session.activity.city, session.activity.country = "Turin", "IT"
    connected.clock.now += 90
    (told,) = connected.ask_in(session, "/me/sessions").json()
    assert told == {
        "id": session.id,
        "is_this_one": True,
        "browser": "Firefox 133",
        "device": "Macintosh",
        "address": "192.0.2.7",
        "place": "Turin, IT",
        "created_at": 1_800_000_000,
        "last_active_at": 1_800_000_000,
    }


def test_a_revoked_session_is_refused_at_once(connected: Connected) -> None:
    """Its token is good for a minute still, and opens nothing; other sessions go on."""
    mine, stolen, bobs = (connected.sign_in(name) for name in ("ada", "ada", "bob"))
    taken = connected.clerk.bearer(stolen)
    assert connected.client.get("/me", headers=taken).status_code == 200
    assert connected.ask_in(mine, f"/me/sessions/{stolen.id}", "DELETE").status_code == 204
    assert fate(connected.client.get("/me", headers=taken)) == ENDED
    assert stolen.status == "revoked"
    assert fate_of(connected, mine) == fate_of(connected, bobs) == (200, None)
    assert len(connected.ask_in(mine, "/me/sessions").json()) == 1


def test_a_session_is_revoked_twice(connected: Connected) -> None:
    """The second time it is over already, which is what was wanted."""
    mine, other = connected.sign_in("ada"), connected.sign_in("ada")
    for _ in range(2):
        assert connected.ask_in(mine, f"/me/sessions/{other.id}", "DELETE").status_code == 204


def test_nobody_revokes_a_session_of_somebody_else(connected: Connected) -> None:
    """It is not found, like one that never was, and goes on."""
    mine, theirs = connected.sign_in("ada"), connected.sign_in("bob")
    for name in (theirs.id, "sess_nobody", "a%3Fb", "%00"):
        assert fate(connected.ask_in(mine, f"/me/sessions/{name}", "DELETE")) == NOT_FOUND
    assert fate_of(connected, theirs) == (200, None)
    assert theirs.status == "active"


def test_a_revoked_session_revokes_nothing(connected: Connected) -> None:
    """Whoever was shut out cannot shut out others."""
    mine, stolen = connected.sign_in("ada"), connected.sign_in("ada")
    connected.ask_in(mine, f"/me/sessions/{stolen.id}", "DELETE")
    assert fate(connected.ask_in(stolen, f"/me/sessions/{mine.id}", "DELETE")) == ENDED
    assert fate_of(connected, mine) == (200, None)


def test_an_outage_of_clerk_ends_nothing(connected: Connected) -> None:
    """What Clerk was not told is not said to be done."""
    mine, other = connected.sign_in("ada"), connected.sign_in("ada")
    assert fate_of(connected, mine) == (200, None)  # the keys are there
    with connected.clerk.outage():
        assert connected.ask_in(mine, "/me/sessions").status_code == 503
        answer = connected.ask_in(mine, f"/me/sessions/{other.id}", "DELETE")
        assert answer.status_code == 503
    assert fate_of(connected, other) == (200, None)


def test_private_metadata_never_leaves(connected: Connected) -> None:
    """Everybody gets their user, as Clerk knows it now, without what only the backend may know."""
    connected.clerk.add_user(
        "ada@example.com",
        first_name="Ada",
        public_metadata={"plan": "pro"},
        private_metadata={"note": "a-secret-of-the-backend"},
    )
    mine = connected.sign_in("ada")
    user = connected.ask_in(mine, "/me/user")
    assert (user.json()["first_name"], user.json()["public_metadata"]) == ("Ada", {"plan": "pro"})
    page = connected.ask_in(mine, "/sessions")
    assert '<strong id="user">Ada</strong>' in page.text
    document = connected.client.get("/openapi.json")
    for answer in (user, page, connected.ask_in(mine, "/me/sessions"), document):
        assert "a-secret-of-the-backend" not in answer.text
        assert "private_metadata" not in answer.text


def test_a_deleted_user_is_nobody(connected: Connected) -> None:
    """Also before a webhook has told so: Clerk is asked."""
    mine = connected.sign_in("ada")
    connected.clerk.delete_user(mine.user)
    assert fate(connected.ask_in(mine, "/me/user")) == ENDED


# --- the page -------------------------------------------------------------------------------------


@pytest.fixture
def phone(example: Example, visitor: Visitor) -> Visitor:
    """A telephone in which Eve is signed in, and nowhere else."""
    visitor.sign_in("eve")
    visitor.send_form("/sessions/sign-out-everywhere", {})
    visitor.headers["User-Agent"] = IPHONE
    visitor.sign_in("eve", "/sessions")
    return visitor


def test_the_page_leads_to_the_sign_in_page_and_back(visitor: Visitor) -> None:
    """Nobody's sessions are shown to nobody."""
    page, wanted = visitor.get("/sessions"), str(visitor.base_url.join("/sessions"))
    assert (page.url.path, page.url.params["redirect_url"]) == ("/sign-in", wanted)


def test_the_page_shows_where_one_is_signed_in(example: Example, phone: Visitor) -> None:
    """Each browser with its device, its address and its age, and which is this one."""
    with Visitor(example.url) as desk:
        desk.headers["User-Agent"] = EDGE
        example.clock.now += 7_200
        page = desk.sign_in("eve", "/sessions").text
    assert "eve@example.com" in page
    assert 'Edge 131 on Windows <span class="mark">this browser</span>' in page
    assert "Safari 18 on iPhone</h3>" in page
    assert "127.0.0.1 · active 2 hours ago · signed in 2 hours ago" in page
    assert "127.0.0.1 · active just now · signed in just now" in page
    assert page.count("/revoke") == 2


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(59, "just now"), (60, "1 minute ago"), (3_600, "1 hour ago"), (259_200, "3 days ago")],
)
def test_ages_are_told_in_words(connected: Connected, seconds: int, words: str) -> None:
    """In the largest unit that fits."""
    mine = connected.sign_in("ada")
    mine.created_at -= seconds
    assert f"signed in {words}" in connected.ask_in(mine, "/sessions").text


def test_a_browser_without_a_name_is_known_by_its_session(example: Example) -> None:
    """What a browser says of itself is text, and may be missing."""
    for agent, shown in (("<script>/1", "&lt;script&gt; 1"), ("", "sess_")):
        with Visitor(example.url) as browser:
            browser.headers["User-Agent"] = agent
            page = browser.sign_in("cleo", "/sessions").text
        assert f"<h3>{shown}" in page
        assert "<script" not in page


def test_a_button_revokes_a_session(example: Example, phone: Visitor) -> None:
    """The telephone is signed out from the desk, and the page of the desk shows it no more."""
    with Visitor(example.url) as desk:
        page = desk.sign_in("eve", "/sessions").text
        there = page.split('<li class="session" id="')[2].partition('"')[0]
        page = desk.send_form(f"/sessions/{there}/revoke", {})
        assert (page.url.path, page.text.count("/revoke")) == ("/sessions", 1)
        assert fate_of_script(phone) == ENDED
        assert phone.get("/sessions").url.path == "/sign-in"
        assert fate_of_script(desk) == (200, None)


def test_signing_out_here_leaves_others(example: Example, phone: Visitor) -> None:
    """This browser is nobody's afterwards, and what was copied from it opens nothing."""
    with Visitor(example.url) as desk:
        desk.sign_in("eve")
        assert phone.send_form("/sessions/sign-out", {}).url.path == "/"
        assert fate_of_script(phone) == ENDED
        assert "Nobody is signed in" in phone.get("/page").text
        assert fate_of_script(desk) == (200, None)


def test_signing_out_everywhere_ends_all(example: Example, phone: Visitor) -> None:
    """Every session of the user, this one included, and nobody else's."""
    bob = {"Authorization": f"Bearer {example.token('bob')}"}
    with Visitor(example.url) as desk:
        desk.sign_in("eve")
        assert desk.send_form("/sessions/sign-out-everywhere", {}).url.path == "/"
        assert fate_of_script(phone) == fate_of_script(desk) == ENDED
    assert example.client.get("/me", headers=bob).status_code == 200
    assert "Safari" not in phone.sign_in("eve", "/sessions").text.partition("this browser")[2]


def test_a_form_ends_no_session_of_somebody_else(example: Example, phone: Visitor) -> None:
    """Whoever puts another id into the form finds nothing."""
    bob = {"Authorization": f"Bearer {example.token('bob')}"}
    (theirs,) = (
        each["id"]
        for each in example.client.get("/me/sessions", headers=bob).json()
        if each["is_this_one"]
    )
    assert fate(phone.send_form(f"/sessions/{theirs}/revoke", {})) == NOT_FOUND
    assert example.client.get("/me", headers=bob).status_code == 200


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("sender", FOREIGN_FORMS)
def test_forms_of_others_end_nothing(phone: Visitor, path: str, sender: str) -> None:
    """No other page ends a session, though the cookies come along."""
    (mine,) = phone.get("/me/sessions").json()
    answer = phone.post(path.format(id=mine["id"]), headers=FOREIGN_FORMS[sender])
    assert fate(answer) == (403, "cross-origin-form")
    assert fate_of_script(phone) == (200, None)


@pytest.mark.parametrize("path", FORMS)
def test_forms_of_nobody_are_refused(visitor: Visitor, path: str) -> None:
    """Nobody is signed in, and so nobody is signed out."""
    answer = visitor.send_form(path.format(id="sess_1"), {})
    assert answer.status_code == 401
