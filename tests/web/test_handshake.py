"""Guards send browsers round by Clerk and back: once, uncached, and nobody but pages."""

from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, Response, WebSocket

from clerk_fastapi import (
    Auth,
    Clerk,
    ClerkError,
    HandshakeRequired,
    SignedIn,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_organization,
    require_role,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

PAGE = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}
COUNTED = "__clerk_redirect_count={}; Path=/; SameSite=Lax; HttpOnly; Max-Age=2"


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application whose pages are guarded in several ways."""
    app = FastAPI(lifespan=clerk.lifespan)
    section = APIRouter(dependencies=[Depends(require_auth), Depends(optional_auth)])

    @app.api_route("/me", methods=["GET", "POST", "PUT", "DELETE", "HEAD"])
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    @app.get("/home")
    async def home(auth: Annotated[Auth | None, Depends(optional_auth)]) -> str:
        return "guest" if auth is None else auth.user_id

    @app.get("/admin", dependencies=[Depends(require_role("org:admin"))])
    async def admin() -> str:
        return "admin"

    @app.get("/either")
    async def either(
        auth: Annotated[Any, Depends(require(accepts_token=("session_token", "api_key")))],
    ) -> str:
        return str(auth.token_type)

    @app.get("/machines", dependencies=[Depends(require_api_key)])
    async def machines() -> str:
        return "machine"

    @app.get("/free")
    async def free() -> str:
        return "free"

    @section.get("/page", dependencies=[Depends(require_organization)])
    async def page(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    app.include_router(section, prefix="/section")
    return app


def set_cookies(response: httpx.Response) -> list[str]:
    """The values of all its ``Set-Cookie`` headers."""
    return response.headers.get_list("set-cookie")


def place(response: httpx.Response) -> str:
    """Where the browser is sent, without the parameters."""
    return response.headers["location"].partition("?")[0]


def cookie_header(jar: dict[str, str]) -> dict[str, str]:
    """What a browser sends that holds these."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}


# --- the redirect ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/me", "/home", "/admin", "/either", "/section/page"])
async def test_unknown_browser_is_sent_to_clerk(app: FastAPI, local: LocalClerk, path: str) -> None:
    """However many guards a page has, optional ones included: one redirect that nobody caches."""
    async with running(app) as client:
        response = await client.get(f"{path}?a=b", headers=PAGE)
    assert response.status_code == 307
    assert place(response) == f"https://{local.host}/v1/client/handshake"
    parameters = httpx.URL(response.headers["location"]).params
    assert parameters["redirect_url"] == f"http://test{path}?a=b"
    assert response.headers.get_list("cache-control") == ["no-store"]
    assert set_cookies(response) == [COUNTED.format(1)]
    assert response.content == b""
    assert "www-authenticate" not in response.headers
    assert local.requests == []


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", PAGE, 401),
        ("PUT", PAGE, 401),
        ("DELETE", PAGE, 401),
        ("HEAD", PAGE, 401),
        ("GET", {"Sec-Fetch-Dest": "empty", "Accept": "text/html"}, 401),
        ("GET", {"Accept": "application/json"}, 401),
        ("GET", {}, 401),
        ("GET", PAGE | {"Authorization": "Bearer junk"}, 401),
    ],
)
async def test_everything_else_is_answered_at_once(
    app: FastAPI, method: str, headers: dict[str, str], status: int
) -> None:
    """A redirect would be lost on it, or lead a script astray."""
    async with running(app) as client:
        response = await client.request(method, "/me", headers=headers)
    assert response.status_code == status
    assert "location" not in response.headers
    assert set_cookies(response) == []
    assert response.headers["cache-control"] == "no-store"


async def test_pages_that_are_not_for_browsers_redirect_nobody(app: FastAPI) -> None:
    """Free ones have no guard, and machines do not come back."""
    async with running(app) as client:
        assert (await client.get("/free", headers=PAGE)).status_code == 200
        assert (await client.get("/machines", headers=PAGE)).status_code == 401


async def test_guests_are_welcome_where_sessions_are_optional(app: FastAPI) -> None:
    """Once Clerk knows the browser, or for calls of its scripts."""
    known = PAGE | {"Cookie": "__clerk_db_jwt=dvb_1"}
    async with running(app) as client:
        assert (await client.get("/home", headers=known)).json() == "guest"
        assert (await client.get("/home")).json() == "guest"


