"""Whatever route the router selects asks first, once, and only then hands the request over."""

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Message

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    Policy,
    require_api_key,
)
from tests.web.conftest import Headers
from tests.web.routing.protected import ADMIN, OWNER, below, opaque, page, protected
from tests.web.serving import open_websocket, running, statuses

pytestmark = pytest.mark.anyio

PREFLIGHT = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}


# --- every kind of route --------------------------------------------------------------------------


async def test_policy_judges_every_kind_of_route(
    clerk: Clerk, ada: Headers, bob: Headers, tmp_path: Path
) -> None:
    """Of FastAPI's and Starlette's, included, mounted, opaque, of a host, and of last resort."""
    (tmp_path / "file.txt").write_text("file")
    app = protected(clerk, default=ADMIN)
    router, outer = APIRouter(), APIRouter()
    sub = below(Route("/page", page), Mount("/deep", Starlette(routes=[Route("/page", page)])))
    router.add_api_route("/api", lambda: "api")
    router.add_route("/plain", page)
    router.mount("/files", StaticFiles(directory=tmp_path))
    router.mount("/shop", Starlette(routes=[Route("/cart", page)]))
    router.frontend("/front", directory=tmp_path)
    outer.include_router(router, prefix="/in")
    app.add_api_route("/api", lambda: "api")
    app.add_route("/plain", page)
    app.include_router(outer, prefix="/out")
    app.mount("/sub", sub)
    app.mount("/opaque", opaque)
    app.mount("/default", Router(default=opaque))
    app.frontend("/front", directory=tmp_path)
    app.host("api.example", Router([Route("/hosted", page)]))
    paths = [
        *("/api", "/plain", "/out/in/api", "/out/in/plain", "/out/in/files/file.txt"),
        *("/out/in/shop/cart", "/out/in/front/file.txt", "/sub/page", "/sub/deep/page"),
        *("/opaque/", "/opaque/any", "/default/any", "/front/file.txt", "//api.example/hosted"),
    ]
    async with running(app) as client:
        for path in paths:
            url = f"http:{path}" if path.startswith("//") else path
            answers = [(await client.get(url, headers=who)).status_code for who in (ada, bob, {})]
            assert answers == [200, 403, 401], path


