"""Every refusal, said once: status, headers and body, over HTTP and over WebSockets."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import Scope as AsgiScope
from starlette.websockets import WebSocket, WebSocketState

from clerk_fastapi.errors import (
    AccessDenied,
    BackendError,
    BackendUnavailable,
    ClerkError,
    CredentialsMissing,
    HandshakeRequired,
    MachineTokenMissing,
    RateLimited,
    ReverificationRequired,
    TokenError,
    WebhookBusy,
    WebhookHandlerFailed,
    WebhookRefused,
)
from clerk_fastapi.protocol.authorization import Permission, Reverified, Scope

__all__ = ["PAGES", "answer", "refusal", "teach", "teach_application"]

PAGES: Final = "clerk_fastapi.pages"
"""Where a scope holds what answers refusals of page loads with redirects, if anything does."""

_ANSWERED: Final = (
    *(TokenError, AccessDenied, RateLimited, BackendError),
    *(WebhookRefused, WebhookHandlerFailed, WebhookBusy),
)

_SCOPE_TOKEN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
# Close codes from the IANA registry for sockets that were already accepted.
_CLOSE_CODES: Final = {401: 3000, 403: 3003, 429: 1013, 503: 1013}


class _AnswersPages(Protocol):
    def answer(self, connection: HTTPConnection, error: ClerkError) -> Response: ...


def teach(scope: AsgiScope) -> None:
    """Let the application that is handling this request answer our errors, unless it knows how.

    Starlette keeps the handlers of the running application on the scope. They were collected before
    the lifespan began, too early for ``app.add_exception_handler``.
    """
    handlers = scope["starlette.exception_handlers"][0]
    if _Taught not in handlers:
        _add_to(handlers)


def teach_application(app: Starlette) -> None:
    """Let an application answer our errors, once it collects its handlers."""
    _add_to(app.exception_handlers)


class _Taught(Exception):
    """Never raised: it stands among the handlers of an application that needs no more of them."""


def _add_to(handlers: MutableMapping[Any, Any]) -> None:
    handlers[_Taught] = answer
    # A redirect is no error to be worded differently: without its headers it would be none.
    handlers.setdefault(HandshakeRequired, answer)
    # Not for all of ClerkError: a ConfigurationError is no refusal but a fault of the server's.
    if ClerkError not in handlers:
        for kind in _ANSWERED:
            handlers.setdefault(kind, answer)


async def answer(connection: HTTPConnection, error: Exception) -> Response | None:
    """Answer a refusal; a WebSocket that is already open is closed, one that is gone is left."""
    assert isinstance(error, ClerkError), "this handler is registered for no other error"
    if not isinstance(connection, WebSocket):
        pages: _AnswersPages | None = connection.scope.get(PAGES)
        return refusal(error) if pages is None else pages.answer(connection, error)
    here, there = connection.application_state, connection.client_state
    if WebSocketState.DISCONNECTED in (here, there):
        return None
    extensions = connection.scope.get("extensions") or {}
    if here is WebSocketState.CONNECTING and "websocket.http.response" in extensions:
        return refusal(error)
    await connection.close(_CLOSE_CODES.get(error.status, 1011), error.code)
    return None


def refusal(error: ClerkError) -> Response:
    """Write an error as a response; nothing of it may be kept by caches."""
    if isinstance(error, HandshakeRequired):
        headers = {"Location": error.location, "Cache-Control": "no-store"}
        redirect = Response(status_code=error.status, headers=headers)
        for cookie in error.cookies:
            redirect.headers.append("Set-Cookie", cookie)
        return redirect
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
    if isinstance(error, CredentialsMissing | MachineTokenMissing):
        return {
            "WWW-Authenticate": "Bearer"
        }  # no error code for those who sent nothing: RFC 6750 3.1
    if isinstance(error, TokenError):
        return {
            "WWW-Authenticate": f'Bearer error="invalid_token", error_description="{error.code}"'
        }
    if isinstance(error, AccessDenied) and isinstance(error.missing, Permission | Scope):
        (scope,) = map(str, error.missing.to_json().values())
        named = f', scope="{scope}"' if _SCOPE_TOKEN.fullmatch(scope) else ""
        return {"WWW-Authenticate": f'Bearer error="insufficient_scope"{named}'}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(error.retry_after), **error.headers}
    if isinstance(error, BackendUnavailable | WebhookBusy):
        return {"Retry-After": str(error.retry_after)}
    return {}
