"""The same endpoint five times: open, behind an empty dependency, and behind each contender."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from clerk_backend_api.security import (
    AuthenticateRequestOptions,
    RequestState,
    authenticate_request_async,
)
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi_clerk_auth import (  # type: ignore[import-untyped]  # a peer
    ClerkConfig,
    ClerkHTTPBearer,
    HTTPAuthorizationCredentials,
)
from pydantic import BaseModel

from clerk_fastapi import Auth, Clerk, SessionClaims, require_auth
from tests.bench.material import ISSUER, ORIGIN, Instance

OPEN = "no guard"
EMPTY = "empty async dependency"
OURS = "clerk_fastapi"
OFFICIAL = "clerk-backend-api"
COMMUNITY = "fastapi-clerk-auth"


class Metadata(BaseModel):
    """Custom claims one level down."""

    role: str | None = None
    plan: Literal["free", "pro"] = "free"


class Claims(SessionClaims):
    """Custom claims as an application would declare them."""

    metadata: Metadata = Metadata()
    email: str | None = None


def our_clerk(instance: Instance, token_memory: int = 4_096) -> Clerk[Claims]:
    """Ours, with the key given as text, so that nothing is fetched."""
    return Clerk(
        publishable_key=instance.publishable_key,
        jwt_key=instance.pem,
        authorized_parties=[ORIGIN],
        claims=Claims,
        token_memory=token_memory,
    )


def official_options(instance: Instance) -> AuthenticateRequestOptions:
    """The official package's, made once, with the key given as text."""
    return AuthenticateRequestOptions(
        jwt_key=instance.pem, authorized_parties=[ORIGIN], accepts_token=["session_token"]
    )


def make_applications(instance: Instance, jwks_url: str) -> dict[str, FastAPI]:
    """One application a contender; each answers `GET /` with the user's id."""
    return {
        OPEN: _open(),
        EMPTY: _empty(),
        OURS: _ours(instance),
        OFFICIAL: _official(instance),
        COMMUNITY: _community(jwks_url),
    }


def _open() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def whoami() -> dict[str, str]:
        return {"user": f"user_{0:027d}"}

    return app


def _empty() -> FastAPI:
    app = FastAPI()

    async def user() -> str:
        return f"user_{0:027d}"

    @app.get("/")
    async def whoami(user_id: Annotated[str, Depends(user)]) -> dict[str, str]:
        return {"user": user_id}

    return app


def _ours(instance: Instance) -> FastAPI:
    app = FastAPI(lifespan=our_clerk(instance).lifespan)

    @app.get("/")
    async def whoami(auth: Annotated[Auth[Claims], Depends(require_auth)]) -> dict[str, str]:
        return {"user": auth.user_id}

    return app


def _official(instance: Instance) -> FastAPI:
    app = FastAPI()
    options = official_options(instance)

    async def signed_in(request: Request) -> RequestState:
        state = await authenticate_request_async(request, options)
        if not state.is_signed_in:
            raise HTTPException(401, state.message)
        return state

    @app.get("/")
    async def whoami(state: Annotated[RequestState, Depends(signed_in)]) -> dict[str, str]:
        payload: Mapping[str, Any] = state.payload or {}
        return {"user": payload["sub"]}

    return app


def _community(jwks_url: str) -> FastAPI:
    app = FastAPI()
    config = ClerkConfig(
        jwks_url=jwks_url, jwks_cache_keys=True, issuer=ISSUER, verify_iss=True, leeway=5.0
    )
    guard = ClerkHTTPBearer(config=config)

    @app.get("/")
    async def whoami(
        credentials: Annotated[HTTPAuthorizationCredentials, Depends(guard)],
    ) -> dict[str, str]:
        claims: Mapping[str, Any] = credentials.decoded or {}
        return {"user": claims["sub"]}

    return app
