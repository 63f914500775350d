"""The sign-in page of the embedded LocalClerk: its forms, its cookies, and where it leads."""

import pytest

from tests.example.conftest import Connected, Example, Visitor

HOSTILE = [
    "https://attacker.example/",
    "//attacker.example/",
    "///attacker.example",
    "/\\attacker.example",
    "\\\\attacker.example",
    "/%5Cattacker.example",
    "/%2Fattacker.example",
    "http:attacker.example",
    "http://127.0.0.1@attacker.example/",
    "http://127.0.0.1.attacker.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "/admin\r\nSet-Cookie: a=b",
    "\t//attacker.example",
    "admin",
    "",
]
FOREIGN_FORMS: dict[str, dict[str, str]] = {
    "another site": {"Sec-Fetch-Site": "cross-site"},
    "another port of this machine": {"Sec-Fetch-Site": "same-site"},
    "an address bar": {"Sec-Fetch-Site": "none"},
    "an old browser elsewhere": {"Origin": "https://attacker.example"},
    "a sandbox": {"Origin": "null"},
    "nobody knows where": {},
}


def test_signing_in_takes_the_way_of_clerk(visitor: Visitor) -> None:
    """The form leaves no session token: the next page gets that from Clerk, with a handshake."""
    answer = visitor.sign_in("ada", "/admin", follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/admin")
    assert "__client_uat" in visitor.cookies
    assert "__session" not in visitor.cookies
    page = visitor.get("/admin")
    assert [redirect.status_code for redirect in page.history] == [307, 307, 307]
    assert "Signed in as ada@example.com in acme (org:admin)." in page.text
    assert "__session" in visitor.cookies


def test_somebody_else_can_sign_in(visitor: Visitor) -> None:
    """Whoever signs in takes the place of those before, in the same second, too."""
    for member in ("ada", "bob", "dora"):
        assert f"Signed in as {member}@example.com" in visitor.sign_in(member).text


def test_signing_in_makes_a_new_browser(visitor: Visitor) -> None:
    """What somebody may have put into the cookies before is not what signs in."""
    visitor.get("/page")
    before = visitor.cookies["__clerk_db_jwt"]
    visitor.sign_in("ada")
    assert visitor.cookies["__clerk_db_jwt"] != before


def test_signing_out_is_for_good(example: Example, visitor: Visitor) -> None:
    """No cookie signs in afterwards, and what was copied from before is not renewed."""
    visitor.sign_in("ada")
    copied = dict(visitor.cookies)
    assert visitor.send_form("/sign-out", {}).url.path == "/"
    assert visitor.get("/admin").url.path == "/sign-in"
    assert not [name for name in visitor.cookies if name.startswith(("__session", "__refresh"))]
    example.clock.now += 120
    with Visitor(example.url) as thief:
        for name, value in copied.items():
            thief.cookies.set(name, value, domain="127.0.0.1")
        assert "Nobody is signed in" in thief.get("/page").text


def test_whoever_is_not_signed_in_can_sign_out(visitor: Visitor) -> None:
    """There is nothing to do, and it is done."""
    assert visitor.send_form("/sign-out", {}).url.path == "/"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/tasks"])
@pytest.mark.parametrize("place", HOSTILE)
def test_hostile_ways_on_stay_here(visitor: Visitor, path: str, place: str) -> None:
    """Whatever the form or the link says, the browser goes on to a page of this site."""
    if path.endswith("tasks"):
        visitor.sign_in("finn")
    form = {"member": "ada", "organization": "acme", "redirect_url": place}
    answer = visitor.send_form(path, form, follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/page")
    page = visitor.get("/sign-in", params={"redirect_url": place})
    assert 'name="redirect_url" value="/page"' in page.text


def test_ways_on_within_the_site_are_kept(example: Example, visitor: Visitor) -> None:
    """With their queries, written as paths or in full, and as text in the page."""
    for place in ("/admin/items?a=1&b=2", f"{example.url}/admin/items?a=1&b=2"):
        page = visitor.get("/sign-in", params={"redirect_url": place})
        assert f'value="{place.replace("&", "&amp;")}"' in page.text
        assert str(visitor.sign_in("ada", place).url) == f"{example.url}/admin/items?a=1&b=2"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/tasks", "/sign-out"])
@pytest.mark.parametrize("sender", FOREIGN_FORMS)
def test_forms_of_others_are_refused(visitor: Visitor, path: str, sender: str) -> None:
    """No other page signs a browser in or out."""
    visitor.sign_in("ada")
    answer = visitor.post(path, data={"member": "bob"}, headers=FOREIGN_FORMS[sender])
    assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "cross-origin-form")
    assert "ada@example.com" in visitor.get("/page").text


def test_old_browsers_can_sign_in(example: Example, visitor: Visitor) -> None:
    """Those that do not say what kind of request it is tell the origin of the form."""
    form, headers = {"member": "ada"}, {"Origin": example.url}
    assert "ada@example.com" in visitor.post("/sign-in", data=form, headers=headers).text


@pytest.mark.parametrize("form", [{}, {"member": "nobody"}], ids=str)
def test_strangers_do_not_sign_in(visitor: Visitor, form: dict[str, str]) -> None:
    """There are only the members."""
    assert visitor.send_form("/sign-in", form).status_code == 404


@pytest.mark.parametrize(("choice", "place"), [("acme", "acme (org:member)"), ("", "personal")])
def test_a_pending_session_is_finished(visitor: Visitor, choice: str, place: str) -> None:
    """Before anything else an organization is chosen, and then the way goes on."""
    tasks = visitor.sign_in("finn", "/page?a=1")
    assert (tasks.url.path, tasks.url.params["redirect_url"]) == ("/sign-in/tasks", "/page?a=1")
    assert "finn@example.com" in tasks.text
    form = {"organization": choice, "redirect_url": "/page?a=1"}
    page = visitor.send_form("/sign-in/tasks", form)
    assert (page.url.path, page.url.query) == ("/page", b"a=1")
    assert place in page.text


def test_nobody_joins_an_organization_there(visitor: Visitor) -> None:
    """The choice is among one's own organizations."""
    visitor.sign_in("finn")
    for organization in ("globex", "none"):
        answer = visitor.send_form("/sign-in/tasks", {"organization": organization})
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "no-member")


