"""What type checkers see in the public API; read by mypy and pyright, never run."""

from typing import Annotated, Literal, assert_type

from fastapi import Depends, FastAPI, Security, WebSocket
from pydantic import BaseModel

from clerk_fastapi import (
    Auth,
    Clerk,
    Permission,
    Reverified,
    SessionClaims,
    optional_auth,
    require,
    require_auth,
    require_permission,
)


class Metadata(BaseModel):
    """Public metadata, as this application's session tokens carry it."""

    role: str | None = None
    plan: Literal["free", "pro"] = "free"


class Claims(SessionClaims):
    """Session claims with what "Customize session token" adds."""

    metadata: Metadata = Metadata()
    email: str | None = None


clerk = Clerk(claims=Claims)
assert_type(clerk, Clerk[Claims])
assert_type(Clerk(), Clerk[SessionClaims])
app = FastAPI(lifespan=clerk.lifespan)


@app.get("/me")
async def me(auth: Annotated[Auth[Claims], Depends(require_auth)]) -> None:
    """Custom claims keep their types, at any depth."""
    assert_type(auth.claims, Claims)
    assert_type(auth.claims.metadata.plan, Literal["free", "pro"])
    assert_type(auth.claims.email, str | None)
    assert_type(auth.user_id, str)
    assert_type(auth.session_id, str)
    assert_type(auth.org_id, str | None)
    assert_type(auth.has(permission="org:data:read"), bool)


@app.get("/greeting")
async def greeting(auth: Annotated[Auth[Claims] | None, Depends(optional_auth)]) -> None:
    """Whoever may be signed out has to be asked about it."""
    if auth is not None:
        assert_type(auth.claims.metadata.role, str | None)


@app.get("/data")
async def data(auth: Annotated[Auth, Depends(require_permission("org:data:read"))]) -> None:
    """Without custom claims there is nothing to declare."""
    assert_type(auth.claims, SessionClaims)


@app.get("/scoped")
async def scoped(auth: Annotated[Auth, Security(require_auth, scopes=["org:data:read"])]) -> None:
    """Scopes of FastAPI's own make."""
    assert_type(auth.user_id, str)


@app.delete(
    "/data/{id}",
    dependencies=[Depends(require(Permission("org:data:delete") & Reverified("strict")))],
)
async def delete(id: str) -> None:
    """Requirements are joined with & and |."""


@app.websocket("/live")
async def live(ws: WebSocket, auth: Annotated[Auth[Claims], Depends(require_auth)]) -> None:
    """The same guard on a WebSocket."""
    assert_type(auth.claims.metadata.plan, Literal["free", "pro"])