async def test_websocket_is_refused_before_it_is_accepted(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """Directly, in a router, and below a mount; with an answer if the server can send one."""
    app, sub, router = protected(clerk, default=ADMIN), below(), APIRouter()

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    for each in (app, sub, router):
        each.add_api_websocket_route("/live", live)
    app.include_router(router, prefix="/routed")
    app.mount("/sub", sub)
    async with running(app):
        for path in ("/live", "/routed/live", "/sub/live"):
            sent = await open_websocket(app, path, ada)
            assert [each["type"] for each in sent] == ["websocket.accept", "websocket.close"]
            assert [each["code"] for each in await open_websocket(app, path, {})] == [3000]
            assert [each["code"] for each in await open_websocket(app, path, bob)] == [3003]
            denied = await open_websocket(app, path, bob, denials=True)
            assert denied[0]["type"] == "websocket.http.response.start"
            assert denied[0]["status"] == 403


async def test_policy_is_judged_once(clerk: Clerk, ada: Headers, judged: list[str]) -> None:
    """However deep the route lies, and whatever other policies there are."""
    sub = below(Mount("/b", Router([Mount("/c", Router([Route("/page", page)]))])))
    app = protected(
        clerk, Policy(ADMIN, "/a/b/c/page"), Policy("signed_in", "/(.*)"), default=OWNER
    )
    app.mount("/a", sub)
    assert await statuses(app, "/a/b/c/page", ada) == [200]
    assert judged == ["role org:admin"]


async def test_public_policy_asks_nobody(clerk: Clerk, judged: list[str]) -> None:
    """Nor does a default that says so."""
    app = protected(clerk, Policy("public", "/a"))
    app.add_route("/a", page)
    app.add_route("/b", page)
    assert await statuses(app, "/a", {}) == await statuses(app, "/b", {}) == [200]
    assert judged == []


async def test_policy_may_demand_what_a_guard_does(
    clerk: Clerk, callers: dict[str, Headers]
) -> None:
    """Machines' tokens, too."""
    app = protected(clerk, Policy(require_api_key, "/a"))
    app.add_route("/a", page)
    found = await statuses(app, "/a", callers["key"], callers["session"], callers["nobody"])
    assert found == [200, 401, 401]


async def test_requests_at_once_are_each_judged(clerk: Clerk, ada: Headers, bob: Headers) -> None:
    """Nothing of one is left for another."""
    app = protected(clerk, Policy(ADMIN, "/a/(.*)"))
    app.mount("/a", below(Route("/{any}", page)))
    async with running(app) as client:
        who = [ada, bob, {}] * 20
        asked = (client.get(f"/a/{at}", headers=each) for at, each in enumerate(who))
        answers: list[httpx.Response] = await asyncio.gather(*asked)
    assert [answer.status_code for answer in answers] == [200, 403, 401] * 20


async def test_host_with_a_policy_is_judged(clerk: Clerk, ada: Headers) -> None:
    """Policies choose what is on a host by its router."""
    staff = Router([Route("/page", page)])
    app = protected(clerk, Policy(ADMIN, routers=[staff]))
    app.router.routes.append(Host("staff.example", staff))
    app.add_route("/page", page)
    async with running(app) as client:
        assert (await client.get("http://staff.example/page")).status_code == 401
        assert (await client.get("http://staff.example/page", headers=ada)).status_code == 200
        assert (await client.get("http://www.example/page")).status_code == 200


# --- methods --------------------------------------------------------------------------------------


async def test_each_method_is_judged_by_its_own_policy(clerk: Clerk, ada: Headers) -> None:
    """``HEAD`` by that of ``GET``; one that the route does not serve by the last that holds."""
    app = protected(
        clerk,
        Policy("public", "/a", methods=["GET"]),
        Policy(ADMIN, "/a", methods=["POST"]),
        Policy(OWNER, "/a"),
    )
    app.add_route("/a", page, methods=["GET", "POST", "DELETE"])
    async with running(app) as client:

        async def ask(method: str) -> list[int]:
            found = [await client.request(method, "/a", headers=who) for who in (ada, {})]
            return [answer.status_code for answer in found]

        assert await ask("GET") == await ask("HEAD") == [200, 200]
        assert await ask("POST") == [200, 401]
        assert await ask("DELETE") == [403, 401]
        assert await ask("PATCH") == [403, 401]


async def test_wrong_method_tells_only_those_who_are_let_in(clerk: Clerk, ada: Headers) -> None:
    """A route that is protected says nothing about itself to others: 401 before 405."""
    app = protected(clerk, Policy(ADMIN, "/a"))
    app.add_api_route("/a", lambda: "a")
    async with running(app) as client:
        assert (await client.post("/a")).status_code == 401
        assert (await client.head("/a")).status_code == 401
        assert (await client.post("/a", headers=ada)).status_code == 405


async def test_letters_of_a_method_do_not_lead_around_a_policy(clerk: Clerk) -> None:
    """Classes of Starlette's take ``get`` for ``GET``."""

    class Endpoint(HTTPEndpoint):
        def get(self, request: Request) -> Response:
            raise AssertionError("nobody gets here")

    app = protected(clerk, Policy(ADMIN, "/a", methods=["GET"]))
    app.router.routes.append(Route("/a", Endpoint))
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nobody reads what is refused")

    async with running(app):
        scope = {"type": "http", "method": "get", "path": "/a", "query_string": b"", "headers": []}
        await app(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_preflight_passes_to_routes_that_answer_nothing_else(clerk: Clerk) -> None:
    """Browsers send no token with that question."""
    app = protected(clerk, default=ADMIN)
    app.add_api_route("/a", lambda: "asked", methods=["OPTIONS"])
    async with running(app) as client:
        assert (await client.options("/a", headers=PREFLIGHT)).json() == "asked"
        assert (await client.options("/a")).status_code == 401
        origin = {"Origin": PREFLIGHT["Origin"]}
        assert (await client.options("/a", headers=origin)).status_code == 401


async def test_preflight_to_handlers_of_other_methods_is_judged(clerk: Clerk) -> None:
    """Their code runs for it, so whoever asks has to be let in."""
    app = protected(clerk, default=ADMIN)
    app.add_api_route("/a", lambda: "asked", methods=["OPTIONS", "GET"])
    app.mount("/b", opaque)
    async with running(app) as client:
        assert (await client.options("/a", headers=PREFLIGHT)).status_code == 401
        assert (await client.options("/b/", headers=PREFLIGHT)).status_code == 401
        assert (await client.get("/a", headers=PREFLIGHT)).status_code == 401


@pytest.mark.parametrize("outside", [True, False])
async def test_cors_middleware_answers_preflights_itself(
    clerk: Clerk, ada: Headers, outside: bool
) -> None:
    """On either side of ours; refusals carry its headers where it stands outside."""
    app = protected(clerk, default=ADMIN) if outside else FastAPI(lifespan=clerk.lifespan)
    app.add_middleware(CORSMiddleware, allow_origins=[PREFLIGHT["Origin"]])
    if not outside:
        app.add_middleware(ClerkMiddleware, default=ADMIN)
    app.add_route("/a", page)
    async with running(app) as client:
        assert (await client.options("/a", headers=PREFLIGHT)).status_code == 200
        assert (await client.get("/a", headers=PREFLIGHT | ada)).status_code == 200
        refused = await client.get("/a", headers=PREFLIGHT)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == PREFLIGHT["Origin"]


# --- what no route serves -------------------------------------------------------------------------


async def test_what_no_route_serves_is_not_judged(
    clerk: Clerk, judged: list[str], tmp_path: Path
) -> None:
    """A 404 and a redirect to the path with a slash tell no secret; where it leads is judged."""
    app = protected(clerk, default=ADMIN)
    app.add_route("/a/", page)
    app.mount("/sub", below(Route("/b", page)))
    app.mount("/files", StaticFiles(directory=tmp_path))
    async with running(app) as client:
        assert (await client.get("/missing")).status_code == 404
        assert (await client.get("/sub/missing")).status_code == 404
        slash = await client.get("/a")
        assert (slash.status_code, slash.headers["location"]) == (307, "http://test/a/")
        assert judged == []
        assert (await client.get("/a", follow_redirects=True)).status_code == 401
        assert (await client.get("/files/missing")).status_code == 401
    assert judged == ["role org:admin"] * 2


async def test_what_no_route_of_a_mounted_application_serves_is_not_judged(
    clerk: Clerk, judged: list[str]
) -> None:
    """Although it has a middleware of its own."""
    app, sub = protected(clerk, default=ADMIN), below(Route("/a/", page))
    sub.add_middleware(ClerkMiddleware, default=ADMIN)
    app.mount("/sub", sub)
    async with running(app) as client:
        assert (await client.get("/sub/missing")).status_code == 404
        assert (await client.get("/sub/a")).status_code == 307
        assert judged == []
        assert (await client.get("/sub/a/")).status_code == 401


async def test_websocket_without_a_route_is_closed_as_ever(clerk: Clerk) -> None:
    """Nothing of it is judged."""
    app = protected(clerk, default=ADMIN)
    async with running(app):
        assert [each["code"] for each in await open_websocket(app, "/missing", {})] == [1000]
