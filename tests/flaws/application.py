"""An application with every kind of guard, and what it answers to one request."""

from collections.abc import Mapping
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI

from clerk_fastapi import (
    Auth,
    Clerk,
    MachineAuth,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_m2m,
    require_oauth,
)
from tests.web.serving import running

__all__ = ["DOCUMENT", "ORIGIN", "application", "ask", "bearer", "code", "jar"]

ORIGIN = "https://app.example.com"
DOCUMENT = {"sec-fetch-dest": "document", "accept": "text/html"}

_SEVERAL = require(accepts_token=["session_token", "m2m_token"])
_ANY = require(accepts_token="any")


def application(clerk: Clerk[Any]) -> FastAPI:
    """Routes that say who is asking, named by what they accept."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.api_route("/session", methods=["GET", "HEAD", "POST"])
    async def session(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    @app.get("/optional")
    async def optional(auth: Annotated[Auth | None, Depends(optional_auth)]) -> str:
        return "a guest" if auth is None else auth.user_id

    @app.get("/several")
    async def several(auth: Annotated[Auth | MachineAuth, Depends(_SEVERAL)]) -> str:
        return auth.token_type

    @app.get("/any")
    async def anybody(auth: Annotated[Auth | MachineAuth, Depends(_ANY)]) -> str:
        return auth.token_type

    @app.get("/api_key")
    async def api_key(auth: Annotated[MachineAuth, Depends(require_api_key)]) -> str:
        return auth.subject

    @app.get("/m2m")
    async def m2m(auth: Annotated[MachineAuth, Depends(require_m2m)]) -> str:
        return auth.subject

    @app.get("/oauth")
    async def oauth(auth: Annotated[MachineAuth, Depends(require_oauth)]) -> str:
        return auth.subject

    return app


async def ask(
    clerk: Clerk[Any],
    path: str = "/session",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
) -> httpx.Response:
    """Start an application, send it one request as a browser would over TLS, and stop it."""
    async with running(application(clerk)) as client:
        return await client.request(method, ORIGIN + path, headers=dict(headers or {}))


def bearer(token: str) -> dict[str, str]:
    """The header of a request that speaks for itself."""
    return {"authorization": f"Bearer {token}"}


def jar(cookies: Mapping[str, str]) -> dict[str, str]:
    """The header of a browser with these cookies."""
    return {"cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def code(response: httpx.Response) -> str:
    """The code of a refusal, which sets no cookie; anything else fails the test."""
    assert response.status_code == 401, (response.status_code, response.text)
    assert "set-cookie" not in response.headers
    return str(response.json()["detail"]["code"])
