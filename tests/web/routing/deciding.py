"""An application with routes of every kind, and what policies decide for it."""

from collections.abc import Sequence

from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from clerk_fastapi import Permission, Policy, Role
from clerk_fastapi.protocol.site import Site
from clerk_fastapi.web.routing.deciding import Decided, decide
from clerk_fastapi.web.routing.doors import Doors
from clerk_fastapi.web.routing.policies import Demand, guard_of
from clerk_fastapi.web.routing.routes import Tree

__all__ = [
    "ADMIN",
    "ALL",
    "READ",
    "answer",
    "application",
    "chosen",
    "complaint",
    "items",
    "judged",
    "live",
    "opaque",
    "read",
    "rules",
    "shop",
]

ADMIN = Role("org:admin")
READ = Permission("org:data:read")


def read() -> None:
    """A handler of FastAPI's kind."""


async def live(websocket: WebSocket) -> None:
    """A handler of WebSockets."""


def answer(request: Request) -> Response:
    """A handler of Starlette's kind."""
    return Response()


async def opaque(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that nobody can look into."""


items = APIRouter(prefix="/items", tags=["items"])
items.add_api_route("/", read, name="list_items")
items.add_api_route("/", read, methods=["POST"], name="add_item")
items.add_api_route("/{id:int}", read, name="read_item", tags=["one"])
items.add_api_websocket_route("/live", live, name="live")

shop = Starlette(routes=[Route("/cart", answer, name="cart")])


def application() -> FastAPI:
    """An application with routes of every kind."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/", read, name="home")
    app.add_api_route("/sign-in", read, name="sign_in")
    app.include_router(items)
    app.mount("/shop", shop, name="shop")
    app.mount("/files", opaque, name="files")
    app.add_api_route("/admin", read, methods=["GET", "DELETE"], tags=["admin"], name="admin")
    app.add_api_route("/{page}", read, name="page")
    return app


ALL = [
    "GET /",
    "GET /sign-in",
    "GET /items/",
    "POST /items/",
    "GET /items/{id:int}",
    "websocket /items/live",
    "GET/HEAD /shop/cart",
    "mount /files/{path:path}",
    "DELETE/GET /admin",
    "GET /{page}",
]


def judged(
    app: Starlette | Router,
    *policies: Policy,
    default: Demand = "public",
    own_pages: Sequence[str] = (),
) -> tuple[list[Decided], list[str]]:
    """What is decided for an application, and what is wrong."""
    doors = Doors([Site("development", None, sign_in_url=page) for page in own_pages])
    return decide(policies, guard_of(default), Tree(app).leaves, doors)


def rules(
    app: Starlette | Router,
    *policies: Policy,
    default: Demand = "public",
    own_pages: Sequence[str] = (),
) -> dict[str, Decided]:
    """What is decided for each route, if nothing is wrong."""
    decided, wrong = judged(app, *policies, default=default, own_pages=own_pages)
    assert wrong == []
    return {str(each.leaf): each for each in decided}


def chosen(app: Starlette | Router, policy: Policy, method: str | None = None) -> set[str]:
    """The routes that a policy decides for."""
    decided = rules(app, policy)
    methods = [method] if method else [None, "GET", "POST", "DELETE"]
    return {name for name, each in decided.items() if any(each.rule(m).policy for m in methods)}


def complaint(app: Starlette | Router, *policies: Policy, default: Demand = "public") -> str:
    """The single sentence about what is wrong."""
    _, (sentence,) = judged(app, *policies, default=default)
    return sentence
