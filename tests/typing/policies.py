"""What type checkers see of policies and of judging in handlers; read by mypy and pyright."""

from typing import Annotated, Literal, assert_type

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection

from clerk_fastapi import (
    ApiKeyAuth,
    Auth,
    Clerk,
    ClerkMiddleware,
    M2MAuth,
    MachineAuth,
    MiddlewareOptions,
    OAuthAuth,
    Permission,
    Policy,
    Reverified,
    Role,
    Scope,
    SessionClaims,
    redirect_to_sign_in,
    redirect_to_sign_up,
    require_api_key,
    require_auth,
    return_url,
)


class Claims(SessionClaims):
    """Session claims with one custom claim."""

    plan: Literal["free", "pro"] = "free"


clerk = Clerk(claims=Claims)
staff = Clerk(jwt_key="...")
items = APIRouter()
shop = Starlette()
app = FastAPI(lifespan=clerk.lifespan)

policies = [
    Policy("public", "/", "/sign-in(.*)"),
    Policy(Role("org:admin") & Reverified("strict"), "/admin(.*)", methods=("GET", "POST")),
    Policy("signed_in", tags=["account"], names={"read_account"}),
    Policy(require_api_key, routers=[items, shop, app]),
]


def plan(auth: Auth[Claims]) -> str | None:
    """What a header tells may come of custom claims."""
    return auth.claims.plan


def at_once(connection: HTTPConnection) -> MiddlewareOptions | None:
    """Options that are known."""
    return MiddlewareOptions(sign_in_url="/enter", clerk=staff)


async def later(connection: HTTPConnection) -> MiddlewareOptions | None:
    """Options that somebody is asked for."""
    return MiddlewareOptions(unauthorized_url="/no") if connection.url.path else None


app.add_middleware(
    ClerkMiddleware,
    policies=policies,
    default="signed_in",
    unauthorized_url="/unauthorized",
    identity_headers={"x-user-id": "user_id", "x-plan": plan},
    frontend_api_proxy=True,
    options=at_once,
)
app.add_middleware(ClerkMiddleware, default=Permission("org:data:read"), options=later)
Starlette(middleware=[Middleware(ClerkMiddleware, policies=tuple(policies))])


@app.get("/account")
async def account(request: Request) -> Response:
    """What judging gives keeps its type, and so do custom claims."""
    auth = await clerk.protect(request)
    assert_type(auth, Auth[Claims])
    assert_type(auth.claims.plan, Literal["free", "pro"])
    assert_type(await clerk.protect(request, Role("org:admin")), Auth[Claims])
    assert_type(
        await clerk.protect(request, accepts_token="session_token"),
        Auth[Claims],
    )
    assert_type(return_url(request), str)
    redirect_to_sign_up(request, return_back_url="/account")
    return redirect_to_sign_in(request)


@app.get("/machines")
async def machines(request: Request) -> None:
    """Where several kinds are accepted, the kind of token tells what there is."""
    auth = await clerk.protect(request, Scope("data:read"), accepts_token="any")
    assert_type(auth, Auth[Claims] | MachineAuth)
    assert_type(auth, Auth[Claims] | ApiKeyAuth | M2MAuth | OAuthAuth)


@app.get("/own")
async def own(auth: Annotated[Auth[Claims], Depends(require_auth)]) -> None:
    """Nothing comes of it but an error."""
    auth.protect(Role("org:admin") | Permission("org:data:write"))
