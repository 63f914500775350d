"""ClerkMiddleware starts with its application, or both do not start and say what to mend."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Message

from clerk_fastapi import Clerk, ClerkMiddleware, ConfigurationError, Policy, Role
from clerk_fastapi.testing import LocalClerk
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running, statuses

pytestmark = pytest.mark.anyio

ADMIN = Role("org:admin")


def page(request: Request) -> PlainTextResponse:
    """A handler of Starlette's kind."""
    return PlainTextResponse("page")


def made(clerk: Clerk[Any] | None, **options: Any) -> FastAPI:
    """An application with one page, within the middleware."""
    app = FastAPI(lifespan=None if clerk is None else clerk.lifespan, openapi_url=None)
    app.add_route("/page", page)
    app.add_middleware(ClerkMiddleware, **options)
    return app


async def sentence(app: FastAPI) -> str:
    """Why an application does not start."""
    with pytest.raises(ConfigurationError) as error:
        await statuses(app, "/page", {})
    return error.value.message


# --- what is wrong --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "cure"),
    [
        ({"policies": [Policy(ADMIN, "/pgae")]}, "did you mean '/page'?"),
        ({"policies": [Policy(ADMIN, names=["pages"])]}, "did you mean 'page'?"),
        ({"policies": [Policy(ADMIN, tags=["pages"])]}, "No route has the tag 'pages'"),
        ({"policies": iter([Policy(ADMIN, "/page")])}, "policies is a list of Policy objects."),
        ({"policies": Policy(ADMIN, "/page")}, "policies is a list of Policy objects."),
        ({"policies": ["/page"]}, "policies is a list of Policy objects."),
        ({"default": "private"}, "A policy demands 'public', 'signed_in'"),
        ({"unauthorized_url": "unauthorized"}, "unauthorized_url"),
        ({"unauthorized_url": "http://evil.example"}, "unauthorized_url"),
        ({"unauthorized_url": 7}, "unauthorized_url must be text."),
        ({"identity_headers": ["x-user-id"]}, "identity_headers is a mapping"),
        ({"identity_headers": {"user-id": "user_id"}}, "a name of its own that begins with x-"),
        ({"identity_headers": {"x-user-id": "user"}}, "An identity header tells one of user_id"),
        ({"options": {"sign_in_url": "/in"}}, "options is a function of the request."),
        ({"frontend_api_url": "http://localhost:1"}, "is for frontend_api_proxy=True."),
        ({"frontend_api_proxy": True}, "set CLERK_PROXY_URL"),
    ],
    ids=str,
)
async def test_mistake_stops_the_start_up(clerk: Clerk, options: dict[str, Any], cure: str) -> None:
    """With a sentence that says what to do."""
    assert cure in await sentence(made(clerk, **options))


async def test_several_mistakes_are_told_at_once(clerk: Clerk) -> None:
    """So that nobody has to start as often as there are some."""
    policies = [Policy(ADMIN, "/pgae"), Policy("public", names=["pages"])]
    said = await sentence(made(clerk, policies=policies))
    assert said.count("did you mean") == 2


async def test_locked_sign_in_page_stops_the_start_up(local: LocalClerk) -> None:
    """If the page is a path of this site, and one that it serves."""
    shut: dict[str, Any] = {"policies": [Policy("signed_in", "/page")]}
    here = Clerk(**local.settings(), sign_in_url="/page")
    assert "Nobody could sign in" in await sentence(made(here, **shut))
    up = Clerk(**local.settings(), sign_in_url="/in", sign_up_url="/page")
    assert "Nobody could sign in" in await sentence(made(up, **shut))
    elsewhere = Clerk(**local.settings(), sign_in_url="https://accounts.example/page")
    assert await statuses(made(elsewhere, **shut), "/page", {}) == [401]


