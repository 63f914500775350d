"""Every refusal, said once: status, headers and body, over HTTP and over WebSockets."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import Scope
from starlette.websockets import WebSocket, WebSocketState

from clerk_fastapi.errors import (
    AccessDenied,
    BackendUnavailable,
    ClerkError,
    CredentialsMissing,
    ReverificationRequired,
    TokenError,
)
from clerk_fastapi.protocol.authorization import Permission, Reverified

__all__ = ["answer", "refusal", "teach"]

# Close codes from the IANA registry for sockets that were already accepted.
_CLOSE_CODES: Final = {401: 3000, 403: 3003, 503: 1013}


def teach(scope: Scope) -> None:
    """Let the application that is handling this request answer our errors, unless it knows how.

    Starlette keeps the handlers of the running application on the scope. Adding ours there is what
    ``app.add_exception_handler`` does, at a moment when that call would come too late: a lifespan
    runs when the application's handlers have already been collected.
    """
    handlers: dict[object, object] = scope["starlette.exception_handlers"][0]
    handlers.setdefault(ClerkError, answer)


async def answer(connection: HTTPConnection, error: Exception) -> JSONResponse | None:
    """Answer an error of ours; what is nobody's refusal but a fault of the server's goes on up."""
    if not isinstance(error, ClerkError) or error.status == 500:
        raise error
    response = refusal(error)
    if not isinstance(connection, WebSocket):
        return response
    waiting = connection.application_state is WebSocketState.CONNECTING
    if waiting and "websocket.http.response" in connection.scope.get("extensions", {}):
        return response
    await connection.close(_CLOSE_CODES.get(error.status, 1011), error.code)
    return None


def refusal(error: ClerkError) -> JSONResponse:
    """Write an error as a response; nothing of it may be kept by caches."""
    return JSONResponse(
        _body(error), error.status, headers={"Cache-Control": "no-store", **_headers(error)}
    )


def _body(error: ClerkError) -> dict[str, object]:
    if isinstance(error, ReverificationRequired) and isinstance(error.missing, Reverified):
        # What Clerk's browser SDK looks for before it asks the user to verify again.
        metadata = {"reverification": error.missing.to_metadata()}
        kind = {"type": "forbidden", "reason": error.code}
        return {"clerk_error": {**kind, "metadata": metadata}}
    detail: dict[str, object] = {"code": error.code, "message": error.message}
    if isinstance(error, AccessDenied):
        detail["missing"] = error.missing.to_json()
    return {"detail": detail}


def _headers(error: ClerkError) -> dict[str, str]:
    if isinstance(error, CredentialsMissing):
        return {
            "WWW-Authenticate": "Bearer"
        }  # no error code for those who sent nothing: RFC 6750 3.1
    if isinstance(error, TokenError):
        return {
            "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{error.code}"'
        }
    if isinstance(error, AccessDenied) and isinstance(error.missing, Permission):
        scope = error.missing.describe().removeprefix("permission ")
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
    if isinstance(error, BackendUnavailable):
        return {"Retry-After": str(error.retry_after)}
    return {}