async def test_broken_instance_ends_in_a_clear_refusal(app: FastAPI) -> None:
    """A browser that keeps cookies is sent three times, and then told what to check."""
    headers, statuses = dict(PAGE), []
    async with running(app) as client:
        for _ in range(5):
            response = await client.get("/me", headers=headers)
            statuses.append(response.status_code)
            for cookie in set_cookies(response):
                headers["Cookie"] = cookie.partition(";")[0]
    assert statuses == [307, 307, 307, 401, 401]
    assert "CLERK_SECRET_KEY" in response.json()["detail"]["message"]


@pytest.mark.parametrize("path", ["/me", "/home"])
async def test_websockets_are_never_redirected(clerk: Clerk, path: str) -> None:
    """Not even where a page at the same path would be."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.websocket("/me", dependencies=[Depends(require_auth)])
    async def me(websocket: WebSocket) -> None:
        raise AssertionError("nobody gets here")

    @app.websocket("/home", dependencies=[Depends(require_auth)])
    async def home(websocket: WebSocket) -> None:
        raise AssertionError("nobody gets here")

    headers = {"host": "test", "sec-fetch-dest": "document", "accept": "text/html"}
    async with running(app):
        sent = await open_websocket(app, path, headers, denials=True)
    assert sent[0]["type"] == "websocket.http.response.start"
    assert sent[0]["status"] == 401
    assert all(name != b"location" for name, _ in sent[0]["headers"])


@pytest.mark.parametrize("kind", [ClerkError, Exception])
async def test_handlers_of_other_errors_do_not_swallow_the_redirect(
    app: FastAPI, kind: type[Exception]
) -> None:
    """A redirect is no error to be worded differently."""

    @app.exception_handler(kind)
    async def worded(request: Request, error: Exception) -> Response:
        raise AssertionError("the redirect is not asked about")

    async with running(app) as client:
        assert (await client.get("/me", headers=PAGE)).status_code == 307


async def test_application_may_answer_handshakes_itself(app: FastAPI) -> None:
    """The error has all that is needed."""
    seen: list[HandshakeRequired] = []

    @app.exception_handler(HandshakeRequired)
    async def own(request: Request, error: HandshakeRequired) -> Response:
        seen.append(error)
        return Response(status_code=204)

    async with running(app) as client:
        assert (await client.get("/me", headers=PAGE)).status_code == 204
    (error,) = seen
    assert (error.reason, error.status) == ("dev-browser-missing", 307)
    assert error.location.startswith("https://")
    assert error.cookies == (COUNTED.format(1),)


# --- there and back -------------------------------------------------------------------------------


@pytest.fixture
def allowing(local: LocalClerk) -> LocalClerk:
    """The instance, whose handshakes lead back to the application."""
    local.allowed_origins = frozenset({"http://test"})
    return local


class Tab:
    """A browser's tab: it keeps cookies and follows redirects between the application and Clerk."""

    def __init__(self, client: httpx.AsyncClient, local: LocalClerk) -> None:
        self.jar: dict[str, str] = {}
        self.visited: list[str] = []
        self._client = client
        self._clerk = httpx.AsyncClient(transport=httpx.ASGITransport(local.app))

    async def open(self, url: str) -> httpx.Response:
        """Load a page."""
        for _ in range(10):
            parts = urlsplit(url)
            self.visited.append(f"{parts.scheme}://{parts.netloc}{parts.path}")
            ours = parts.netloc in ("", "test")
            headers = PAGE | (cookie_header(self.jar) if ours else {})
            response = await (self._client if ours else self._clerk).get(url, headers=headers)
            for cookie in set_cookies(response):
                name, _, value = cookie.partition(";")[0].partition("=")
                self.jar[name] = value
            if response.status_code != 307:
                return response
            url = response.headers["location"]
        raise AssertionError(f"too many redirects: {self.visited}")


