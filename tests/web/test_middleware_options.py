"""Options per request: other pages, and another Clerk, for this request and no other."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, Response, WebSocket
from starlette.requests import HTTPConnection

from clerk_fastapi import (
    Auth,
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    MiddlewareOptions,
    Role,
    redirect_to_sign_in,
    redirect_to_sign_up,
    require,
    require_auth,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

# A page load of a browser that a development instance knows.
VISIT = {
    "Sec-Fetch-Dest": "document",
    "Accept": "text/html",
    "Cookie": "__clerk_db_jwt=dvb_1",
}
PerRequest = Callable[
    [HTTPConnection], MiddlewareOptions | Awaitable[MiddlewareOptions | None] | None
]


@pytest.fixture
def staff(other: LocalClerk) -> Clerk[Any]:
    """The Clerk of another instance."""
    return Clerk(**other.settings())


def made(clerk: Clerk[Any], options: PerRequest, **arguments: Any) -> FastAPI:
    """An application that says who is asking, by its guards and by a header."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    arguments = {"default": "signed_in", "identity_headers": {"x-user-id": "user_id"}} | arguments
    app.add_middleware(ClerkMiddleware, options=options, **arguments)

    @app.get("/me")
    async def me(
        request: Request, auth: Annotated[Auth, Depends(require_auth)]
    ) -> list[str | None]:
        return [auth.user_id, request.headers.get("x-user-id")]

    @app.get("/in")
    async def sign_in(request: Request) -> Response:
        return redirect_to_sign_in(request)

    @app.get("/up")
    async def sign_up(request: Request) -> Response:
        return redirect_to_sign_up(request)

    return app


async def place(app: FastAPI, path: str, headers: Headers) -> str:
    """Where a page load is sent, without the parameters."""
    async with running(app) as client:
        answer = await client.get(path, headers=headers)
    assert answer.status_code == 307, answer.text
    return answer.headers["location"].partition("?")[0]


ELSEWHERE = MiddlewareOptions(
    sign_in_url="/enter", sign_up_url="/join", unauthorized_url="/not-for-you"
)


def plain(connection: HTTPConnection) -> MiddlewareOptions:
    """Options that are known at once."""
    return ELSEWHERE


async def waiting(connection: HTTPConnection) -> MiddlewareOptions:
    """Options that somebody has to be asked for."""
    return ELSEWHERE


class Looked:
    """Options that an object knows."""

    async def __call__(self, connection: HTTPConnection) -> MiddlewareOptions:
        """Look them up."""
        return ELSEWHERE


@pytest.mark.parametrize("options", [plain, waiting, Looked()])
async def test_pages_of_one_request_may_be_others(
    local: LocalClerk, ada: Headers, options: PerRequest
) -> None:
    """Than those of the Clerk and of the middleware."""
    clerk = Clerk(**local.settings(), sign_in_url="/usual", sign_up_url="/usual-too")
    app = made(clerk, options, default="public", unauthorized_url="/usual-page")
    app.add_api_route("/owner", lambda: None, dependencies=[Depends(require(Role("org:owner")))])
    assert await place(app, "/me", VISIT) == "/enter"
    assert await place(app, "/in", VISIT) == "/enter"
    assert await place(app, "/up", VISIT) == "/join"


