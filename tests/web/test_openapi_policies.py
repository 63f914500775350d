"""Policies in the OpenAPI document: a route says what is demanded of it, wherever that stands."""

import copy
import json
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from openapi_spec_validator import validate
from starlette.applications import Starlette
from starlette.routing import Mount

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    Permission,
    Policy,
    Reverified,
    Role,
    document,
    optional_auth,
    require_api_key,
    require_auth,
    require_role,
)
from tests.web.serving import running

ADMIN = Role("org:admin")
BOTH_SCHEMES = [{"ClerkBearer": []}, {"ClerkCookie": []}]


def handler() -> None:
    """A handler that wants nothing."""


def item(id: int) -> None:
    """A handler that wants a parameter."""


def governed(*policies: Policy, default: Any = "public", **options: Any) -> FastAPI:
    """An application with policies and a few routes."""
    app = FastAPI(title="Test", version="1", **options)
    app.add_middleware(ClerkMiddleware, policies=policies, default=default)
    for method in ("GET", "DELETE"):
        app.add_api_route("/items/{id:int}", item, methods=[method], tags=["items"])
    return app


def operations(app: FastAPI, around: Starlette | None = None) -> dict[str, Any]:
    """What a valid document says of each route, by method and path."""
    document(around or app)
    schema = app.openapi()
    validate(schema)
    assert "ClerkGuard" not in json.dumps(schema)
    assert app.openapi() == schema
    return {
        f"{method.upper()} {path}": operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }


def requirements(app: FastAPI, around: Starlette | None = None) -> dict[str, Any]:
    """What programs are told of each route."""
    found = operations(app, around)
    return {name: each.get("x-clerk-requirement") for name, each in found.items()}


def test_policy_is_documented_like_a_guard() -> None:
    """The same words, schemes and answers, as if the guard stood at the route."""
    by_policy = governed(Policy(ADMIN & Reverified("strict"), "/items/{id}"))
    by_guard = FastAPI(title="Test", version="1")
    guard = Depends(Policy(ADMIN & Reverified("strict"), "/").guard)
    router = APIRouter(tags=["items"], dependencies=[guard])
    for method in ("GET", "DELETE"):
        router.add_api_route("/items/{id:int}", item, methods=[method])
    by_guard.include_router(router)
    assert operations(by_policy) == operations(by_guard)
    assert by_policy.openapi()["components"] == by_guard.openapi()["components"]
    operation = operations(by_policy)["GET /items/{id}"]
    assert operation["security"] == BOTH_SCHEMES
    assert operation["description"].endswith(
        "**Requires** role org:admin and a recent verification of the user's identity."
    )
    assert {"401", "403", "503"} <= operation["responses"].keys()


def test_default_is_documented() -> None:
    """Where no policy decides; what is public is left as it was."""
    app = governed(Policy("public", "/open"), Policy(optional_auth, "/guests"), default="signed_in")
    for path in ("/open", "/guests", "/left"):
        app.add_api_route(path, handler)
    assert requirements(app) == {
        "GET /items/{id}": {"signed_in": True},
        "DELETE /items/{id}": {"signed_in": True},
        "GET /open": None,
        "GET /guests": None,
        "GET /left": {"signed_in": True},
    }
    for name in ("GET /open", "GET /guests"):
        operation = operations(app)[name]
        assert "security" not in operation
        assert operation["description"] == handler.__doc__
        assert operation["responses"].keys() == {"200"}


def test_methods_are_told_apart() -> None:
    """A policy for one of them says nothing of others."""
    app = governed(Policy(ADMIN, methods=["DELETE"]))
    assert requirements(app) == {
        "GET /items/{id}": None,
        "DELETE /items/{id}": {"role": "org:admin"},
    }


def test_guards_and_policies_are_merged() -> None:
    """Both have to be passed; the same demand is told once."""
    app = governed(Policy(ADMIN, "/orders", "/same"), Policy(ADMIN, "/guests"))
    reading = Permission("org:orders:read")
    guard = Depends(Policy(reading, "/").guard)
    app.add_api_route("/orders", handler, dependencies=[guard])
    app.add_api_route("/same", handler, dependencies=[Depends(require_role("org:admin"))])
    app.add_api_route("/guests", handler, dependencies=[Depends(optional_auth)])
    found = requirements(app)
    assert found["GET /orders"] == {
        "all_of": [{"permission": "org:orders:read"}, {"role": "org:admin"}]
    }
    assert found["GET /same"] == found["GET /guests"] == {"role": "org:admin"}
    assert operations(app)["GET /guests"]["security"] == BOTH_SCHEMES


