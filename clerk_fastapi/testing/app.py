"""The instance's faces as one ASGI application: Frontend API, Backend API, and ``/local``."""

from __future__ import annotations

import secrets
from typing import TypeGuard, get_args
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.directory import SessionStatus
from clerk_fastapi.testing.instance import Instance

__all__ = ["JWKS_PATHS", "TOKENS_PATH", "build_app", "clerk_error"]

JWKS_PATHS = ("/.well-known/jwks.json", "/v1/jwks", "/jwks")
TOKENS_PATH = "/local/tokens"

_LOOPBACK_ORIGIN = r"https?://(localhost|[a-z0-9-]+\.localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"


def build_app(instance: Instance) -> Starlette:
    """Give the instance its faces. What is nobody else's path belongs to the Backend API."""
    backend = _backend_api(instance)
    return Starlette(
        routes=[
            *_frontend_api(instance),
            Mount("/local", _workbench(instance)),
            Mount("/v1", backend),
            Mount("", backend),
        ],
        exception_handlers={HTTPException: _as_clerk_says_it},
    )


def clerk_error(status: int, code: str, message: str) -> JSONResponse:
    """An error in the shape that all of Clerk's APIs use."""
    error = {"code": code, "message": message, "long_message": message}
    trace_id = secrets.token_hex(16)
    return JSONResponse({"errors": [error], "clerk_trace_id": trace_id}, status_code=status)


def _as_clerk_says_it(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = "resource_not_found" if error.status_code == 404 else "request_invalid"
    return clerk_error(error.status_code, code, error.detail)


def _frontend_api(instance: Instance) -> list[Route]:
    """What browsers ask, on the host that the publishable key names."""

    async def jwks(request: Request) -> Response:
        return JSONResponse(instance.jwks())

    return [Route("/.well-known/jwks.json", jwks)]


def _backend_api(instance: Instance) -> ASGIApp:
    """What servers ask: nothing of it is answered without the secret key."""

    async def jwks(request: Request) -> Response:
        return JSONResponse(instance.jwks())

    router = Router([Route("/jwks", jwks)])

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(Request(scope), instance.secret_key) if scope["type"] == "http" else None
        await (refusal or router)(scope, receive, send)

    return guarded


def _refusal(request: Request, secret_key: str) -> Response | None:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credential:
        return clerk_error(
            401, "authentication_invalid", "Send 'Authorization: Bearer <secret key>'."
        )
    if not secrets.compare_digest(credential.encode(), secret_key.encode()):
        return clerk_error(401, "clerk_key_invalid", "This is not the instance's secret key.")
    return None


def _workbench(instance: Instance) -> ASGIApp:
    """What Clerk does not have: tokens for the asking."""

    async def issue_token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        user, status = form.get("user"), form.get("status", "active")
        if user is None:
            return clerk_error(
                422, "form_param_nil", "Say whose token: user=<email address or id>."
            )
        if not _is_status(status):
            return clerk_error(422, "form_param_value_invalid", "A status is active or pending.")
        origin = form.get("azp") or request.headers.get("origin")
        try:
            session = instance.sign_in(
                user, organization=form.get("organization"), status=status, origin=origin
            )
        except ConfigurationError as error:
            return clerk_error(404, "resource_not_found", error.message)
        return PlainTextResponse(instance.token(session))

    router = Router([Route("/tokens", issue_token, methods=["POST"])])
    # A page that is being developed may fetch its token itself; nobody else's page may read one.
    return CORSMiddleware(router, allow_origin_regex=_LOOPBACK_ORIGIN, allow_methods=["POST"])


def _is_status(text: str) -> TypeGuard[SessionStatus]:
    return text in get_args(SessionStatus)
