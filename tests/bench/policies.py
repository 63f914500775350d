"""The same endpoint among forty routes: with a guard alone, and with policies for all of them."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI

from clerk_fastapi import (
    Auth,
    ClerkMiddleware,
    Feature,
    Organization,
    Permission,
    Plan,
    Policy,
    Reverified,
    Role,
    require_api_key,
    require_auth,
    require_m2m,
)
from tests.bench.applications import Claims, our_clerk
from tests.bench.material import Instance

PATH = "/data/whoami"
AMONG_OTHERS = "empty async dependency, forty routes"
MIDDLEWARE = "clerk_fastapi, middleware and guard"
POLICIES = "clerk_fastapi, policy and guard"
IDENTITY = "clerk_fastapi, policy, guard and identity headers"

_PAGES = ("/", "/pricing", "/about", "/sign-in", "/sign-in/{rest:path}", "/sign-up", "/terms")
_READ_AND_WRITTEN = ("/data", "/items", "/orders", "/invoices", "/admin/users", "/admin/teams")
_OTHERS = ("/account", "/account/security", "/billing", "/reports", "/reports/{report}")
_MACHINES = ("/export/orders", "/export/items", "/export/data", "/internal/jobs", "/internal/mail")


def make_larger_applications(instance: Instance) -> dict[str, FastAPI]:
    """One application a contender; each answers `GET` at `PATH` with the user's id."""
    return {
        AMONG_OTHERS: _empty(),
        MIDDLEWARE: _guarded(instance, has_policies=False),
        POLICIES: _guarded(instance),
        IDENTITY: _guarded(instance, {"x-user-id": "user_id", "x-org-id": "org_id"}),
    }


def _empty() -> FastAPI:
    app = FastAPI()

    async def user() -> str:
        return f"user_{0:027d}"

    _add_others(app)

    @app.get(PATH)
    async def whoami(user_id: Annotated[str, Depends(user)]) -> dict[str, str]:
        return {"user": user_id}

    return app


def _guarded(
    instance: Instance,
    identity_headers: Mapping[str, str] | None = None,
    *,
    has_policies: bool = True,
) -> FastAPI:
    app = FastAPI(lifespan=our_clerk(instance).lifespan)
    export = _add_others(app)

    @app.get(PATH)
    async def whoami(auth: Annotated[Auth[Claims], Depends(require_auth)]) -> dict[str, str]:
        return {"user": auth.user_id}

    if not has_policies:
        app.add_middleware(ClerkMiddleware)
        return app
    app.add_middleware(
        ClerkMiddleware,
        policies=[
            Policy("public", *_PAGES),
            Policy("public", "/docs(.*)", "/redoc", "/openapi.json"),
            Policy(Role("org:admin") & Reverified("strict"), "/admin(.*)", methods=["DELETE"]),
            Policy(Role("org:admin"), "/admin(.*)"),
            Policy(Permission("org:data:read"), "/data(.*)", methods=["GET"]),
            Policy(Permission("org:data:write"), "/data(.*)"),
            Policy(Organization(), "/orders(.*)", "/invoices(.*)"),
            Policy(Feature("data") & Plan("pro"), tags=["reports"]),
            Policy(require_api_key, routers=[export]),
            Policy(require_m2m, "/internal(.*)"),
        ],
        default="signed_in",
        identity_headers=identity_headers,
    )
    return app


def _add_others(app: FastAPI) -> APIRouter:
    """Add what an application has besides, so that the endpoint is found last of forty routes."""

    async def nothing() -> None:
        """Never called."""

    for path in _PAGES:
        app.get(path)(nothing)
    for path in _READ_AND_WRITTEN:
        app.get(path)(nothing)
        app.post(path)(nothing)
        app.delete(f"{path}/{{number:int}}")(nothing)
    for path in _OTHERS:
        app.get(path, tags=["reports"] if path.startswith("/reports") else None)(nothing)
    export = APIRouter()
    for path in _MACHINES:
        (export if path.startswith("/export") else app).get(path)(nothing)
    app.include_router(export)
    return export
