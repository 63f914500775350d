"""The middleware: which route is for whom, where pages lead, and what a header tells."""

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, assert_routes_guarded
from example_app.application import create_app
from example_app.settings import Settings
from tests.example.conftest import Clock, Connected, Example, Visitor, serve

ADMIN_PAGES = ["/admin", "/admin/items"]
PUBLIC = ["/", "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/static/home.css"]

# Who loads a page, and where that ends: the path, and the status there.
PAGES = [
    (None, "/admin", "/sign-in", 200),
    (None, "/admin/items", "/sign-in", 200),
    (None, "/me", "/sign-in", 200),
    (None, "/settings", "/sign-in", 200),
    (None, "/export", "/export", 401),
    (None, "/page", "/page", 200),
    (None, "/whoami", "/whoami", 200),
    (None, "/unauthorized", "/unauthorized", 403),
    (None, "/sign-in", "/sign-in", 200),
    (None, "/sign-in/tasks", "/sign-in", 200),
    (None, "/nowhere", "/nowhere", 404),
    ("ada", "/admin", "/admin", 200),
    ("ada", "/admin/items", "/admin/items", 200),
    ("ada", "/settings", "/settings", 200),
    ("ada", "/export", "/export", 401),
    ("ada", "/sign-in", "/sign-in", 200),
    ("bob", "/admin", "/unauthorized", 403),
    ("bob", "/admin/items", "/unauthorized", 403),
    ("bob", "/settings", "/settings", 200),
    ("bob", "/nowhere", "/nowhere", 404),
    ("dora", "/admin", "/admin", 200),
    ("eve", "/admin", "/unauthorized", 403),
    ("eve", "/settings", "/unauthorized", 403),
    ("eve", "/me", "/me", 200),
    ("finn", "/admin", "/sign-in/tasks", 200),
    ("finn", "/me", "/sign-in/tasks", 200),
    ("finn", "/page", "/page", 200),
]
# What is no page load gets the refusal itself.
CALLS = [
    (None, "/admin", 401, "session-token-and-uat-missing"),
    (None, "/me", 401, "session-token-and-uat-missing"),
    ("bob", "/admin", 403, "permission-denied"),
    ("bob", "/admin/items", 403, "permission-denied"),
    ("eve", "/admin", 403, "permission-denied"),
    ("finn", "/admin", 401, "session-pending"),
]


@pytest.mark.parametrize(("member", "path", "end", "status"), PAGES)
def test_a_page_load_ends_there(
    visitor: Visitor, member: str | None, path: str, end: str, status: int
) -> None:
    """Page loads that are refused lead to a page that helps, and none goes round in circles."""
    if member:
        visitor.sign_in(member)
    page = visitor.get(path)
    assert (page.url.path, page.status_code) == (end, status)
    if end.startswith("/sign-in") and not path.startswith("/sign-in"):
        assert page.url.params["redirect_url"] == str(visitor.base_url.join(path))


@pytest.mark.parametrize(("member", "path", "status", "code"), CALLS)
def test_a_call_is_refused(
    example: Example, member: str | None, path: str, status: int, code: str
) -> None:
    """Programs are told what is wrong, and are sent nowhere."""
    headers = example.cookies(member) if member else {}
    answer = example.client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (status, code)


@pytest.mark.parametrize("path", PUBLIC)
def test_the_public_is_asked_nothing(visitor: Visitor, path: str) -> None:
    """These pages are there for everybody, at once."""
    page = visitor.get(path)
    assert (page.status_code, page.history) == (200, [])


@pytest.mark.parametrize(
    "path",
    [
        "//admin",
        "/Admin",
        "/admin/",
        "/./admin",
        "/%61dmin",
        "/admin%2Fitems",
        "/admin;a",
        "/x/../admin",
    ],
)
def test_no_spelling_leads_into_the_admin_area(example: Example, path: str) -> None:
    """However its path is written, members who are no admins see nothing of it."""
    token = example.token("bob")
    request = example.client.build_request("GET", "/", headers={"Authorization": f"Bearer {token}"})
    request.url = request.url.copy_with(raw_path=path.encode())
    assert example.client.send(request).status_code in (307, 403, 404)


def test_policies_are_heard_before_bodies_are_read(example: Example) -> None:
    """Whoever may not decide the settings is told so, whatever they have sent."""
    for member, status in (("bob", 403), ("eve", 403), ("ada", 422)):
        headers = {"Authorization": f"Bearer {example.token(member)}"}
        headers["Content-Type"] = "application/json"
        answer = example.client.put("/settings", content="{", headers=headers)
        assert answer.status_code == status


def test_no_route_is_open_by_accident(example: Example, settings: Settings) -> None:
    """What has no guard has a policy, with the embedded LocalClerk and with a real Clerk."""
    assert_routes_guarded(example.app)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLERK_PUBLISHABLE_KEY", LocalClerk().publishable_key)
        assert_routes_guarded(create_app(settings))


