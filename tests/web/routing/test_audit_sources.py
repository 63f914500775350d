"""The route audit tells where each guard was written: route, router or application."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from clerk_fastapi import Auth, require_auth, require_role, require_scope
from clerk_fastapi.web.routing.audit import audit_routes

SIGNED_IN = "a signed-in user"


def bare(**options: Any) -> FastAPI:
    """An application without pages of its own."""
    return FastAPI(openapi_url=None, **options)


def handler() -> None:
    """A handler that wants nothing."""


def answer(request: Request) -> PlainTextResponse:
    """A handler of Starlette's kind."""
    return PlainTextResponse("")


def told(app: Starlette) -> dict[str, list[str]]:
    """What guards each route, in words."""
    routes = audit_routes(app)
    found = {str(route): [*map(str, route.guarded_by)] for route in routes}
    assert len(found) == len(routes)
    return found


def test_sources_are_told_apart() -> None:
    """Application, including router, included router and route; one object may serve them all."""
    same = Depends(require_auth)
    app = bare(dependencies=[Depends(require_role("org:application"))])
    inner = APIRouter(dependencies=[Depends(require_role("org:inner"))])
    outer = APIRouter(dependencies=[Depends(require_role("org:outer"))])
    inner.add_api_route("/", handler, dependencies=[same])
    outer.include_router(inner, dependencies=[Depends(require_role("org:including"))])
    app.include_router(outer)
    app.add_api_route("/direct", handler, dependencies=[same])
    assert told(app) == {
        "GET /": [
            "application: role org:application",
            "router: role org:outer",
            "router: role org:including",
            "router: role org:inner",
            f"guard: {SIGNED_IN}",
        ],
        "GET /direct": ["application: role org:application", f"guard: {SIGNED_IN}"],
    }


def test_the_same_dependency_in_all_places_is_told_of_each() -> None:
    """Once for each place, and not mixed up."""
    same = Depends(require_auth)
    router = APIRouter(dependencies=[same])
    router.add_api_route("/", handler, dependencies=[same, same])
    app = bare(dependencies=[same])
    app.include_router(router)
    (route,) = audit_routes(app)
    assert [each.source for each in route.guarded_by] == ["application", "router", "guard"]


def test_websockets_have_guards() -> None:
    """Their own, and those of routers."""
    app, router = bare(), APIRouter(dependencies=[Depends(require_auth)])

    @router.websocket("/live")
    async def live(
        ws: WebSocket, auth: Annotated[Auth, Depends(require_role("org:admin"))]
    ) -> None: ...

    @app.websocket("/open")
    async def open_(ws: WebSocket) -> None: ...

    app.include_router(router)
    assert told(app) == {
        "WEBSOCKET /open": [],
        "WEBSOCKET /live": [f"router: {SIGNED_IN}", "guard: role org:admin"],
    }


def test_routes_of_starlettes_kind_inherit_nothing() -> None:
    """FastAPI gives its dependencies to its own routes alone, and that is what is told."""
    router = APIRouter(dependencies=[Depends(require_auth)])
    router.add_route("/page", answer)
    router.mount("/static", answer)
    app = bare(dependencies=[Depends(require_auth)])
    app.include_router(router, dependencies=[Depends(require_auth)])
    assert told(app) == {"GET /page": [], "/static/{path:path}": []}


def test_dependencies_of_a_mounted_application_are_its_own() -> None:
    """Those of the application around it do not reach into it."""
    inner = bare(dependencies=[Depends(require_scope("data:read"))])
    inner.add_api_route("/items", handler)
    app = bare(dependencies=[Depends(require_auth)])
    app.mount("/inner", inner)
    app.mount("/plain", Starlette(routes=[Route("/", answer)]))
    assert told(app) == {
        "GET /inner/items": ["application: scope data:read"],
        "GET /plain/": [],
    }


def test_a_mounted_router_guards_its_own() -> None:
    """A router that is mounted, and not included, is a router nevertheless."""
    router = APIRouter(dependencies=[Depends(require_auth)])
    router.add_api_route("/items", handler)
    app = bare()
    app.mount("/inner", router)
    assert told(app) == {"GET /inner/items": [f"router: {SIGNED_IN}"]}


def test_a_router_that_is_included_twice_is_told_twice() -> None:
    """Each time with what was added there."""
    router, app = APIRouter(), bare()
    router.add_api_route("/items", handler)
    app.include_router(router, prefix="/open")
    app.include_router(router, prefix="/closed", dependencies=[Depends(require_auth)])
    assert told(app) == {
        "GET /open/items": [],
        "GET /closed/items": [f"router: {SIGNED_IN}"],
    }


def test_frontends_have_dependencies(tmp_path: Path) -> None:
    """Of the application, and of routers and where they were included, if FastAPI runs them."""
    app = bare(dependencies=[Depends(require_role("org:application"))])
    app.frontend("/", directory=tmp_path)
    app.frontend("/more", directory=tmp_path)
    router = APIRouter(dependencies=[Depends(require_role("org:router"))])
    router.frontend("/files", directory=tmp_path)
    app.include_router(router, prefix="/api", dependencies=[Depends(require_role("org:here"))])
    if not hasattr(app.router._low_priority_routes[0], "dependencies"):
        assert not any(told(app).values())
        return
    assert told(app) == {
        "/{path:path}": ["application: role org:application"],
        "/more/{path:path}": ["application: role org:application"],
        "/api/files/{path:path}": [
            "application: role org:application",
            "router: role org:here",
            "router: role org:router",
        ],
    }
    assert {route.kind for route in audit_routes(app)} == {"fallback"}
