"""How all of Clerk's APIs speak: what they say is wrong, and what they read from a body."""

from __future__ import annotations

import json
import secrets

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

__all__ = ["as_clerk_says_it", "clerk_error", "json_body"]


def clerk_error(status: int, code: str, message: str) -> JSONResponse:
    """An error in the shape that all of Clerk's APIs use."""
    error = {"code": code, "message": message, "long_message": message}
    trace_id = secrets.token_hex(16)
    return JSONResponse({"errors": [error], "clerk_trace_id": trace_id}, status_code=status)


def as_clerk_says_it(request: Request, error: Exception) -> Response:
    """Turn an exception of the router into an error in Clerk's shape."""
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "request_invalid")
    return clerk_error(error.status_code, code, error.detail)


async def json_body(request: Request) -> dict[str, object]:
    """Read a JSON object.

    :raises HTTPException: 400, if the body is something else.
    """
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(400, "The body has to be a JSON object.")
    return body


_CODES = {401: "authentication_invalid", 404: "resource_not_found"}
