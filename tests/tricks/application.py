"""An application with routes of every kind; each handler knows what its route demands."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette._utils import get_route_path
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from tests.tricks.around import Passing, Renaming
from tests.tricks.declared import FILES, Level, Visits
from tests.tricks.route_classes import CaseBlind, Handling, Timed, Versioned

__all__ = ["Site", "build", "write_files"]

PUBLIC, SIGNED_IN, ADMIN = Level


class Colour(Convertor[str]):
    """A convertor of the application's own, which takes slashes, too."""

    regex = "red|green|light/blue"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


register_url_convertor("colour", Colour())


@dataclass
class Site:
    """An application, what was noted in it, and the routers that policies may choose."""

    app: FastAPI
    visits: Visits
    files: Path
    routers: dict[str, Any] = field(default_factory=dict)
    has_catch_all: bool = False

    def get(self, path: str, name: str, level: Level, **options: Any) -> None:
        """Add a route for GET to the application."""
        self.app.get(path, **options)(self.visits.page(name, level))


def write_files(folder: Path) -> Path:
    """Write the files that are served, each of a length of its own."""
    for length, (name, _) in FILES.items():
        place = folder / name.replace(" ", "-")
        place.mkdir()
        (place / "index.html").write_text(name.ljust(length), encoding="ascii")
    return folder


def build(app: FastAPI, files: Path, *, catch_all: Level | None = None) -> Site:
    """Put all routes into an application."""
    site = Site(app, Visits(), files)
    for add in (_hosts, _pages, _starlette, _sockets, _included, _deep, _classes, _mounted, _subs):
        add(site)
    app.frontend("/site", directory=files / "public-frontend")
    portal = APIRouter(tags=["portal"])
    portal.frontend("/portal", directory=files / "private-frontend")
    app.include_router(portal, prefix="/in")
    if catch_all is not None:
        site.has_catch_all = True
        endpoint = site.visits.page("catch_all", catch_all)
        app.api_route("/{rest:path}", methods=["GET", "POST"], include_in_schema=False)(endpoint)
    return site


def _hosts(site: Site) -> None:
    visits = site.visits
    api = Starlette(
        routes=[
            Route("/data", visits.page("host_data", SIGNED_IN)),
            Route("/ping", visits.page("host_ping", PUBLIC)),
        ]
    )
    tenant = FastAPI(openapi_url=None)
    tenant.get("/data")(visits.page("tenant_data", ADMIN))
    site.app.router.routes += [
        Host("api.example", api, name="api"),
        Host("{tenant}.tenants.example", tenant, name="tenant"),
    ]


def _pages(site: Site) -> None:
    app, page = site.app, site.visits.page
    site.get("/", "home", PUBLIC)
    site.get("/items", "items", PUBLIC)
    app.post("/items")(page("create_item", SIGNED_IN))
    app.delete("/items")(page("drop_items", ADMIN))
    app.options("/items")(page("item_options", PUBLIC))
    site.get("/items/{item_id}", "item", PUBLIC)
    app.put("/items/{item_id}")(page("change_item", SIGNED_IN))
    site.get("/numbers/{n:int}", "number", SIGNED_IN)
    site.get("/ratios/{r:float}", "ratio", SIGNED_IN)
    site.get("/ids/{u:uuid}", "identity", SIGNED_IN)
    site.get("/files/{rest:path}", "file", SIGNED_IN)
    site.get("/colours/all", "colours", PUBLIC)
    site.get("/colours/{c:colour}", "colour", SIGNED_IN)
    site.get("/café", "coffee", SIGNED_IN)
    site.get("/with space", "space", SIGNED_IN)
    several: dict[str, Any] = {"methods": ["GET", "POST", "OPTIONS"], "include_in_schema": False}
    app.api_route("/admin", **several)(page("admin", ADMIN))
    site.get("/admin/users", "users", ADMIN)
    site.get("/admin/users/{user_id}", "user", ADMIN)
    site.get("/admin/help", "help", PUBLIC)