def test_a_route_that_nobody_thought_of_is_closed(settings: Settings) -> None:
    """What has neither guard nor policy is for those who are signed in."""
    app = create_app(settings)

    @app.get("/late")
    async def late() -> str:
        return "secret"

    with (
        serve(lambda _: app) as (_, url),
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        assert client.get("/late").status_code == 401


def test_the_admin_area_shows_the_organization(example: Example, visitor: Visitor) -> None:
    """Its name as the admins decided, and items as text, whatever their makers wrote."""
    example.ask("ada", "PUT", "/settings", {"display_name": "Our <b>place</b>"})
    example.create("bob", "<script>alert(1)</script>")
    example.create("dora", "of others")
    page = visitor.sign_in("ada", "/admin")
    assert "Our &lt;b&gt;place&lt;/b&gt;" in page.text
    items = visitor.get("/admin/items").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in items
    assert "of others" not in items


def test_an_empty_organization_says_so(visitor: Visitor) -> None:
    """No items, and nothing decided."""
    assert "nobody yet" in visitor.sign_in("ada", "/admin").text
    assert "There are none." in visitor.get("/admin/items").text


@pytest.mark.parametrize("path", [*ADMIN_PAGES, "/page", "/sign-in", "/unauthorized"])
def test_pages_run_nothing_and_are_not_kept(visitor: Visitor, path: str) -> None:
    """Every page has the strict policy, sends forms nowhere else, and stays out of caches."""
    visitor.sign_in("ada")
    page = visitor.get(path)
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "no-store" in page.headers["Cache-Control"]
    assert "<script" not in page.text


def test_the_identity_header_tells_who_is_asking(example: Example, visitor: Visitor) -> None:
    """Handlers read it without knowing of Clerk, by whatever way the session came."""
    ada = example.ask("ada", "GET", "/me").json()["user_id"]
    assert example.ask("ada", "GET", "/whoami").json()["user_id"] == ada
    visitor.sign_in("ada")
    assert visitor.get("/whoami").json()["user_id"] == ada


def test_the_identity_header_follows_a_renewed_session(example: Example, visitor: Visitor) -> None:
    """A browser whose session has expired goes round by Clerk, and is told who it is after that."""
    answer = example.client.post("/local/token", json={"member": "ada", "kind": "expired"})
    for name, value in answer.json()["cookies"].items():
        visitor.cookies.set(name, value, domain="127.0.0.1")
    page = visitor.get("/whoami")
    assert len(page.history) == 3
    assert page.json()["user_id"] == example.ask("ada", "GET", "/me").json()["user_id"]


@pytest.mark.parametrize("name", ["x-user-id", "X-User-Id", "X-USER-ID", "x_user_id"])
def test_the_identity_header_cannot_be_forged(example: Example, name: str) -> None:
    """What clients send under its name is taken away, from guests and from those signed in."""
    forged = {name: "user_root"}
    assert example.client.get("/whoami", headers=forged).json()["user_id"] is None
    signed_in = {"Authorization": f"Bearer {example.token('bob')}"}
    told = example.client.get("/whoami", headers={**forged, **signed_in}).json()["user_id"]
    assert told == example.ask("bob", "GET", "/me").json()["user_id"]


def test_a_real_clerk_signs_in_on_its_own_site(connected: Connected) -> None:
    """Pages lead to the account portal of the instance, and back to where they were."""
    browser = connected.clerk.add_browser()
    cookies = connected.clerk.cookies(browser)
    headers = {
        "Accept": "text/html",
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "Host": "localhost:8000",
    }
    answer = connected.client.get("/admin", headers=headers)
    assert answer.status_code == 307
    location = httpx.URL(answer.headers["Location"])
    portal = connected.clerk.host.replace(".clerk.", ".")
    assert (location.host, location.path) == (portal, "/sign-in")
    assert location.params["redirect_url"] == "http://localhost:8000/admin"
    page = connected.client.get("/unauthorized", headers=headers)
    assert 'data-clerk="real"' in page.text


def test_without_a_proxy_path_there_is_no_proxy(connected: Connected) -> None:
    """Browsers then find Clerk at its own host."""
    assert connected.client.get("/__clerk/.well-known/jwks.json").status_code == 404


def test_a_proxy_path_is_served(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CLERK_PROXY_URL as a path of this site, the Frontend API is found there."""
    clock = Clock()
    clerk = LocalClerk(clock=clock)
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", clerk.publishable_key)
    monkeypatch.setenv("CLERK_SECRET_KEY", clerk.secret_key)
    monkeypatch.setenv("CLERK_PROXY_URL", "/__clerk")
    app = create_app(settings, clock=clock, transport=clerk.transport())
    with (
        serve(lambda _: app) as (_, url),
        httpx.Client(base_url=url, trust_env=False, timeout=60) as client,
    ):
        assert client.get("/__clerk/.well-known/jwks.json").json() == clerk.jwks()
