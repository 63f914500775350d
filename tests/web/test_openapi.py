"""Guards in the OpenAPI document: on guarded routes only, in words and for programs."""

import copy
import json
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyHeader, OAuth2PasswordBearer
from openapi_spec_validator import validate

from clerk_fastapi import (
    Auth,
    CurrentAuth,
    Fresh,
    Permission,
    Plan,
    Reverified,
    Role,
    document,
    optional_auth,
    require,
    require_auth,
    require_feature,
    require_permission,
    require_role,
)

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


def test_guarded_route_has_both_schemes_and_its_refusals(app: FastAPI) -> None:
    """Bearer token or cookie; 401 with its challenge, 503 with its delay, and no 403."""

    @app.get("/")
    async def root(auth: CurrentAuth) -> str:
        """Say who is there."""
        return auth.user_id

    schemes = documented(app)["components"]["securitySchemes"]
    assert {name: (each["type"], each.get("in")) for name, each in schemes.items()} == {
        "ClerkBearer": ("http", None),
        "ClerkCookie": ("apiKey", "cookie"),
    }
    root_ = operation(app)
    assert root_["security"] == BOTH_SCHEMES
    assert root_["description"] == "Say who is there.\n\n**Requires** a signed-in user."
    assert root_["x-clerk-requirement"] == {"signed_in": True}
    assert root_["responses"].keys() == {"200", "401", "503"}
    assert root_["responses"]["401"]["headers"].keys() == {"WWW-Authenticate"}
    assert root_["responses"]["503"]["headers"].keys() == {"Retry-After"}
    assert refusal_schema(root_, "401") == refusal_schema(root_, "503") == REFUSAL


def test_unguarded_route_is_left_alone(app: FastAPI) -> None:
    """Beside a guarded one."""

    @app.get("/", dependencies=[Depends(require_auth)])
    async def root() -> str:
        return "guarded"

    @app.get("/open")
    async def open_to_all() -> str:
        return "open"

    before = get_openapi(title="Test", version="1", routes=app.routes)["paths"]["/open"]
    assert documented(app)["paths"]["/open"] == before
    assert before["get"]["responses"].keys() == {"200"}


def test_application_without_guards_is_untouched(app: FastAPI) -> None:
    """Not a word of Clerk appears in its document."""

    @app.get("/")
    async def root(key: Annotated[str, Depends(APIKeyHeader(name="X-Key"))]) -> str:
        return key

    before = copy.deepcopy(app.openapi())
    assert documented(app) == before
    assert "lerk" not in json.dumps(before)


@pytest.mark.parametrize(
    ("guard", "requirement", "words"),
    [
        (
            require_permission("data:read"),
            {"permission": "org:data:read"},
            "permission org:data:read",
        ),
        (require_role("org:admin"), {"role": "org:admin"}, "role org:admin"),
        (require_feature("export"), {"feature": "export"}, "feature export"),
        (
            require(Role("org:admin") & Plan("pro")),
            {"all_of": [{"role": "org:admin"}, {"plan": "pro"}]},
            "role org:admin and plan pro",
        ),
        (
            require((Role("org:admin") | Plan("pro")) & Permission("org:a:b")),
            {
                "all_of": [
                    {"any_of": [{"role": "org:admin"}, {"plan": "pro"}]},
                    {"permission": "org:a:b"},
                ]
            },
            "(role org:admin or plan pro) and permission org:a:b",
        ),
    ],
    ids=["permission", "role", "feature", "and", "or"],
)
def test_requirement_is_said_in_words_and_for_programs(
    app: FastAPI, guard: Any, requirement: object, words: str
) -> None:
    """And brings a 403, since something beyond signing in is demanded."""

    @app.get("/", dependencies=[Depends(guard)])
    async def root() -> str:
        return "in"

    root_ = operation(app)
    assert root_["x-clerk-requirement"] == requirement
    assert root_["description"] == f"**Requires** {words}."
    assert root_["responses"].keys() == {"200", "401", "403", "503"}
    assert refusal_schema(root_, "403") == REFUSAL


def test_missing_reverification_is_documented_with_the_body_it_has(app: FastAPI) -> None:
    """Such a route refuses in two ways."""

    @app.get("/", dependencies=[Depends(require(Role("org:admin") & Reverified("strict")))])
    async def root() -> str:
        return "in"

    assert refusal_schema(operation(app), "403") == {"oneOf": [REFUSAL, REVERIFICATION]}


def test_permission_that_is_only_called_reverification_has_one_refusal(app: FastAPI) -> None:
    """A name is not a demand."""

    @app.get("/", dependencies=[Depends(require_permission("org:reverification:read"))])
    async def root() -> str:
        return "in"

    assert refusal_schema(operation(app), "403") == REFUSAL


def test_fresh_session_alone_brings_no_403(app: FastAPI) -> None:
    """The document lists the answers that come."""

    @app.get("/", dependencies=[Depends(require(Fresh(60)))])
    async def root() -> str:
        return "in"

    root_ = operation(app)
    assert root_["x-clerk-requirement"] == {"max_age": 60}
    assert root_["responses"].keys() == {"200", "401", "503"}