async def test_page_for_the_unauthorized_that_they_may_not_see_stops_the_start_up(
    clerk: Clerk, ada: Headers
) -> None:
    """Those who are sent there are signed in, and lack something."""
    shut: dict[str, Any] = {"policies": [Policy(ADMIN, "/page")], "unauthorized_url": "/page?why=1"}
    assert "Nobody who is turned away could see why" in await sentence(made(clerk, **shut))
    for demand in ("signed_in", "public"):
        seen: dict[str, Any] = {"default": demand, "unauthorized_url": "/page"}
        assert await statuses(made(clerk, **seen), "/page", ada) == [200]
    elsewhere: dict[str, Any] = shut | {"unauthorized_url": "https://help.example/page"}
    assert await statuses(made(clerk, **elsewhere), "/page", ada) == [200]


async def test_own_sign_in_page_stays_public_under_a_default(local: LocalClerk) -> None:
    """So that somebody can sign in."""
    clerk = Clerk(**local.settings(), sign_in_url="/page", sign_up_url="/up")
    app = made(clerk, default="signed_in")
    for path in ("/up", "/other"):
        app.add_route(path, page)
    for path, status in (("/page", 200), ("/up", 200), ("/other", 401)):
        assert await statuses(app, path, {}) == [status]


async def test_without_a_clerk_the_start_up_says_which_line_to_add() -> None:
    """The middleware itself starts none."""
    assert "write app = FastAPI(lifespan=clerk.lifespan)" in await sentence(made(None))


async def test_server_is_told_that_the_start_up_failed(clerk: Clerk) -> None:
    """With the sentence, and never that it was complete."""
    events, answers = asyncio.Queue[Message](), list[Message]()

    async def send(message: Message) -> None:
        answers.append(message)

    await events.put({"type": "lifespan.startup"})
    app = made(clerk, policies=[Policy(ADMIN, "/pgae")])
    with pytest.raises(ConfigurationError):
        await app({"type": "lifespan", "state": {}}, events.get, send)
    assert [message["type"] for message in answers] == ["lifespan.startup.failed"]
    assert "did you mean '/page'?" in answers[0]["message"]


@pytest.mark.parametrize("mode", ["auto", "on"])
async def test_uvicorn_ends_where_the_start_up_fails(
    clerk: Clerk, mode: Literal["auto", "on"]
) -> None:
    """In its normal mode, too, in which an application may have no lifespan at all."""
    app = made(clerk, policies=[Policy(ADMIN, "/pgae")])
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan=mode, log_level=60))
    with pytest.raises(SystemExit) as ended:
        await server.serve()
    assert (ended.value.code, server.started) == (3, False)


async def test_application_that_was_mended_starts(clerk: Clerk, ada: Headers) -> None:
    """A start-up that failed leaves nothing behind."""
    app = made(clerk, policies=[Policy(ADMIN, "/new")])
    await sentence(app)
    app.add_route("/new", page)
    assert await statuses(app, "/new", ada, {}) == [200, 401]
    assert await statuses(app, "/page", {}) == [200]


# --- without a lifespan ---------------------------------------------------------------------------


async def test_without_a_lifespan_every_request_is_an_error(clerk: Clerk, ada: Headers) -> None:
    """Nothing is served by an application whose policies nobody has read, not even what is free."""
    app = made(clerk, policies=[Policy("public", "/page")])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/page", "/missing"):
            with pytest.raises(ConfigurationError, match="No Clerk is running"):
                await client.get(path, headers=ada)
    with pytest.raises(ConfigurationError):
        await open_websocket(app, "/page", ada)
    silent = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=silent, base_url="http://test") as client:
        assert (await client.get("/page", headers=ada)).status_code == 500


async def test_stopped_application_serves_nothing_more(clerk: Clerk, ada: Headers) -> None:
    """Whatever still comes in is an error, as it was before the start."""
    app = made(clerk, default=ADMIN)
    assert await statuses(app, "/page", ada) == [200]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(ConfigurationError, match="No Clerk is running"):
            await client.get("/page", headers=ada)


