"""What else works on the same routes: instrumentation, clients in this process, changes by hand."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi import ConfigurationError
from clerk_fastapi.web.routing.policies import Policy
from tests.tricks.conftest import Instance
from tests.tricks.declared import Level, Visits
from tests.tricks.small import application, get
from tests.web.serving import running

pytestmark = pytest.mark.anyio

PUBLIC, BOB, _ = Level

Call = Callable[[Any, Scope, Receive, Send], Awaitable[None]]


def traced(call: Call) -> Call:
    """What tools that watch applications put in the place of a method."""

    async def span(self: object, scope: Scope, receive: Receive, send: Send) -> None:
        await call(self, scope, receive, send)

    return span


@pytest.mark.parametrize(("kind", "name"), [(Starlette, "__call__"), (Mount, "handle")])
async def test_instrumented_applications_are_looked_into(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, kind: type[Any], name: str
) -> None:
    """Tools that patch the framework's classes make nothing opaque."""
    visits = Visits()
    monkeypatch.setattr(kind, name, traced(getattr(kind, name)))
    app = application(instance, Policy("public", names=["sub:open"]))
    routes = [Route(f"/{name}", visits.page(name, PUBLIC)) for name in ("open", "closed")]
    app.mount("/sub", Starlette(routes=routes), name="sub")
    async with running(app) as client:
        paths = ("/sub/open", "/sub/closed")
        assert [await get(app, client, path) for path in paths] == [200, 401]


async def test_routes_may_be_taken_off_by_hand(instance: Instance) -> None:
    """Before the start and while running, even if FastAPI goes on serving what it remembers."""
    visits, router = Visits(), APIRouter()
    for name in ("one", "two", "three"):
        router.add_api_route(f"/{name}", visits.page(name, BOB))
    app = application(instance)
    app.include_router(router)
    app.openapi()
    del router.routes[0]
    async with running(app) as client:
        for _ in range(2):
            paths = ("/one", "/two", "/three")
            assert [await get(app, client, path) for path in paths] == [401, 401, 401]
            del router.routes[0]
            app.add_route("/another", visits.page("another", BOB))
        assert await get(app, client, "/another") == 401
    assert visits.of == {}


class Asking:
    """Middleware that asks an application in this process before it passes a request on."""

    def __init__(self, app: ASGIApp, asked: ASGIApp, token: list[tuple[str, str]]) -> None:
        self.app = app
        self.asked = asked
        self.token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask with a token, and without one."""
        transport = httpx.ASGITransport(self.asked)
        async with httpx.AsyncClient(transport=transport, base_url="http://inside") as client:
            assert (await client.get("/ping", headers=self.token)).status_code == 200
            assert (await client.get("/ping")).status_code == 401
        await self.app(scope, receive, send)


@pytest.mark.parametrize("asks_itself", [True, False])
async def test_request_within_a_request_is_judged_by_itself(
    instance: Instance, asks_itself: bool
) -> None:
    """Whether middleware on the way asks the same application or another one with policies."""
    visits = Visits()
    app, other = application(instance, Policy("public", "/sub/open")), application(instance)
    asked = app if asks_itself else other
    asked.add_route("/ping", visits.page("ping", BOB))
    sub = FastAPI(openapi_url=None)
    sub.add_route("/open", visits.page("open", PUBLIC))
    sub.add_route("/closed", visits.page("closed", BOB))
    sub.add_middleware(Asking, asked=asked, token=instance.tokens[BOB])
    app.mount("/sub", sub)
    async with running(other), running(app) as client:
        paths = ("/sub/open", "/sub/closed")
        assert [await get(app, client, path) for path in paths] == [200, 401]


async def test_included_router_with_ways_of_its_own_stops_the_start_up(instance: Instance) -> None:
    """Nobody could tell what it serves; the message says what to do instead."""

    class Own(APIRouter):
        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            raise AssertionError(Request(scope).url)

    router = Own()
    router.add_api_route("/page", Visits().page("page", BOB))
    app = application(instance)
    app.include_router(router)
    with pytest.raises(ConfigurationError, match="mount it"):
        async with running(app):
            pass
