"""OpenAPI documents as a whole: whenever and by whomever they are made, and for every part."""

import copy
import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from openapi_spec_validator import validate

from clerk_fastapi import (
    Auth,
    Clerk,
    Reverified,
    document,
    require,
    require_auth,
    require_permission,
    require_role,
)
from tests.web.conftest import Headers
from tests.web.serving import running

BOTH_SCHEMES = [{"ClerkBearer": []}, {"ClerkCookie": []}]
REFUSAL = {"$ref": "#/components/schemas/ClerkRefusal"}
REVERIFICATION = {"$ref": "#/components/schemas/ClerkReverification"}


def documented(app: FastAPI) -> dict[str, Any]:
    """The application's document, which is valid and speaks of no internals."""
    document(app)
    schema = app.openapi()
    validate(schema)
    assert "ClerkGuard" not in json.dumps(schema)
    return schema


def operation(app: FastAPI, path: str = "/", method: str = "get") -> dict[str, Any]:
    """What the document says of one route."""
    found: dict[str, Any] = documented(app)["paths"][path][method]
    return found


def refusal_schema(operation: dict[str, Any], status: str) -> object:
    """The schema of the body with which a route refuses."""
    return operation["responses"][status]["content"]["application/json"]["schema"]


@pytest.fixture
def app() -> FastAPI:
    """An application without routes, and without a Clerk: a document needs none."""
    return FastAPI(title="Test", version="1")


def test_mounted_application_has_a_document_of_its_own(app: FastAPI) -> None:
    """``document`` reaches it through the one it is mounted in."""
    sub = FastAPI(title="Sub", version="1")

    @sub.get("/", dependencies=[Depends(require_auth)])
    async def root() -> str:
        return "in"

    app.mount("/sub", sub)
    assert documented(app)["paths"] == {}
    schema = sub.openapi()
    validate(schema)
    assert schema["paths"]["/"]["get"]["security"] == BOTH_SCHEMES


def test_documenting_again_changes_nothing(app: FastAPI) -> None:
    """Start-up may come after an export, and a second start-up after a first."""

    @app.get("/", dependencies=[Depends(require_role("org:admin"))])
    async def root() -> str:
        """Come in."""
        return "in"

    once = copy.deepcopy(documented(app))
    for _ in range(2_000):  # no deeper, either
        document(app)
    assert documented(app) == once


def test_document_that_was_asked_for_before_is_completed_after(app: FastAPI) -> None:
    """FastAPI keeps the first one it made; before, it is valid at least."""

    @app.get("/", dependencies=[Depends(require_role("org:admin"))])
    async def root() -> str:
        return "in"

    before = copy.deepcopy(app.openapi())
    validate(before)
    assert before["paths"]["/"]["get"]["security"]
    assert operation(app)["security"] == BOTH_SCHEMES


def test_document_of_ones_own_making_is_completed(app: FastAPI) -> None:
    """As FastAPI's documentation shows how to extend it."""

    @app.get("/", dependencies=[Depends(require_role("org:admin"))])
    async def root() -> str:
        return "in"

    def own() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = get_openapi(title="Own", version="2", routes=app.routes)
            app.openapi_schema["info"]["x-logo"] = "logo"
        return app.openapi_schema

    app.openapi = own  # type: ignore[method-assign]  # as FastAPI says
    schema = documented(app)
    assert schema["info"] == {"title": "Own", "version": "2", "x-logo": "logo"}
    assert schema["paths"]["/"]["get"]["x-clerk-requirement"] == {"role": "org:admin"}


def test_route_added_later_is_documented_too(app: FastAPI) -> None:
    """A document that is made anew is completed anew."""
    document(app)

    @app.get("/", dependencies=[Depends(require_auth)])
    async def root() -> str:
        return "in"

    app.openapi_schema = None
    assert operation(app)["security"] == BOTH_SCHEMES


def test_webhooks_are_documented_like_routes(app: FastAPI) -> None:
    """FastAPI lists them in a section of their own."""

    @app.webhooks.post("hook", dependencies=[Depends(require_auth)])
    async def hook() -> None:
        """Never called."""

    assert documented(app)["webhooks"]["hook"]["post"]["security"] == BOTH_SCHEMES


def test_callbacks_name_no_scheme_that_is_not_there(app: FastAPI) -> None:
    """A router of guarded routes may serve as description of callbacks as well."""
    callbacks = APIRouter(dependencies=[Depends(require_auth)])

    @callbacks.post("{$callback_url}")
    async def called_back() -> None:
        """Never called."""

    @app.get("/", dependencies=[Depends(require_auth)], callbacks=callbacks.routes)
    async def root() -> str:
        return "in"

    documented(app)


def test_document_knows_the_bodies_that_are_sent(app: FastAPI) -> None:
    """The schemas of the refusals name what the refusals hold."""

    @app.get("/", dependencies=[Depends(require(Reverified("strict")))])
    async def root() -> str:
        return "in"

    schemas = documented(app)["components"]["schemas"]
    detail = schemas["ClerkRefusal"]["properties"]["detail"]
    assert set(detail["required"]) == {"code", "message"}
    assert "missing" in detail["properties"]
    error = schemas["ClerkReverification"]["properties"]["clerk_error"]
    assert set(error["required"]) == {"type", "reason", "metadata"}


@pytest.mark.anyio
async def test_running_application_serves_the_completed_document(
    clerk: Clerk, ada: Headers
) -> None:
    """``clerk.lifespan`` alone completes it, for the mounted application as well."""
    app, sub = FastAPI(lifespan=clerk.lifespan), FastAPI()
    for each in (app, sub):

        @each.get("/me")
        async def me(auth: Annotated[Auth, Depends(require_permission("org:data:read"))]) -> str:
            return auth.user_id

    app.mount("/sub", sub)
    for _ in range(2):
        async with running(app) as client:
            for path in ("/openapi.json", "/sub/openapi.json"):
                schema = (await client.get(path)).json()
                validate(schema)
                assert schema["paths"]["/me"]["get"]["security"] == BOTH_SCHEMES
                assert "ClerkGuard" not in json.dumps(schema)
            assert (await client.get("/docs")).status_code == 200
            assert (await client.get("/me", headers=ada)).status_code == 200
