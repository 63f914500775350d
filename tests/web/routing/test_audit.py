"""The route audit: every route is listed, and guards are found wherever they are asked for."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from clerk_fastapi import (
    Auth,
    CurrentAuth,
    Guard,
    Permission,
    Reverified,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_role,
)
from clerk_fastapi.web.routing.audit import AuditedRoute, audit_routes

SIGNED_IN = "a signed-in user"


def bare(**options: Any) -> FastAPI:
    """An application without pages of its own."""
    return FastAPI(openapi_url=None, **options)


def handler() -> None:
    """A handler that wants nothing."""


def answer(request: Request) -> PlainTextResponse:
    """A handler of Starlette's kind."""
    return PlainTextResponse("")


def only(app: Starlette) -> AuditedRoute:
    """The single route of an application."""
    (route,) = audit_routes(app)
    return route


# --- what is left open ----------------------------------------------------------------------------


def test_planted_route_is_found_three_routers_deep() -> None:
    """Beside guarded ones, in a router included in a router included in a router."""
    inner, middle, outer = APIRouter(prefix="/c"), APIRouter(prefix="/b"), APIRouter()
    inner.add_api_route("/guarded", handler, dependencies=[Depends(require_auth)])
    inner.add_api_route("/planted", handler, methods=["POST"])
    middle.include_router(inner)
    outer.include_router(middle, prefix="/a")
    app = bare()
    app.include_router(outer, prefix="/api")
    verdicts = {str(route): route.verdict for route in audit_routes(app)}
    assert verdicts == {
        "GET /api/a/b/c/guarded": "guarded",
        "POST /api/a/b/c/planted": "unguarded",
    }


def test_guest_is_no_reason_to_call_it_guarded() -> None:
    """``optional_auth`` is told, and guards nothing."""
    app = bare()
    app.add_api_route("/", handler, dependencies=[Depends(optional_auth)])
    route = only(app)
    assert [*map(str, route.guarded_by)] == ["guard: a signed-in user, optional"]
    assert route.verdict == "unguarded"


def test_pages_of_fastapi_are_routes_too() -> None:
    """Dependencies of the application do not guard its documentation."""
    app = FastAPI(dependencies=[Depends(require_auth)])
    app.add_api_route("/", handler)
    verdicts = {route.path: route.verdict for route in audit_routes(app)}
    assert verdicts.pop("/") == "guarded"
    assert verdicts == dict.fromkeys(
        ["/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"], "unguarded"
    )


# --- guards among the dependencies ----------------------------------------------------------------


async def signed_in(auth: Annotated[Auth, Depends(require_auth)]) -> Auth:
    """A guard as the parameter of a dependency."""
    return auth


async def twice_removed(auth: Annotated[Auth, Depends(signed_in)]) -> Auth:
    """A dependency that depends on another one."""
    return auth


async def thrice_removed(auth: Annotated[Auth, Depends(twice_removed)]) -> Auth:
    """And one more."""
    return auth


def unit_of_work(auth: CurrentAuth) -> Iterator[str]:
    """A dependency that cleans up."""
    yield auth.user_id


class Checker:
    """A dependency that is an object."""

    def __call__(self, auth: CurrentAuth) -> None:
        """Ask for a guard."""

    def check(self, auth: CurrentAuth) -> None:
        """Ask for a guard, as a method."""


class Page:
    """A dependency that is a class."""

    def __init__(self, auth: CurrentAuth) -> None:
        self.user_id = auth.user_id


class Strict(Guard):
    """A guard of one's own."""


@pytest.mark.parametrize(
    "dependency",
    [
        require_auth,
        require_auth.__call__,
        Strict(),
        partial(require_auth),
        partial(partial(signed_in)),
        signed_in,
        thrice_removed,
        unit_of_work,
        Checker(),
        Checker().check,
        Page,
    ],
    ids=str,
)
def test_guard_is_found_however_it_is_asked_for(dependency: Callable[..., Any]) -> None:
    """As a dependency, or wherever a dependency of dependencies has it."""
    app = bare()
    app.add_api_route("/", handler, dependencies=[Depends(dependency)])
    route = only(app)
    assert [*map(str, route.guarded_by)] == [f"guard: {SIGNED_IN}"]
    assert route.verdict == "guarded"


def test_guard_is_found_as_a_parameter() -> None:
    """Annotated, ready-made, as a default, and hidden in a sub-dependency."""
    app = bare()

    @app.get("/annotated")
    def annotated(auth: Annotated[Auth, Depends(require_auth)]) -> None: ...

    @app.get("/ready")
    def ready(auth: CurrentAuth) -> None: ...

    @app.get("/default")
    def default(auth: Auth = Depends(require_auth)) -> None: ...  # noqa: B008  # as many write it

    @app.get("/hidden")
    def hidden(user: Annotated[Auth, Depends(thrice_removed)]) -> None: ...

    assert {route.verdict for route in audit_routes(app)} == {"guarded"}


def test_wrapped_guard_is_none() -> None:
    """Whoever calls a guard by hand may do with its answer what they like."""

    async def soft(request: Request) -> None: ...

    soft.__wrapped__ = require_auth  # type: ignore[attr-defined]  # as functools.wraps does
    app = bare()
    app.add_api_route("/", handler, dependencies=[Depends(soft)])
    assert only(app).verdict == "unguarded"


