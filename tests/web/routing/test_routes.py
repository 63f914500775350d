"""Every route of an application is found: by its whole path, name, tags, methods and routers."""

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from clerk_fastapi.web.routing.routes import Leaf, Tree


def bare(**options: Any) -> FastAPI:
    """An application without pages of its own."""
    return FastAPI(openapi_url=None, **options)


def answer(request: Request) -> PlainTextResponse:
    """A handler of Starlette's kind."""
    return PlainTextResponse(request.url.path)


def read() -> None:
    """A handler of FastAPI's kind."""


async def live(websocket: WebSocket) -> None:
    """A handler of WebSockets."""


async def opaque(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that nobody can look into."""


def leaves(app: Starlette | Router) -> dict[str, Leaf]:
    """The routes of an application, by method and path."""
    found = Tree(app).leaves
    named = {str(leaf): leaf for leaf in found}
    assert len(named) == len(found)
    return named


def only(app: Starlette | Router) -> Leaf:
    """The single route of an application."""
    (leaf,) = Tree(app).leaves
    return leaf


# --- what is found --------------------------------------------------------------------------------


def test_pages_that_fastapi_adds_are_routes_like_others() -> None:
    """The documents are served by routes, and can be guarded by policies."""
    assert {leaf.path for leaf in Tree(FastAPI()).leaves} == {
        "/openapi.json",
        "/docs",
        "/docs/oauth2-redirect",
        "/redoc",
    }


def test_application_without_routes_has_no_leaves() -> None:
    """What Starlette itself says when it finds nothing is not a route."""
    assert Tree(bare()).leaves == []


def test_api_route_is_found() -> None:
    """With its template as it was written, and its endpoint."""
    app = bare()
    app.add_api_route("/items/{id:int}", read, methods=["PUT", "DELETE"], tags=["items"])
    leaf = only(app)
    assert (leaf.kind, leaf.path, leaf.paths) == ("http", "/items/{id:int}", ("/items/{id:int}",))
    assert leaf.methods == frozenset({"PUT", "DELETE"})
    assert (leaf.tags, leaf.name) == (frozenset({"items"}), "read")
    assert leaf.endpoint is read
    assert leaf.route is app.routes[0]
    assert str(leaf) == "DELETE/PUT /items/{id:int}"


def test_websocket_route_is_found() -> None:
    """It has no methods."""
    app = bare()
    app.add_api_websocket_route("/live", live, name="live")
    leaf = only(app)
    assert (leaf.kind, leaf.path, leaf.name, leaf.methods) == ("websocket", "/live", "live", None)
    assert leaf.endpoint is live
    assert str(leaf) == "websocket /live"


class Endpoint(HTTPEndpoint):
    """A class that answers whatever methods it has."""

    def get(self, request: Request) -> PlainTextResponse:
        """Answer."""
        return answer(request)


def test_routes_of_starlette_are_found() -> None:
    """Functions with their methods, and classes, which decide on methods themselves."""
    found = leaves(
        Starlette(
            routes=[
                Route("/function", answer),
                Route("/class", Endpoint),
                WebSocketRoute("/live", live),
            ]
        )
    )
    assert list(found) == ["GET/HEAD /function", "http /class", "websocket /live"]
    assert found["http /class"].methods is None
    assert found["http /class"].endpoint is Endpoint


def test_mount_of_an_opaque_application_is_one_leaf() -> None:
    """Whatever is below it is served by the same code."""
    app = bare()
    app.mount("/opaque/", opaque, name="box")
    leaf = only(app)
    assert (leaf.kind, leaf.path, leaf.name) == ("mount", "/opaque/{path:path}", "box")
    assert (leaf.methods, leaf.endpoint) == (None, opaque)


def test_static_files_are_one_leaf(tmp_path: Path) -> None:
    """A directory is an application that cannot be looked into."""
    app = bare()
    app.mount("/static", StaticFiles(directory=tmp_path))
    assert str(only(app)) == "mount /static/{path:path}"


@pytest.mark.parametrize("make", [bare, Starlette, Router, APIRouter])
def test_mounted_applications_are_looked_into(make: Callable[[], Any]) -> None:
    """Paths and names begin with those of the mounts."""
    inner, outer, app = make(), make(), bare()
    inner.add_route("/read", answer, methods=["POST"], name="read")
    outer.mount("/inner", inner, name="b")
    app.mount("/outer", outer, name="a")
    tree = Tree(app)
    (leaf,) = tree.leaves
    assert (str(leaf), leaf.name) == ("POST /outer/inner/read", "a:b:read")
    assert leaf.way == tuple(tree.mounts) == (app.routes[0], outer.routes[0])


def test_mount_without_a_name_adds_none() -> None:
    """As ``url_for`` has it."""
    app = Starlette(routes=[Mount("/a", routes=[Route("/b", answer, name="b")])])
    assert only(app).name == "b"


def test_middleware_of_a_mount_hides_nothing() -> None:
    """The routes behind it are found all the same."""
    wrapped = Mount("/a", routes=[Route("/b", answer)], middleware=[Middleware(GZipMiddleware)])
    assert str(only(Starlette(routes=[wrapped]))) == "GET/HEAD /a/b"


def test_application_within_foreign_middleware_is_opaque() -> None:
    """Who wraps an application by hand may answer in its place."""
    app = bare()
    app.mount("/a", GZipMiddleware(Starlette(routes=[Route("/b", answer)])))
    assert str(only(app)) == "mount /a/{path:path}"


def test_hosts_are_looked_into() -> None:
    """Paths say nothing about hosts; an application on one that is opaque serves any path."""
    inner = Router([Route("/read", answer, name="read")])
    app = Starlette(
        routes=[Host("api.example", inner, name="api"), Host("{sub}.example", opaque, name="sub")]
    )
    first, second = Tree(app).leaves
    assert (str(first), first.name) == ("GET/HEAD /read", "api:read")
    assert (str(second), second.name) == ("mount /{path:path}", "sub")


def test_default_of_ones_own_is_a_leaf() -> None:
    """It serves whatever no route does, below a mount as well."""
    app = Starlette(routes=[Mount("/sub", Router(default=opaque))])
    app.router.default = opaque
    assert list(leaves(app)) == ["fallback /sub/{path:path}", "fallback /{path:path}"]


def test_frontends_are_one_leaf_a_router(tmp_path: Path) -> None:
    """Several directories of one router are served by one object, which has all their paths."""
    app, router = bare(), APIRouter(prefix="/more")
    app.frontend("/", directory=tmp_path)
    app.frontend("/admin", directory=tmp_path)
    router.frontend("/front", directory=tmp_path)
    app.include_router(router, prefix="/and")
    own, included = Tree(app).leaves
    assert (own.kind, included.kind) == ("fallback", "fallback")
    assert own.paths == ("/{path:path}", "/admin/{path:path}")
    assert included.paths == ("/and/more/front/{path:path}",)


def test_frontend_of_a_mounted_application_is_below_it(tmp_path: Path) -> None:
    """With the path of the mount before its own."""
    app, sub = bare(), bare()
    sub.frontend("/front", directory=tmp_path)
    app.mount("/sub", sub)
    assert str(only(app)) == "fallback /sub/front/{path:path}"


# --- included routers -----------------------------------------------------------------------------


def deep(tmp_path: Path) -> tuple[FastAPI, APIRouter, APIRouter]:
    """An application with routes of every kind in a router three levels down; two of the three."""
    inner, outer, app = APIRouter(prefix="/c", tags=["c"]), APIRouter(tags=["b"]), bare()
    inner.add_api_route("/api", read, tags=["own"])
    inner.add_api_websocket_route("/live", live)
    inner.add_route("/plain", answer)
    inner.add_websocket_route("/raw", live)
    inner.mount("/static", StaticFiles(directory=tmp_path), name="static")
    inner.frontend("/front", directory=tmp_path)
    inner.mount("/shop", Starlette(routes=[Route("/cart", answer, name="cart")]), name="shop")
    outer.include_router(inner, prefix="/b", tags=["in b"])
    app.include_router(outer, prefix="/a", tags=["in a"])
    return app, outer, inner


def test_prefixes_of_all_routers_are_in_the_paths(tmp_path: Path) -> None:
    """As FastAPI joins them: a router's own prefix counts only for what FastAPI itself declares."""
    app, _, _ = deep(tmp_path)
    assert list(leaves(app)) == [
        "GET /a/b/c/api",
        "websocket /a/b/c/live",
        "GET/HEAD /a/b/plain",
        "websocket /a/b/raw",
        "mount /a/b/static/{path:path}",
        "GET/HEAD /a/b/shop/cart",
        "fallback /a/b/c/front/{path:path}",
    ]


def test_tags_of_routers_reach_every_kind_of_route(tmp_path: Path) -> None:
    """FastAPI itself gives them to its own HTTP routes alone."""
    app, _, _ = deep(tmp_path)
    found = leaves(app)
    assert found.pop("GET /a/b/c/api").tags == {"in a", "b", "in b", "c", "own"}
    assert {leaf.tags for leaf in found.values()} == {frozenset({"in a", "b", "in b", "c"})}


def test_route_knows_all_routers_and_applications_it_belongs_to(tmp_path: Path) -> None:
    """A policy may name any of them."""
    app, outer, inner = deep(tmp_path)
    for leaf in Tree(app).leaves:
        assert all(
            any(each is router for router in leaf.routers)
            for each in (app, app.router, outer, inner)
        )


def test_names_below_mounts_of_included_routers(tmp_path: Path) -> None:
    """Including a router changes no name."""
    app, _, _ = deep(tmp_path)
    assert [leaf.name for leaf in Tree(app).leaves] == [
        *("read", "live", "answer", "live", "static", "shop:cart", "")
    ]


def test_leaf_is_the_object_that_the_router_asks(tmp_path: Path) -> None:
    """FastAPI makes copies of foreign routes that it includes, and serves those."""
    app, _, inner = deep(tmp_path)
    by_path = leaves(app)
    assert by_path["GET /a/b/c/api"].route is inner.routes[0]
    assert by_path["GET/HEAD /a/b/plain"].route not in inner.routes


def test_router_that_is_included_twice_has_two_leaves_a_route() -> None:
    """One object serves both paths."""
    app, router = bare(), APIRouter()
    router.add_api_route("/read", read)
    app.include_router(router, prefix="/a", tags=["a"])
    app.include_router(router, prefix="/b", tags=["b"])
    found = leaves(app)
    first, second = found["GET /a/read"], found["GET /b/read"]
    assert first.route is second.route
    assert [*first.tags, *second.tags] == ["a", "b"]


class Tag(Enum):
    """Tags as an enumeration."""

    ITEMS = "items"


def test_tags_may_be_members_of_an_enumeration() -> None:
    """Policies write their values."""
    app, router = bare(), APIRouter(tags=[Tag.ITEMS])
    router.add_api_route("/a", read)
    router.add_api_websocket_route("/b", live)
    app.include_router(router)
    app.add_api_route("/c", read, tags=[Tag.ITEMS])
    assert {leaf.tags for leaf in Tree(app).leaves} == {frozenset({"items"})}


# --- changes --------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> FastAPI:
    """An application with an included router, two mounts, and frontends."""
    app, sub, router = bare(), Starlette(), APIRouter()
    app.add_api_route("/first", read, name="first")
    router.add_api_route("/included", read)
    app.include_router(router)
    sub.add_route("/mounted", answer)
    app.mount("/sub", sub)
    app.frontend("/front", directory=tmp_path)
    return app


def included(app: FastAPI) -> APIRouter:
    """The router that the shop includes."""
    router: APIRouter = app.routes[1].original_router  # type: ignore[attr-defined]  # not public
    return router


def mounted(app: FastAPI) -> Starlette:
    """The application that the shop mounts."""
    sub: Starlette = app.routes[2].app  # type: ignore[attr-defined]  # a mount has one
    return sub


def other(app: FastAPI, tmp_path: Path) -> APIRouter:
    """A router with a route."""
    router = APIRouter()
    router.add_api_route("/new", read)
    return router


CHANGES: dict[str, Callable[[FastAPI, Path], Any]] = {
    "route added": lambda app, _: app.add_api_route("/new", read),
    "route of Starlette's added": lambda app, _: app.add_route("/new", answer),
    "WebSocket added": lambda app, _: app.add_api_websocket_route("/new", live),
    "route removed": lambda app, _: app.routes.pop(0),
    "routes swapped": lambda app, _: app.routes.reverse(),
    "route replaced": lambda app, _: app.routes.__setitem__(0, Route("/first", answer)),
    "list replaced by an equal one": lambda app, _: setattr(app.router, "routes", list(app.routes)),
    "router included": lambda app, path: app.include_router(other(app, path)),
    "route added to an included router": lambda app, _: included(app).add_api_route("/new", read),
    "router included by an included one": lambda app, path: included(app).include_router(
        other(app, path)
    ),
    "application mounted": lambda app, _: app.mount("/new", bare()),
    "route added to a mounted application": lambda app, _: mounted(app).add_route("/new", answer),
    "application mounted in a mounted one": lambda app, _: mounted(app).mount("/new", opaque),
    "application of a mount replaced": lambda app, _: setattr(app.routes[2], "app", bare()),
    "frontend added": lambda app, path: app.frontend("/new", directory=path),
    "frontend of an included router added": lambda app, path: included(app).frontend(
        "/new", directory=path
    ),
    "default replaced": lambda app, _: setattr(app.router, "default", opaque),
    "default of a mounted application replaced": lambda app, _: setattr(
        mounted(app).router, "default", opaque
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_change_of_the_routes_is_noticed(
    shop: FastAPI, tmp_path: Path, change: Callable[[FastAPI, Path], Any]
) -> None:
    """By whoever asks, before the next request is judged."""
    tree = Tree(shop)
    assert tree.is_current()
    change(shop, tmp_path)
    assert not tree.is_current()
    assert Tree(shop).is_current()


def test_route_that_equals_the_one_it_replaces_is_another() -> None:
    """Starlette compares routes by what they serve; they are told apart by what they are."""
    sub = Starlette(routes=[Route("/a", answer)])
    tree = Tree(sub)
    sub.router.routes[0] = Route("/a", answer)
    assert sub.router.routes[0] == tree.leaves[0].route
    assert not tree.is_current()


def test_own_changes_can_be_settled() -> None:
    """Arming replaces the default of a router, which is no change of anybody else's."""
    app = bare()
    app.router.default = opaque
    tree = Tree(app)
    app.router.default = answer  # type: ignore[assignment]  # only its identity counts
    assert not tree.is_current()
    tree.settle()
    assert tree.is_current()