def test_several_guards_of_a_route_are_demanded_together(app: FastAPI) -> None:
    """Each once, and being signed in goes without saying."""
    router = APIRouter(dependencies=[Depends(require_role("org:admin"))])

    @router.get("/", dependencies=[Depends(require_permission("org:a:b"))])
    async def root(
        auth: CurrentAuth, again: Annotated[Auth, Depends(require_role("org:admin"))]
    ) -> str:
        return auth.user_id

    app.include_router(router)
    root_ = operation(app)
    assert root_["security"] == BOTH_SCHEMES
    assert root_["x-clerk-requirement"] == {
        "all_of": [{"role": "org:admin"}, {"permission": "org:a:b"}]
    }
    assert root_["description"] == "**Requires** role org:admin and permission org:a:b."


def test_scopes_are_documented_as_permissions(app: FastAPI) -> None:
    """Also those that reach a guard from a dependency above it."""

    def reader(auth: Annotated[Auth, Security(require_auth, scopes=["org:data:read"])]) -> str:
        return auth.user_id

    @app.get("/read")
    async def read(user: Annotated[str, Depends(reader)]) -> str:
        return user

    @app.get("/write")
    async def write(user: Annotated[str, Security(reader, scopes=["org:data:write"])]) -> str:
        return user

    assert operation(app, "/read")["x-clerk-requirement"] == {"permission": "org:data:read"}
    write_ = operation(app, "/write")
    permissions = [{"permission": "org:data:read"}, {"permission": "org:data:write"}]
    assert sorted(write_["x-clerk-requirement"]["all_of"], key=str) == permissions
    assert write_["security"] == BOTH_SCHEMES
    assert "403" in write_["responses"]


def test_optional_sign_in_may_be_left_out(app: FastAPI) -> None:
    """No 401 comes from such a route, and "no credentials" is one of its alternatives."""

    @app.get("/")
    async def root(auth: Annotated[Auth | None, Depends(optional_auth)]) -> bool:
        return auth is None

    root_ = operation(app)
    assert root_["security"] == [*BOTH_SCHEMES, {}]
    assert root_["description"] == "Signing in is optional."
    assert root_["responses"].keys() == {"200", "503"}


def test_optional_sign_in_is_no_requirement_for_programs(app: FastAPI) -> None:
    """Whoever audits the document must not take such a route for a guarded one."""

    @app.get("/")
    async def root(auth: Annotated[Auth | None, Depends(optional_auth)]) -> bool:
        return auth is None

    assert operation(app).get("x-clerk-requirement") != {"signed_in": True}


def test_optional_beside_a_strict_guard_is_strict(app: FastAPI) -> None:
    """The stricter one decides, as it does on a request."""

    @app.get("/", dependencies=[Depends(require_auth)])
    async def root(auth: Annotated[Auth | None, Depends(optional_auth)]) -> bool:
        return auth is None

    root_ = operation(app)
    assert root_["security"] == BOTH_SCHEMES
    assert "401" in root_["responses"]


def test_other_security_schemes_stay_beside_ours(app: FastAPI) -> None:
    """All of a route's dependencies must be met, so each alternative of ours holds theirs."""
    oauth = OAuth2PasswordBearer("token", scopes={"read": "Read."})
    key = APIKeyHeader(name="X-Key")

    @app.get("/", dependencies=[Security(oauth, scopes=["read"]), Depends(key)])
    async def root(auth: CurrentAuth) -> str:
        return auth.user_id

    @app.get("/key", dependencies=[Depends(key)])
    async def key_only() -> str:
        return "key"

    others = {"OAuth2PasswordBearer": ["read"], "APIKeyHeader": []}
    assert operation(app)["security"] == [
        {"ClerkBearer": [], **others},
        {"ClerkCookie": [], **others},
    ]
    assert operation(app, "/key")["security"] == [{"APIKeyHeader": []}]
    assert documented(app)["components"]["securitySchemes"].keys() == {
        "ClerkBearer",
        "ClerkCookie",
        *others,
    }


def test_answers_that_the_user_declared_are_kept(app: FastAPI) -> None:
    """Ours only fill the gaps."""
    own: dict[int | str, dict[str, Any]] = {
        401: {"description": "Who are you?"},
        403: {"description": "No.", "content": {"text/plain": {}}},
    }

    @app.get("/", dependencies=[Depends(require_role("org:admin"))], responses=own)
    async def root() -> str:
        return "in"

    responses = operation(app)["responses"]
    assert responses["401"] == own[401]
    assert responses["403"] == own[403]
    assert "503" in responses


def test_guards_of_routers_and_of_the_application_are_documented(app: FastAPI) -> None:
    """At any depth of inclusion, under the prefix of each."""
    outer = APIRouter(dependencies=[Depends(require_role("org:admin"))])
    inner = APIRouter()

    @inner.get("/here")
    async def here() -> str:
        return "here"

    @inner.post("/here", dependencies=[Depends(require_permission("org:a:b"))])
    async def post_here() -> str:
        return "here"

    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix="/outer")
    app.include_router(inner, prefix="/open")
    assert operation(app, "/outer/inner/here")["x-clerk-requirement"] == {"role": "org:admin"}
    assert operation(app, "/outer/inner/here", "post")["x-clerk-requirement"] == {
        "all_of": [{"role": "org:admin"}, {"permission": "org:a:b"}]
    }
    assert "security" not in operation(app, "/open/here")
    whole = FastAPI(title="Test", version="1", dependencies=[Depends(require_auth)])
    whole.include_router(inner)
    assert operation(whole, "/here")["x-clerk-requirement"] == {"signed_in": True}