def test_other_methods_of_a_guard_are_no_guard() -> None:
    """Only calling it judges a request."""

    class Soft(Guard):
        """A guard with something to say."""

        async def greet(self) -> str:
            """Judge nobody."""
            return "hello"

    app = bare()
    app.add_api_route("/", handler, dependencies=[Depends(Soft().greet)])
    assert only(app).verdict == "unguarded"


def test_overrides_do_not_count() -> None:
    """An audit tells of the application, not of what a test has made of it."""
    app = bare()
    app.add_api_route("/", handler, dependencies=[Depends(require_auth)])
    app.dependency_overrides[require_auth] = lambda: None
    assert only(app).verdict == "guarded"


def test_scopes_are_part_of_what_is_demanded() -> None:
    """Of sessions as permissions, of machines as scopes, from all dependencies on the way."""

    async def scoped(
        auth: Annotated[Auth, Security(require_role("org:admin"), scopes=["org:data:write"])],
    ) -> None: ...

    app = bare()
    reading = Security(scoped, scopes=["org:data:read"])
    app.add_api_route("/session", handler, dependencies=[reading])
    exporting = Security(require_api_key, scopes=["data:read"])
    app.add_api_route("/key", handler, dependencies=[exporting])
    session, key = audit_routes(app)
    assert [*map(str, session.guarded_by)] == [
        "guard: role org:admin and permission org:data:read and permission org:data:write"
    ]
    assert session.guarded_by[0].requirement == {
        "all_of": [
            {"role": "org:admin"},
            {"permission": "org:data:read"},
            {"permission": "org:data:write"},
        ]
    }
    assert key.guarded_by[0].requirement == {"scope": "data:read"}
    assert key.guarded_by[0].accepts_token == ("api_key",)


def test_scope_that_is_demanded_twice_is_told_once() -> None:
    """By a dependency and by what depends on it."""

    async def reading(
        auth: Annotated[Auth, Security(require_auth, scopes=["org:data:read"])],
    ) -> None: ...

    app = bare()
    app.add_api_route("/", handler, dependencies=[Security(reading, scopes=["org:data:read"])])
    assert [*map(str, only(app).guarded_by)] == ["guard: permission org:data:read"]


def test_requirements_are_told_in_words_and_to_programs() -> None:
    """As in the OpenAPI document."""
    app = bare()
    wanted = Permission("org:data:delete") & Reverified("strict")
    app.add_api_route("/", handler, dependencies=[Depends(require(wanted))])
    (safeguard,) = only(app).guarded_by
    assert safeguard.requirement == wanted.to_json()
    assert safeguard.demand.startswith("permission org:data:delete and ")


# --- routes of every kind -------------------------------------------------------------------------


class Endpoint(HTTPEndpoint):
    """An endpoint that is a class."""


async def opaque(scope: Any, receive: Any, send: Any) -> None:
    """An application that nobody can look into."""


def test_routes_of_every_kind_are_listed(tmp_path: Path) -> None:
    """Starlette's, too, in the order in which the router asks them."""
    app = Starlette(
        routes=[
            Route("/page", answer, name="page"),
            Route("/class", Endpoint),
            WebSocketRoute("/live", handler),
            Mount("/static", StaticFiles(directory=tmp_path), name="static"),
            Mount("/opaque", opaque),
            Host("api.example.com", Starlette(routes=[Route("/here", answer, name="here")])),
        ]
    )
    app.router.default = opaque
    listed = [(str(route), route.name, route.kind) for route in audit_routes(app)]
    assert listed == [
        ("GET /page", "page", "http"),
        ("/class", "Endpoint", "http"),
        ("WEBSOCKET /live", "handler", "websocket"),
        ("/static/{path:path}", "static", "mount"),
        ("/opaque/{path:path}", "", "mount"),
        ("GET /here", "here", "http"),
        ("/{path:path}", "", "fallback"),
    ]


def test_methods_are_in_the_usual_order() -> None:
    """All are listed; where GET is, HEAD is not spelled out."""
    app = bare()
    methods = ["TRACE", "OPTIONS", "DELETE", "PATCH", "PUT", "POST", "HEAD", "GET"]
    app.add_api_route("/", handler, methods=methods)
    app.add_api_route("/head", handler, methods=["HEAD"])
    every, head = audit_routes(app)
    assert every.methods == (*reversed(methods[1:]), "TRACE")
    assert str(every) == "GET POST PUT PATCH DELETE OPTIONS TRACE /"
    assert str(head) == "HEAD /head"


def test_json_says_all() -> None:
    """The keys are part of the promise."""
    app = bare()
    app.add_api_route("/{id}", handler, name="one", dependencies=[Depends(require_auth)])
    assert only(app).to_json() == {
        "methods": ("GET",),
        "path": "/{id}",
        "name": "one",
        "kind": "http",
        "verdict": "guarded",
        "guarded_by": (
            {
                "source": "guard",
                "demand": SIGNED_IN,
                "requirement": {"signed_in": True},
                "accepts_token": ("session_token",),
                "optional": False,
            },
        ),
        "limits": (),
        "defined_at": only(app).defined_at,
    }