def test_policy_for_machines_is_documented() -> None:
    """With the scheme of their tokens."""
    app = governed(Policy(require_api_key, tags=["items"]))
    operation = operations(app)["GET /items/{id}"]
    assert operation["security"] == [{"ClerkApiKey": []}]
    assert operation["x-clerk-accepts-token"] == ["api_key"]


def test_application_without_demands_is_untouched() -> None:
    """Not a word of Clerk appears in its document."""
    app = governed(Policy("public", "/items(.*)"))
    before = copy.deepcopy(app.openapi())
    operations(app)
    assert app.openapi() == before
    assert "lerk" not in json.dumps(before)


def test_included_routers_are_documented() -> None:
    """By the paths they have in this application."""
    router = APIRouter(prefix="/b")
    router.add_api_route("/c", handler)
    app = governed(Policy(ADMIN, "/a/b/c"))
    for prefix in ("/a", "/z"):
        app.include_router(router, prefix=prefix)
    found = requirements(app)
    assert (found["GET /a/b/c"], found["GET /z/b/c"]) == ({"role": "org:admin"}, None)


def test_routes_that_are_not_in_the_document_do_not_count() -> None:
    """They may have the paths of others, and their demands are not those of others."""
    app = governed(Policy(ADMIN, names=["hidden"]), Policy(ADMIN, methods=["HEAD"]))
    app.add_api_route("/both", handler)
    app.add_api_route("/both", handler, name="hidden", include_in_schema=False)
    app.add_api_route("/both", handler, methods=["HEAD"])
    found = requirements(app)
    assert found["GET /both"] is None
    assert found["HEAD /both"] == {"role": "org:admin"}


def test_mounted_application_tells_what_is_demanded_on_the_way() -> None:
    """Its own policies, and those of the application around it."""
    inner = governed(Policy(ADMIN, "/items/{id}"))
    inner.add_api_route("/left", handler)
    app = governed(default="signed_in")
    app.mount("/inner", inner)
    assert requirements(inner, app) == {
        "GET /items/{id}": {"role": "org:admin"},
        "DELETE /items/{id}": {"role": "org:admin"},
        "GET /left": {"signed_in": True},
    }
    assert not any(path.startswith("/inner") for path in app.openapi()["paths"])


def test_application_in_two_places_tells_what_is_demanded_in_both() -> None:
    """It has one document for both."""
    inner = FastAPI(title="Test", version="1")
    inner.add_api_route("/", handler)
    inner.add_api_route("/more", handler)
    app = governed(Policy(ADMIN, "/one/", "/two/", "/one/more"))
    app.mount("/one", inner)
    app.mount("/two", inner)
    assert requirements(inner, app) == {"GET /": {"role": "org:admin"}, "GET /more": None}


def test_mounted_router_is_no_part_of_the_document() -> None:
    """Whatever is demanded there."""
    router = APIRouter()
    router.add_api_route("/items/{id:int}", item)
    app = governed(Policy(ADMIN, "/m/items/{id}"))
    app.router.routes.append(Mount("/m", router))
    assert requirements(app) == {"GET /items/{id}": None, "DELETE /items/{id}": None}


def test_document_that_is_built_anew_each_time_is_completed_once() -> None:
    """Copies share what they were made of."""
    app = governed(Policy(ADMIN, "/items/{id}"))
    build = app.openapi
    app.openapi = lambda: {**build()}  # type: ignore[method-assign]  # as FastAPI's guide does
    first = copy.deepcopy(operations(app))
    assert operations(app) == first
    assert first["GET /items/{id}"]["description"].count("Requires") == 1


@pytest.mark.anyio
async def test_document_follows_new_routes(clerk: Clerk) -> None:
    """Also where a policy fits one in part only, which would have stopped the start-up."""
    app = governed(Policy(ADMIN, "/items(.*)", "/x(.*)"), lifespan=clerk.lifespan)
    app.add_api_route("/x", handler, dependencies=[Depends(require_auth)])
    async with running(app) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        assert paths["/x"]["get"]["x-clerk-requirement"] == {"role": "org:admin"}
        app.add_api_route("/items/new", handler)
        app.add_api_route("/{anything}", handler)
        app.openapi_schema = None
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert paths["/items/new"]["get"]["x-clerk-requirement"] == {"role": "org:admin"}
    assert paths["/x"]["get"]["description"].count("Requires") == 1