def _starlette(site: Site) -> None:
    visits = site.visits

    class Endpoint(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            return PlainTextResponse(visits.note(request, "endpoint_get", PUBLIC))

        async def post(self, request: Request) -> Response:
            return PlainTextResponse(visits.note(request, "endpoint_post", SIGNED_IN))

    site.app.add_route("/plain", visits.page("plain", SIGNED_IN))
    endpoint: Any = Endpoint
    site.app.add_route("/endpoint", endpoint)
    wrapped = [Middleware(GZipMiddleware)]
    route = Route("/stacked/{x}", visits.page("stacked", ADMIN), middleware=wrapped)
    site.app.router.routes.append(route)
    asgi: Any = _asgi(visits, "asgi", ADMIN)
    site.app.add_route("/asgi", asgi)


def _asgi(visits: Visits, name: str, level: Level) -> ASGIApp:
    """An application that nobody can look into; not a function, which routes take for a handler."""

    class Opaque:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "websocket":
                await visits.socket(name, level)(WebSocket(scope, receive, send))
            else:
                said = visits.note(Request(scope), name, level)
                await PlainTextResponse(said)(scope, receive, send)

    return Opaque()


def _sockets(site: Site) -> None:
    visits = site.visits

    class Talk(WebSocketEndpoint):
        async def on_connect(self, websocket: WebSocket) -> None:
            await visits.socket("talk", SIGNED_IN)(websocket)

    site.app.websocket("/ws")(visits.socket("ws", SIGNED_IN))
    site.app.websocket("/ws/open")(visits.socket("ws_open", PUBLIC))
    site.app.websocket("/ws/{room}")(visits.socket("ws_room", SIGNED_IN))
    talk: Any = Talk
    site.app.router.add_websocket_route("/talk", talk)


def _included(site: Site) -> None:
    visits = site.visits
    account = site.routers["account"] = APIRouter(prefix="/account", tags=["account"])
    account.get("")(visits.page("account", SIGNED_IN))
    account.get("/profile")(visits.page("profile", SIGNED_IN))
    account.post("/profile")(visits.page("change_profile", SIGNED_IN))
    account.websocket("/live")(visits.socket("live", SIGNED_IN))
    account.add_route("/account/raw", visits.page("account_raw", SIGNED_IN))
    site.app.include_router(account)

    def place(scope: Scope) -> Level:
        """The router chose by these prefixes, which are plain text."""
        return PUBLIC if get_route_path(scope).startswith("/open-reports/") else SIGNED_IN

    reports = site.routers["reports"] = APIRouter()
    reports.get("/latest")(visits.page("latest", place))
    reports.get("/{name}")(visits.page("report", place))
    reports.add_route("/raw/{x:path}", visits.page("raw_report", place))
    reports.websocket("/feed")(visits.socket("feed", place))
    site.app.include_router(reports, prefix="/reports")
    site.app.include_router(reports, prefix="/open-reports")


def _deep(site: Site) -> None:
    visits = site.visits
    three, two, one = APIRouter(), APIRouter(prefix="/two"), APIRouter()
    three.get("/secret")(visits.page("secret", ADMIN))
    three.get("/open")(visits.page("deep_open", PUBLIC))
    three.add_route("/raw", visits.page("deep_raw", ADMIN))
    three.websocket("/ws")(visits.socket("deep_ws", ADMIN))
    three.mount("/box", Router(routes=[Route("/deep/{x}", visits.page("boxed", ADMIN))]))
    two.include_router(three, prefix="/three")

    def place(scope: Scope) -> Level:
        return PUBLIC if get_route_path(scope).startswith("/one/second/") else SIGNED_IN

    twice = APIRouter()
    twice.get("/page")(visits.page("page", place))
    twice.add_route("/raw", visits.page("twice_raw", place))
    one.include_router(two)
    one.include_router(twice, prefix="/first", tags=["first"])
    one.include_router(twice, prefix="/second", tags=["second"])
    site.routers["three"] = three
    site.app.include_router(one, prefix="/one")


def _classes(site: Site) -> None:
    visits = site.visits
    kinds: list[tuple[type[Any], str, str, Level]] = [
        (Timed, "/timed", "timed", SIGNED_IN),
        (Handling, "/handling", "handling", SIGNED_IN),
        (CaseBlind, "/case-blind", "case_blind", SIGNED_IN),
        (Versioned.of("2"), "/versioned", "version_two", ADMIN),
        (Versioned.of("1"), "/versioned", "version_one", PUBLIC),
    ]
    own = APIRouter(prefix="/own")
    for kind, path, name, level in kinds:
        own.add_api_route(path, visits.page(name, level), route_class_override=kind)
    site.app.include_router(own)


def _mounted(site: Site) -> None:
    visits, app, files = site.visits, site.app, site.files
    app.mount("/static", StaticFiles(directory=files / "public-file", html=True), name="static")
    private = StaticFiles(directory=files / "private-file", html=True)
    app.mount("/private", private, name="private")
    app.mount("/opaque", _asgi(visits, "opaque", ADMIN), name="opaque")
    inside = FastAPI(openapi_url=None)
    inside.get("/data")(visits.page("wrapped", SIGNED_IN))
    app.mount("/wrapped", GZipMiddleware(inside), name="wrapped")
    known = [Route("/known", visits.page("known", PUBLIC))]
    app.mount("/legacy", Router(known, default=_asgi(visits, "left_over", ADMIN)), name="legacy")
    behind = [
        Route("/open", visits.page("behind_open", PUBLIC)),
        Route("/closed", visits.page("behind_closed", SIGNED_IN)),
    ]
    mount = Mount("/moved", routes=behind, name="moved", middleware=[Middleware(Renaming)])
    app.router.routes.append(mount)


def _subs(site: Site) -> None:
    visits, app = site.visits, site.app

    def place(scope: Scope) -> Level:
        return PUBLIC if scope["root_path"].rstrip("/").endswith("/v2") else SIGNED_IN

    star = Starlette(
        routes=[
            Route("/secret", visits.page("star_secret", ADMIN)),
            Route("/{x:int}", visits.page("star_number", SIGNED_IN)),
            WebSocketRoute("/ws", visits.socket("star_ws", SIGNED_IN)),
        ]
    )
    sub = site.routers["sub"] = FastAPI(openapi_url=None)
    sub.get("/open")(visits.page("sub_open", PUBLIC))
    sub.get("/closed")(visits.page("sub_closed", SIGNED_IN))
    sub.add_middleware(Renaming, old="/sub/also/", new="/sub/")
    sub.add_middleware(Passing)
    sub.mount("/star", star, name="star")
    app.mount("/sub", sub, name="sub")
    versions = FastAPI(openapi_url=None)
    versions.get("/thing")(visits.page("thing", place))
    versions.websocket("/ws")(visits.socket("thing_ws", place))
    for path in ("/v1", "/v2"):
        app.mount(path, versions, name=path[1:])
    tenant = FastAPI(openapi_url=None)
    tenant.get("/data")(visits.page("space_data", SIGNED_IN))
    tenant.get("/logo")(visits.page("space_logo", PUBLIC))
    app.mount("/spaces/{space}", tenant, name="space")
