"""What type checkers see of states and of machines' tokens; read by mypy and pyright, never run."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, assert_type

from fastapi import Depends, FastAPI, Request

from clerk_fastapi import (
    ApiKeyAuth,
    Auth,
    Clerk,
    Guard,
    Handshake,
    M2MAuth,
    MachineAuth,
    OAuthAuth,
    OrganizationSync,
    Scope,
    SessionClaims,
    SignedIn,
    SignedOut,
    State,
    TokenError,
    TokenType,
    require,
    require_api_key,
    require_m2m,
    require_oauth,
    require_scope,
)


class Claims(SessionClaims):
    """Session claims with one custom claim."""

    plan: Literal["free", "pro"] = "free"


clerk = Clerk(
    claims=Claims,
    trusted_proxies=["10.0.0.0/8"],
    organization_sync=OrganizationSync(["/orgs/:slug"], ["/me"]),
)
app = FastAPI(lifespan=clerk.lifespan)

assert_type(require(accepts_token=("session_token", "api_key")), Guard)
assert_type(require(Scope("data:read"), accepts_token="any"), Guard)
assert_type(require_scope("data:read"), Guard)


async def by_class(request: Request) -> str | None:
    """States are told apart by their classes; custom claims keep their types."""
    state = await clerk.authenticate(request)
    assert_type(state, State[Auth[Claims]])
    assert_type(state.cookies, tuple[str, ...])
    assert_type(state.location, str | None)
    if isinstance(state, SignedIn):
        assert_type(state.auth.claims.plan, Literal["free", "pro"])
        assert_type(state.reason, None)
        return state.auth.user_id
    assert_type(state, SignedOut | Handshake)
    assert_type(state.error, TokenError)
    assert_type(state.reason, str)
    if isinstance(state, Handshake):
        assert_type(state.location, str)
    return None


async def by_status(request: Request) -> None:
    """Or by their status."""
    state = await clerk.authenticate(request, accepts_token="session_token")
    if state.status == "signed-in":
        assert_type(state.auth, Auth[Claims])
    elif state.status == "handshake":
        assert_type(state, Handshake)
    else:
        assert_type(state, SignedOut)
        assert_type(state.token_type, TokenType | None)


async def by_kind(request: Request) -> None:
    """Where several kinds are accepted, the kind of token tells what there is."""
    state = await clerk.authenticate(request, accepts_token="any")
    if isinstance(state, SignedIn):
        assert_type(state.auth, Auth[Claims] | ApiKeyAuth | M2MAuth | OAuthAuth)
        auth = state.auth
        if auth.token_type == "session_token":
            assert_type(auth, Auth[Claims])
        elif auth.token_type == "api_key":
            assert_type(auth, ApiKeyAuth)
            assert_type(auth.user_id, str | None)
        elif auth.token_type == "m2m_token":
            assert_type(auth, M2MAuth)
            assert_type(auth.machine_id, str)
        else:
            assert_type(auth, OAuthAuth)
            assert_type(auth.client_id, str | None)
    listed = await clerk.authenticate(request, accepts_token=["session_token", "m2m_token"])
    assert_type(listed, State[Auth[Claims] | MachineAuth])


@app.get("/either")
async def either(
    auth: Annotated[
        Auth[Claims] | ApiKeyAuth, Depends(require(accepts_token=("session_token", "api_key")))
    ],
) -> None:
    """A route says which it takes."""
    assert_type(auth.has(permission="org:data:read"), bool)
    assert_type(await auth.get_token(), str)
    if isinstance(auth, ApiKeyAuth):
        assert_type(auth.scopes, tuple[str, ...])
        assert_type(auth.claims, dict[str, Any] | None)
        assert_type(auth.org_id, str | None)
    else:
        assert_type(auth.claims.plan, Literal["free", "pro"])


@app.get("/machines")
async def machines(
    key: Annotated[ApiKeyAuth, Depends(require_api_key)],
    machine: Annotated[M2MAuth, Depends(require_m2m)],
    client: Annotated[OAuthAuth, Depends(require_oauth)],
) -> Mapping[str, str]:
    """Each has its own."""
    assert_type(key.token_type, Literal["api_key"])
    assert_type(machine.token_type, Literal["m2m_token"])
    assert_type(client.token_type, Literal["oauth_token"])
    assert_type(client.user_id, str)
    assert_type(client.audience, tuple[str, ...])
    return {"machine": machine.machine_id}