# --- where it stands ------------------------------------------------------------------------------


async def test_policies_know_routes_that_the_start_up_adds(clerk: Clerk, ada: Headers) -> None:
    """They are decided on when the application's own lifespan has done its part."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with clerk.lifespan(app) as state:
            app.add_route("/late", page)
            yield state

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(ClerkMiddleware, policies=[Policy(ADMIN, "/late")])
    assert await statuses(app, "/late", ada, {}) == [200, 401]


async def test_application_of_starlettes_is_protected_too(clerk: Clerk, ada: Headers) -> None:
    """There is nothing of FastAPI's in policies."""
    app = Starlette(
        routes=[Route("/page", page)],
        middleware=[Middleware(ClerkMiddleware, policies=[Policy(ADMIN, "/page")])],
        lifespan=clerk.lifespan,
    )
    assert await statuses(app, "/page", ada, {}) == [200, 401]  # type: ignore[arg-type]  # served alike


async def test_application_may_be_wrapped_by_hand(clerk: Clerk, ada: Headers) -> None:
    """Whatever middleware it has of its own is inside then."""
    app = FastAPI(lifespan=clerk.lifespan)
    app.add_route("/page", page)
    around: Any = ClerkMiddleware(app, policies=[Policy(ADMIN, "/page")])
    transport = httpx.ASGITransport(around)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(ConfigurationError, match="No Clerk is running"):
            await client.get("/page", headers=ada)
    for _ in range(2):
        assert await statuses(around, "/page", ada, {}) == [200, 401]


async def test_mounted_application_follows_the_clerk_around_it(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """One that two applications mount is judged by either's Clerk, whoever came last."""
    staff, sub = Clerk(**other.settings()), FastAPI()
    sub.add_route("/page", page)
    sub.add_middleware(ClerkMiddleware, default="signed_in")
    apps = [FastAPI(lifespan=each.lifespan) for each in (clerk, staff)]
    for app in apps:
        app.mount("/sub", sub)
    async with running(apps[0]) as first, running(apps[1]) as second:
        for _ in range(2):
            found = [
                (await client.get("/sub/page", headers=who)).status_code
                for client in (first, second)
                for who in (ada, eve, {})
            ]
            assert found == [200, 401, 401, 401, 200, 401]


async def test_mounted_application_is_served_again_after_a_restart(
    clerk: Clerk, local: LocalClerk, ada: Headers
) -> None:
    """With whichever Clerk is running then; its middleware has no lifespan to notice by."""
    sub = FastAPI()
    sub.add_route("/page", page)
    sub.add_middleware(ClerkMiddleware, default="signed_in")
    for each in (clerk, clerk, Clerk(**local.settings())):
        app = FastAPI(lifespan=each.lifespan)
        app.mount("/sub", sub)
        assert await statuses(app, "/sub/page", ada, {}) == [200, 401]


async def test_middleware_around_no_application_is_an_error(ada: Headers) -> None:
    """Without routes there is nothing to decide about."""

    async def plain(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("nobody gets here")

    transport = httpx.ASGITransport(ClerkMiddleware(plain))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(ConfigurationError, match="belongs to a FastAPI or Starlette"):
            await client.get("/", headers=ada)


async def test_mistake_of_a_mounted_application_is_told_at_its_first_request(
    clerk: Clerk, ada: Headers
) -> None:
    """Nobody runs the lifespans of mounted applications; until it is mended nothing is served."""
    sub, app = FastAPI(), made(clerk)
    sub.add_route("/page", page)
    sub.add_middleware(ClerkMiddleware, policies=[Policy(ADMIN, "/pgae")])
    app.mount("/sub", sub)
    async with running(app) as client:
        assert (await client.get("/page")).status_code == 200
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="did you mean"):
                await client.get("/sub/page", headers=ada)
