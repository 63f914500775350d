"""The route audit tells what limits each route, wherever it was written."""

import functools
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.staticfiles import StaticFiles
from starlette.requests import HTTPConnection

from clerk_fastapi import ClerkMiddleware, RateLimit, require_auth
from clerk_fastapi.web.ratelimit import RateLimitRule
from clerk_fastapi.web.routing.audit import audit_routes

LIMIT = RateLimit(1, per=1)


def handler() -> None:
    """A handler that wants nothing."""


def ruled(*limits: RateLimit | RateLimitRule, **options: Any) -> FastAPI:
    """An application with rules."""
    app = FastAPI(openapi_url=None, **options)
    app.add_middleware(ClerkMiddleware, rate_limits=limits)
    return app


def told(app: FastAPI) -> dict[str, list[str]]:
    """What limits each route, in words, with its source."""
    routes = audit_routes(app)
    found = {str(each): [f"{at.source} {at}" for at in each.limits] for each in routes}
    assert len(found) == len(routes)
    return found


async def inner(limit: Annotated[None, Depends(RateLimit(5, per=1))]) -> None:
    """A dependency with a limit inside."""


def test_sources_are_told_apart() -> None:
    """In the order in which they count: rules, application, router, route."""
    app = ruled(RateLimit(2, per=1), dependencies=[Depends(RateLimit(3, per=1))])
    router = APIRouter(dependencies=[Depends(RateLimit(4, per=1))])
    named = Depends(RateLimit(6, per=1, by="address", name="reading"))
    router.add_api_route("/a", handler, dependencies=[Depends(inner), named])
    app.include_router(router)
    app.add_route("/plain", lambda request: None)
    assert told(app) == {
        "GET /a": [
            "rule limit: 2 per 1 s by user",
            "application limit: 3 per 1 s by user",
            "router limit: 4 per 1 s by user",
            "guard limit: 5 per 1 s by user",
            "guard limit: reading, 6 per 1 s by address",
        ],
        "GET /plain": ["rule limit: 2 per 1 s by user"],
    }


def test_limit_that_counts_once_is_told_once() -> None:
    """The same object, or one of the same name and numbers; numbers alone make no two the same."""
    again, other = RateLimit(1, per=1, name="a"), RateLimit(1, per=1)
    app = ruled(LIMIT, RateLimit(1, per=1, name="a"))
    app.add_api_route("/", handler, dependencies=[*map(Depends, (LIMIT, again, other))])
    assert told(app)["GET /"] == [
        "rule limit: 1 per 1 s by user",
        "rule limit: a, 1 per 1 s by user",
        "guard limit: 1 per 1 s by user",
    ]


def test_methods_are_told_apart() -> None:
    """Rules may be for some of them; what is the same for several stands in one line."""
    app = ruled(LIMIT.on("/", methods=["POST", "PUT"]))
    app.add_api_route("/", handler, methods=["GET", "POST", "PUT"])
    assert told(app) == {"GET /": [], "POST PUT /": ["rule limit: 1 per 1 s by user"]}


def test_methods_of_a_mount_are_told_apart(tmp_path: Any) -> None:
    """It asks for none itself; what no rule names is left over."""
    app = ruled(LIMIT.on("/files/{path:path}", methods=["POST"]))
    app.mount("/files", StaticFiles(directory=tmp_path))
    assert told(app) == {
        "POST /files/{path:path}": ["rule limit: 1 per 1 s by user"],
        "/files/{path:path}": [],
    }


def test_limits_around_what_is_mounted_are_told() -> None:
    """Those of the outer application come first, for they count first."""
    app, there = ruled(RateLimit(2, per=1)), ruled(RateLimit(3, per=1))
    there.add_api_route("/", handler, dependencies=[Depends(LIMIT)])
    app.mount("/there", there)
    assert told(app) == {
        "GET /there/": [
            "rule limit: 2 per 1 s by user",
            "rule limit: 3 per 1 s by user",
            "guard limit: 1 per 1 s by user",
        ]
    }


def test_websockets_have_limits() -> None:
    """By rules and guards."""
    app = ruled(RateLimit(2, per=1).on("/live"))

    @app.websocket("/live", dependencies=[Depends(LIMIT)])
    async def live(ws: WebSocket) -> None: ...

    assert told(app) == {
        "WEBSOCKET /live": ["rule limit: 2 per 1 s by user", "guard limit: 1 per 1 s by user"]
    }


def tenant(connection: HTTPConnection) -> str:
    """A function that tells requests apart."""
    return ""


class Tenant:
    """The same as an object."""

    def __call__(self, connection: HTTPConnection) -> str:
        """Tell requests apart."""
        return ""


def test_functions_are_told_by_name() -> None:
    """Also if they are wrapped, and objects by their class."""
    app = FastAPI(openapi_url=None)
    by = (tenant, functools.partial(tenant), Tenant())
    limits = [Depends(RateLimit(1, per=1, by=each)) for each in by]
    app.add_api_route("/", handler, dependencies=limits)
    (route,) = audit_routes(app)
    assert [limit.by for limit in route.limits] == ["tenant", "tenant", "Tenant"]


def test_limit_is_no_guard() -> None:
    """It lets everybody in, some time or other."""
    app = ruled(LIMIT)
    app.add_api_route("/", handler, dependencies=[Depends(RateLimit(1, per=1))])
    app.add_api_route("/me", handler, dependencies=[Depends(require_auth)])
    assert [route.verdict for route in audit_routes(app)] == ["unguarded", "guarded"]