async def test_new_browser_lands_on_the_page_it_asked_for(
    app: FastAPI, allowing: LocalClerk
) -> None:
    """By way of Clerk, which makes it known, and without a trace in the URL."""
    async with running(app) as client:
        tab = Tab(client, allowing)
        response = await tab.open("http://test/home?a=b")
    assert response.json() == "guest"
    assert str(response.url) == "http://test/home?a=b"
    clerk = f"https://{allowing.host}/v1/client/handshake"
    assert tab.visited == ["http://test/home", clerk, "http://test/home", "http://test/home"]
    assert f"__clerk_db_jwt_{allowing.cookie_suffix}" in tab.jar


async def test_expired_session_comes_back_fresh(
    app: FastAPI, allowing: LocalClerk, ada_session: Session, clock: Any
) -> None:
    """The tab shows the page as if nothing had happened."""
    async with running(app) as client:
        tab = Tab(client, allowing)
        tab.jar = allowing.cookies(ada_session)
        clock.now += 3_600
        response = await tab.open("http://test/section/page")
        assert response.json() == ada_session.user.id
        assert len(tab.visited) == 4
        again = await tab.open("http://test/me")
    assert again.json() == ada_session.user.id
    assert len(tab.visited) == 5


async def test_homecoming_sets_every_cookie_once(
    app: FastAPI, local: LocalClerk, ada_session: Session
) -> None:
    """On the redirect that takes the nonce out of the URL, however many guards the page has."""
    brought = [
        f"__session={local.token(ada_session)}; Path=/",
        f"__client_uat={int(local.clock())}; Path=/",
    ]
    nonce = local.nonces.keep(brought)
    async with running(app) as client:
        response = await client.get(
            f"/section/page?a=b&__clerk_handshake_nonce={nonce}", headers=PAGE
        )
    assert response.status_code == 307
    assert response.headers["location"] == "http://test/section/page?a=b"
    assert "no-store" in response.headers["cache-control"]
    assert set_cookies(response) == brought
    assert len(local.requests_to("/clients/handshake_payload")) == 1
    # With these, a page of no origin, such as a sandboxed frame, could read the answer.
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/home", "/me"])
async def test_signed_out_browser_comes_home_signed_out(
    app: FastAPI, local: LocalClerk, path: str
) -> None:
    """With the cookies that say so; the page then decides about guests."""
    brought = ["__session=; Path=/; Max-Age=0", "__client_uat=0; Path=/"]
    nonce = local.nonces.keep(brought)
    async with running(app) as client:
        response = await client.get(f"{path}?__clerk_handshake_nonce={nonce}", headers=PAGE)
    assert response.status_code == 307
    assert response.headers["location"] == f"http://test{path}"
    assert set_cookies(response) == brought


async def test_guard_with_a_clerk_of_its_own_sets_its_cookies_itself(
    local: LocalClerk, ada_session: Session
) -> None:
    """Where no entrance sees to that, the redirect carries them."""
    clerk: Clerk[Any] = Clerk(**local.settings())
    app = FastAPI()

    @app.get("/me", dependencies=[Depends(require(clerk=clerk))])
    async def me() -> str:
        return "me"

    brought = [f"__session={local.token(ada_session)}; Path=/"]
    nonce = local.nonces.keep(brought)
    async with running(app) as client:
        response = await client.get(f"/me?__clerk_handshake_nonce={nonce}", headers=PAGE)
        assert response.status_code == 307
        assert set_cookies(response) == brought
        response = await client.get("/me", headers=PAGE)
        assert set_cookies(response) == [COUNTED.format(1)]


async def test_handler_may_ask_by_itself(
    clerk: Clerk, local: LocalClerk, ada_session: Session
) -> None:
    """What it is told belongs to the answer, and the entrance adds the cookies."""
    app = FastAPI(lifespan=clerk.lifespan)
    asked: list[Any] = []

    @app.get("/me")
    async def me(request: Request) -> str:
        asked.append(await clerk.authenticate(request))
        return "me"

    brought = [f"__session={local.token(ada_session)}; Path=/"]
    nonce = local.nonces.keep(brought)
    async with running(app) as client:
        response = await client.get(f"/me?__clerk_handshake_nonce={nonce}", headers=PAGE)
        assert (response.status_code, set_cookies(response)) == (200, brought)
        response = await client.get("/me", headers=PAGE)
        assert (response.status_code, set_cookies(response)) == (200, [])
    assert isinstance(asked[0], SignedIn)
    assert asked[0].location == "http://test/me"
    assert asked[1].status == "handshake"
