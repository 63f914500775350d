"""Applications that lead around policies by themselves, as middleware and subclasses well may."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clerk_fastapi import Clerk
from clerk_fastapi.web.middleware import ClerkMiddleware
from clerk_fastapi.web.routing.policies import Policy
from tests.tricks.conftest import Instance
from tests.tricks.declared import Level, Visits
from tests.tricks.small import application, get
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

BOB = Level.SIGNED_IN
SERVED = "/sub/served"


class Around:
    """Middleware of an application that is mounted."""

    def __init__(self, app: ASGIApp, *rest: Any) -> None:
        self.app = app
        self.rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do something odd with requests."""
        if scope["type"] == "http":
            await self.odd(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def odd(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What is odd about it."""
        raise NotImplementedError  # every one of them is odd in its own way


class Retrying(Around):
    """Sends the same scope round again, to another path, if nothing was found."""

    async def odd(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the first answer."""
        statuses = []

        async def look(message: Message) -> None:
            statuses.append(message.get("status"))
            if statuses[0] != 404:
                await send(message)

        await self.app(scope, receive, look)
        if statuses[0] == 404:
            scope["path"] = SERVED
            await self.app(scope, receive, send)


class Fresh(Around):
    """Makes a scope of its own, with nothing in it that ASGI does not know."""

    async def odd(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep what servers send."""
        names = ("type", "method", "path", "root_path", "query_string", "headers", "http_version")
        await self.app({name: scope[name] for name in names if name in scope}, receive, send)


class Elsewhere(Around):
    """Runs what is behind it in a context of its own."""

    async def odd(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As a task that was started long before."""
        await asyncio.create_task(self.run(scope, receive, send), context=Context())

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Go on."""
        await self.app(dict(scope), receive, send)


class Registering(Around):
    """Adds a route when it is first needed."""

    async def odd(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add it, and pass on the very request that is for it."""
        sub, page = self.rest
        if not any(getattr(route, "path", "") == "/served" for route in sub.routes):
            sub.add_route("/served", page)
        await self.app(dict(scope), receive, send)


def _sub(page: Any, kind: type[Around]) -> FastAPI:
    sub = FastAPI(openapi_url=None)
    if kind is Registering:
        sub.add_middleware(kind, sub, page)
    else:
        sub.add_route("/served", page)
        sub.add_route("/missing", _nothing)
        sub.add_middleware(kind)
    return sub


async def _nothing(request: Request) -> Response:
    return PlainTextResponse("nothing", 404)


class OwnCall(FastAPI):
    """An application that serves something before its routes."""

    page: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve everything."""
        response = await self.page(Request(scope))
        await response(scope, receive, send)


class OwnApp(Router):
    """A router that has other ways to choose than routes."""

    page: Any = None

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve everything."""
        response = await self.page(Request(scope))
        await response(scope, receive, send)


class OwnCallOfRouter(APIRouter):
    """A router that serves something before its routes."""

    page: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve everything."""
        response = await self.page(Request(scope))
        await response(scope, receive, send)


class OwnHandle(Mount):
    """A mount that serves something before its application."""

    page: Any = None

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve everything."""
        response = await self.page(Request(scope))
        await response(scope, receive, send)


def by_middleware(kind: type[Around]) -> Callable[[FastAPI, Any], None]:
    """Mount an application with odd middleware."""
    return lambda app, page: app.mount("/sub", _sub(page, kind))


def by_its_call(app: FastAPI, page: Any) -> None:
    """Mount a subclass of FastAPI."""
    sub = OwnCall(openapi_url=None)
    sub.page = page
    app.mount("/sub", sub)


def by_its_router(app: FastAPI, page: Any) -> None:
    """Mount a subclass of Router."""
    sub = OwnApp()
    sub.page = page
    app.mount("/sub", sub)


def by_its_mount(app: FastAPI, page: Any) -> None:
    """Use a subclass of Mount."""
    mount = OwnHandle("/sub", Starlette())
    mount.page = page
    app.router.routes.append(mount)


def by_the_router_of_its_application(app: FastAPI, page: Any) -> None:
    """Mount an application whose router is of another class."""
    router = OwnCallOfRouter()
    router.page = page
    sub = FastAPI(openapi_url=None)
    sub.router = router
    app.mount("/sub", sub)


def by_a_handle_of_this_mount(app: FastAPI, page: Any) -> None:
    """Exchange what one mount does."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        response = await page(Request(scope))
        await response(scope, receive, send)

    mount: Any = Mount("/sub", Starlette())
    mount.handle = handle
    app.router.routes.append(mount)


def by_another_application(app: FastAPI, page: Any) -> None:
    """Mount an application, and replace it by another."""
    app.mount("/sub", Starlette())
    mount: Any = app.router.routes[-1]
    mount.app = Starlette(routes=[Route("/served", page)])


INSIDERS = {
    "retrying": by_middleware(Retrying),
    "registering": by_middleware(Registering),
    "another context": by_middleware(Elsewhere),
    "fresh scope": by_middleware(Fresh),
    "own call": by_its_call,
    "own router": by_its_router,
    "own router of an application": by_the_router_of_its_application,
    "own mount": by_its_mount,
    "own handle": by_a_handle_of_this_mount,
    "another application": by_another_application,
}


@pytest.mark.parametrize("insider", INSIDERS)
async def test_nobody_reaches_a_handler_by_odd_ways(instance: Instance, insider: str) -> None:
    """Those who may still get there, unless nobody could know by which way they came."""
    visits = Visits()
    app = application(instance)
    INSIDERS[insider](app, visits.page("served", BOB))
    async with running(app) as client:
        assert await get(app, client, SERVED) in {401, 500}
        assert visits.of == {}
        lost = insider == "another context"
        assert await get(app, client, SERVED, *instance.tokens[BOB]) in ({500} if lost else {200})
        assert bool(visits.of) is not lost


async def test_second_round_of_a_request_is_judged_like_the_first(instance: Instance) -> None:
    """Also if the first one came to a public route."""
    visits = Visits()
    app = application(instance, Policy("public", "/sub/missing"))
    INSIDERS["retrying"](app, visits.page("served", BOB))
    async with running(app) as client:
        assert await get(app, client, "/sub/missing") == 401
        assert visits.of == {}
        assert await get(app, client, "/sub/missing", *instance.tokens[BOB]) == 200


async def test_routes_that_fastapi_copies_anew_are_armed(instance: Instance) -> None:
    """After a route came and went between two requests, with the list as it was."""
    visits, router = Visits(), APIRouter()
    router.add_route("/page", visits.page("page", BOB))
    router.add_websocket_route("/ws", visits.socket("ws", BOB))
    router.mount("/box", Starlette(routes=[Route("/page", visits.page("boxed", BOB))]))
    app = application(instance)
    app.include_router(router, prefix="/in")
    paths = ("/in/page", "/in/box/page")
    async with running(app) as client:
        for _ in range(2):
            assert [await get(app, client, path) for path in paths] == [401, 401]
            (closed,) = await open_websocket(app, "/in/ws", {})
            assert closed["reason"] == "session-token-and-uat-missing"
            assert visits.of == {}
            router.add_api_route("/passing", visits.page("passing", BOB))
            router.routes.pop()
        bob = instance.tokens[BOB]
        assert [await get(app, client, path, *bob) for path in paths] == [200, 200]


async def test_application_that_is_exchanged_while_running_is_judged(instance: Instance) -> None:
    """What is mounted may become another application at any time."""
    visits = Visits()
    app = application(instance)
    app.mount("/sub", Starlette(routes=[Route("/served", _nothing)]))
    mount: Any = app.router.routes[-1]
    async with running(app) as client:
        assert await get(app, client, SERVED, *instance.tokens[BOB]) == 404
        mount.app = Starlette(routes=[Route("/served", visits.page("served", BOB))])
        assert await get(app, client, SERVED) == 401
        assert visits.of == {}
        assert await get(app, client, SERVED, *instance.tokens[BOB]) == 200


async def test_frontend_that_has_served_before_is_judged(instance: Instance, files: Path) -> None:
    """As part of an application of its own, before it was mounted in ours."""
    router, sub = APIRouter(), FastAPI(openapi_url=None)
    router.frontend("/", directory=files / "private-frontend")
    sub.include_router(router)
    async with running(sub) as client:
        assert await get(sub, client, "/") == 200
    app = application(instance)
    app.mount("/sub", sub)
    async with running(app) as client:
        assert await get(app, client, "/sub/") == 401
        assert await get(app, client, "/sub/", *instance.tokens[BOB]) == 200


async def test_router_tells_which_of_two_places_was_chosen(instance: Instance, files: Path) -> None:
    """Even where a path would fit both, and for directories."""
    visits, router = Visits(), APIRouter(tags=["twice"])
    router.add_api_route("/page", visits.page("page", BOB))
    router.frontend("/front", directory=files / "public-frontend")
    app = application(
        instance, Policy("public", "/open/page", "/open/front/{path}"), Policy("public", "/x/(.*)")
    )
    app.include_router(router, prefix="/open")
    app.include_router(router, prefix="/x")
    app.include_router(router, prefix="/{tenant}")
    app.include_router(router, prefix="/closed/by")
    async with running(app) as client:
        paths = ["/open/page", "/x/page", "/acme/page", "/closed/by/page"]
        assert [await get(app, client, path) for path in paths] == [200, 200, 401, 401]
        paths = ["/open/front/", "/x/front/", "/closed/by/front/"]
        assert [await get(app, client, path) for path in paths] == [200, 200, 401]


class Unarmable(BaseRoute):
    """A route that handles requests as nobody else can have it do."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Serve one path."""
        return (Match.FULL if scope["path"] == "/late" else Match.NONE), {}

    @property
    def handle(self) -> Any:
        """Serve it."""
        return self.serve

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        response = await self.page(Request(scope))
        await response(scope, receive, send)


async def test_route_that_cannot_be_armed_is_not_served(instance: Instance) -> None:
    """Not the first time, and not the second time either."""
    visits = Visits()
    app = application(instance)
    async with running(app) as client:
        app.router.routes.append(Unarmable(visits.page("late", BOB)))
        for _ in range(2):
            with pytest.raises(AttributeError):
                await client.get("/late")
    assert visits.of == {}


async def test_middleware_that_answers_by_itself_is_left_alone(instance: Instance) -> None:
    """Redirects and errors of a mounted application are not judged, however it is mounted."""
    sub = FastAPI(openapi_url=None)
    sub.add_route("/served", _nothing)
    sub.add_middleware(ClerkMiddleware, default="signed_in")
    clerk: Clerk[Any] = Clerk(**instance.local.settings())
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.mount("/sub", sub)
    async with running(app) as client:
        statuses = [await get(app, client, path) for path in ("/sub/x", "/sub/served/", SERVED)]
        assert statuses == [404, 307, 401]


async def test_change_that_fastapi_counts_as_none_is_noticed(instance: Instance) -> None:
    """One router is taken off and another grows: the sum by which FastAPI sees changes is equal."""
    visits, outer, one, other = Visits(), APIRouter(), APIRouter(), APIRouter()
    one.add_api_route("/one", visits.page("one", BOB))
    other.add_api_route("/other", visits.page("other", BOB))
    outer.include_router(one)
    outer.include_router(other)
    app = application(instance)
    app.include_router(outer)
    async with running(app) as client:
        assert await get(app, client, "/one") == 401
        outer.routes.pop()
        one.add_api_route("/new", visits.page("new", BOB))
        assert await get(app, client, "/new") == 401
        assert visits.of == {}
        assert await get(app, client, "/new", *instance.tokens[BOB]) == 200