def test_tasks_are_for_pending_sessions(visitor: Visitor) -> None:
    """All others are sent to the sign-in page, with the way on."""
    for member in (None, "ada"):
        if member:
            visitor.sign_in(member)
        for page in (
            visitor.get("/sign-in/tasks", params={"redirect_url": "/admin"}),
            visitor.send_form("/sign-in/tasks", {"redirect_url": "/admin"}),
        ):
            assert page.url.path == "/sign-in"
            assert page.url.params["redirect_url"].endswith("/admin")


@pytest.mark.parametrize("host", ["attacker.example", "192.0.2.1"])
def test_signing_in_is_for_this_machine(visitor: Visitor, host: str) -> None:
    """No other machine signs in here, nor a page that came under another name."""
    headers = {"Host": host, "Sec-Fetch-Site": "same-origin"}
    for answer in (
        visitor.get("/sign-in", headers=headers),
        visitor.get("/sign-in/tasks", headers=headers),
        visitor.post("/sign-in", data={"member": "ada"}, headers=headers),
        visitor.post("/sign-out", headers=headers),
    ):
        assert (answer.status_code, answer.json()["detail"]["code"]) == (403, "loopback-only")


def test_a_real_clerk_has_its_own_pages(connected: Connected) -> None:
    """There the example neither signs in nor out."""
    for path in ("/sign-in", "/sign-in/tasks", "/sign-out"):
        headers = {"Sec-Fetch-Site": "same-origin"}
        assert connected.client.post(path, headers=headers).status_code == 404