async def test_page_for_the_unauthorized_may_be_another(
    clerk: Clerk, local: LocalClerk, ada_session: Session
) -> None:
    """Than the middleware's own."""
    visit = {name: value for name, value in VISIT.items() if name != "Cookie"}
    jar = local.cookies(ada_session) | {"__clerk_db_jwt": ada_session.browser.token}
    visit["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
    for options, expected in (
        (ELSEWHERE, "/not-for-you"),
        (MiddlewareOptions(sign_in_url="/enter"), "/usual-page"),
        (None, "/usual-page"),
    ):

        def chosen(_: HTTPConnection, found: MiddlewareOptions | None = options) -> Any:
            return found

        app = made(clerk, chosen, unauthorized_url="/usual-page")
        owner = [Depends(require(Role("org:owner")))]
        app.add_api_route("/owner", lambda: None, dependencies=owner)
        assert await place(app, "/owner", visit) == expected


@pytest.mark.parametrize("wraps", [False, True])
async def test_no_options_leave_everything_as_it_is(local: LocalClerk, wraps: bool) -> None:
    """Nothing is chosen for a request that nothing is known about."""

    async def later(connection: HTTPConnection) -> None:
        return None

    clerk = Clerk(**local.settings(), sign_in_url="/usual", sign_up_url="/usual-too")
    app = made(clerk, later if wraps else lambda connection: None, default="public")
    assert await place(app, "/in", VISIT) == "/usual"
    assert await place(app, "/up", VISIT) == "/usual-too"


async def test_options_are_asked_once_for_every_request(clerk: Clerk, ada: Headers) -> None:
    """For WebSockets and for what no route serves as well; never to start or stop."""
    asked: list[tuple[str, str]] = []

    def noted(connection: HTTPConnection) -> None:
        asked.append((connection.scope["type"], connection.url.path))

    app = made(clerk, noted)

    @app.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    async with running(app) as client:
        await client.get("/me", headers=ada)
        await client.get("/missing")
        await open_websocket(app, "/live", ada | {"host": "test"})
    assert asked == [("http", "/me"), ("http", "/missing"), ("websocket", "/live")]


async def test_options_see_no_forged_identity(clerk: Clerk, ada: Headers) -> None:
    """What clients must not say is gone by then."""
    seen: list[str | None] = []

    def noted(connection: HTTPConnection) -> None:
        seen.append(connection.headers.get("x-user-id"))

    async with running(made(clerk, noted)) as client:
        await client.get("/me", headers=ada | {"x-user-id": "user_evil"})
    assert seen == [None]


@pytest.mark.parametrize(
    "options",
    [
        MiddlewareOptions(sign_in_url="//evil.example"),
        MiddlewareOptions(sign_up_url="javascript:alert(1)"),
        MiddlewareOptions(unauthorized_url="http://evil.example"),
    ],
    ids=str,
)
async def test_malformed_page_of_one_request_is_an_error(
    clerk: Clerk, ada: Headers, options: MiddlewareOptions
) -> None:
    """Nobody is sent to a place that some tenant's settings made up."""
    async with running(made(clerk, lambda connection: options)) as client:
        with pytest.raises(ConfigurationError, match=r"_url (is|must) "):
            await client.get("/me", headers=ada)


@pytest.mark.parametrize("found", [{"sign_in_url": "/in"}, "/in", False, MiddlewareOptions])
async def test_what_is_not_options_is_an_error(clerk: Clerk, ada: Headers, found: Any) -> None:
    """It is not taken for none."""
    async with running(made(clerk, lambda connection: found)) as client:
        with pytest.raises(ConfigurationError, match=r"returns MiddlewareOptions\(...\), or None"):
            await client.get("/me", headers=ada)


@pytest.mark.parametrize("clerk", ["clerk", Clerk, 7])
def test_clerk_of_options_has_to_be_one(clerk: Any) -> None:
    """Nothing else is asked who somebody is."""
    with pytest.raises(ConfigurationError, match="clerk of MiddlewareOptions is a Clerk"):
        MiddlewareOptions(clerk=clerk)


# --- another Clerk --------------------------------------------------------------------------------


def by_host(staff: Clerk[Any]) -> PerRequest:
    """Options that give a host an instance of its own."""

    def options(connection: HTTPConnection) -> MiddlewareOptions | None:
        on_staff = connection.headers["host"].startswith("staff.")
        return MiddlewareOptions(clerk=staff) if on_staff else None

    return options


async def test_another_clerk_decides_for_one_request(
    clerk: Clerk, staff: Clerk[Any], ada: Headers, eve: Headers, ada_session: Session
) -> None:
    """In guards, policies and headers alike; each instance's tokens are good for its host only."""
    app = made(clerk, by_host(staff))
    async with running(app) as client, staff:

        async def ask(host: str, headers: Headers) -> Any:
            answer = await client.get(f"http://{host}.example/me", headers=headers)
            return answer.json() if answer.status_code == 200 else answer.status_code

        user, header = await ask("staff", eve)
        assert user == header != ada_session.user.id
        assert await ask("staff", ada) == 401
        assert await ask("www", ada) == [ada_session.user.id] * 2
        assert await ask("www", eve) == 401


async def test_another_clerk_knows_its_own_sign_in_page(
    local: LocalClerk, other: LocalClerk
) -> None:
    """Browsers are led to the instance that decides."""
    clerk = Clerk(**local.settings(), sign_in_url="/usual")
    staff = Clerk(**other.settings(), sign_in_url="/staff")
    app = made(clerk, by_host(staff))
    async with staff:
        assert await place(app, "http://www.example/me", VISIT) == "/usual"
        assert await place(app, "http://staff.example/me", VISIT) == "/staff"


async def test_mounted_applications_without_a_clerk_follow_the_choice(
    clerk: Clerk, staff: Clerk[Any], ada: Headers, eve: Headers
) -> None:
    """They are guarded by the Clerk around them, whichever it is for this request."""
    sub = FastAPI(openapi_url=None)
    sub.add_api_route("/me", lambda: "me", dependencies=[Depends(require_auth)])
    app = made(clerk, lambda connection: MiddlewareOptions(clerk=staff), default="public")
    app.mount("/sub", sub)
    async with running(app) as client, staff:
        assert (await client.get("/sub/me", headers=eve)).status_code == 200
        assert (await client.get("/sub/me", headers=ada)).status_code == 401


async def test_mounted_applications_with_a_clerk_of_their_own_keep_it(
    local: LocalClerk, staff: Clerk[Any], ada: Headers, eve: Headers
) -> None:
    """The choice was made for the application around them."""
    sub = FastAPI(openapi_url=None)
    sub.add_api_route("/me", lambda: "me", dependencies=[Depends(require_auth)])
    clerk, own = Clerk(**local.settings()), Clerk(**local.settings())
    app = made(clerk, lambda connection: MiddlewareOptions(clerk=staff), default="public")
    app.mount("/sub", sub)
    async with running(app) as client, staff, own.lifespan(sub):
        assert (await client.get("/sub/me", headers=ada)).status_code == 200
        assert (await client.get("/sub/me", headers=eve)).status_code == 401
        assert (await client.get("/me", headers=eve)).status_code == 200


async def test_mounted_middleware_may_choose_for_its_application(
    clerk: Clerk, staff: Clerk[Any], ada: Headers, eve: Headers
) -> None:
    """Headers and guards there follow it, and the application around it does not."""
    sub = made(clerk, lambda connection: MiddlewareOptions(clerk=staff))
    sub.router.lifespan_context = FastAPI().router.lifespan_context
    app = made(clerk, lambda connection: None, default="public")
    app.mount("/sub", sub)
    async with running(app) as client, staff:
        user, header = (await client.get("/sub/me", headers=eve)).json()
        assert user == header
        assert (await client.get("/sub/me", headers=ada)).status_code == 401
        assert (await client.get("/me", headers=ada)).status_code == 200


async def test_guard_with_a_clerk_of_its_own_keeps_it(
    clerk: Clerk, staff: Clerk[Any], ada: Headers, eve: Headers
) -> None:
    """It said whom to ask."""
    app = made(clerk, lambda connection: MiddlewareOptions(clerk=staff), default="public")
    app.add_api_route("/own", lambda: "own", dependencies=[Depends(require(clerk=clerk))])
    async with running(app) as client, staff:
        assert (await client.get("/own", headers=ada)).status_code == 200
        assert (await client.get("/own", headers=eve)).status_code == 401
