"""The Backend API, which servers ask: nothing of it is answered without a secret key."""

from __future__ import annotations

import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi.testing.answers import clerk_error, json_body
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.machine_tokens import described
from clerk_fastapi.testing.records import ApiKey, M2MToken, MachineToken, OAuthToken
from clerk_fastapi.testing.refresh import refresh

__all__ = ["backend_api"]

_VERIFY_M2M = "/m2m_tokens/verify"


def backend_api(instance: Instance) -> ASGIApp:
    """The routes below ``/v1``, and the same without it, as some of Clerk's SDKs ask."""

    async def jwks(request: Request) -> Response:
        return JSONResponse(instance.jwks())

    async def handshake_payload(request: Request) -> Response:
        nonce = request.query_params.get("nonce", "")
        directives = instance.nonces.take(nonce)
        if directives is None:
            raise HTTPException(404, "There is nothing to be had for this nonce, or no longer.")
        return JSONResponse({"nonce": nonce, "directives": directives})

    async def refresh_session(request: Request) -> Response:
        session = instance.sessions.get(request.path_params["session_id"])
        if session is None:
            raise HTTPException(404, "There is no such session.")
        suffixed = request.query_params.get("suffixed_cookies") == "true"
        return JSONResponse(refresh(instance, session, await json_body(request), suffixed=suffixed))

    router = Router(
        [
            Route("/jwks", jwks),
            Route("/clients/handshake_payload", handshake_payload),
            Route("/sessions/{session_id}/refresh", refresh_session, methods=["POST"]),
            _verification(instance, "/api_keys/verify", ApiKey, "secret"),
            _verification(instance, _VERIFY_M2M, M2MToken, "token"),
            _verification(
                instance, "/oauth_applications/access_tokens/verify", OAuthToken, "access_token"
            ),
        ]
    )

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(instance, Request(scope)) if scope["type"] == "http" else None
        await (refusal or router)(scope, receive, send)

    return guarded


def _verification(instance: Instance, path: str, kind: type[MachineToken], parameter: str) -> Route:
    async def verify(request: Request) -> Response:
        body = await json_body(request)
        text = body.get(parameter, body.get("secret"))  # Clerk's Python SDK calls all of them so
        if not isinstance(text, str) or not text:
            return clerk_error(400, "form_param_nil", f"Say which token: {parameter}.")
        token = instance.machine_tokens.get(text)
        if not isinstance(token, kind):
            raise HTTPException(404, "There is no such token.")
        return JSONResponse(described(token, instance.clock()))

    return Route(path, verify, methods=["POST"])


def _refusal(instance: Instance, request: Request) -> Response | None:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        return clerk_error(
            401, "authentication_invalid", "Send 'Authorization: Bearer <secret key>'."
        )
    good = [instance.secret_key]
    if request.url.path.endswith(_VERIFY_M2M):
        good.append(instance.machine_secret_key)
    if not any(secrets.compare_digest(credential.encode(), key.encode()) for key in good):
        return clerk_error(401, "clerk_key_invalid", "This is not the instance's secret key.")
    return None
