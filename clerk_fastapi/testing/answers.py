"""How all of Clerk's APIs speak: what they say is wrong, and what they read from a body."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

__all__ = [
    "Complaint",
    "Refusal",
    "as_clerk_says_it",
    "clerk_error",
    "clerk_errors",
    "json_body",
    "json_list",
    "not_found",
]


class Complaint(NamedTuple):
    """One thing that is wrong with a request, and which of its parameters it is about."""

    code: str
    message: str
    parameter: str | None = None


class Refusal(HTTPException):
    """A refusal with a code of Clerk's own."""

    def __init__(self, status: int, code: str, message: str, parameter: str | None = None) -> None:
        super().__init__(status, message)
        self.complaint = Complaint(code, message, parameter)


def not_found(kind: str) -> Refusal:
    """What is refused because it is not there."""
    return Refusal(404, "resource_not_found", f"There is no such {kind}.")


def clerk_error(status: int, code: str, message: str) -> JSONResponse:
    """An error in the shape that all of Clerk's APIs use."""
    return clerk_errors(status, [Complaint(code, message)])


def clerk_errors(status: int, complaints: Iterable[Complaint]) -> JSONResponse:
    """Several of them in one answer."""
    errors = [
        {
            "code": complaint.code,
            "message": complaint.message,
            "long_message": complaint.message,
            **({"meta": {"param_name": complaint.parameter}} if complaint.parameter else {}),
        }
        for complaint in complaints
    ]
    trace_id = secrets.token_hex(16)
    return JSONResponse({"errors": errors, "clerk_trace_id": trace_id}, status_code=status)


def as_clerk_says_it(request: Request, error: Exception) -> Response:
    """Turn an exception of the router into an error in Clerk's shape."""
    assert isinstance(error, HTTPException)
    if isinstance(error, Refusal):
        return clerk_errors(error.status_code, [error.complaint])
    code = _CODES.get(error.status_code, "request_invalid")
    return clerk_error(error.status_code, code, error.detail)


async def json_body(request: Request) -> dict[str, object]:
    """Read a JSON object.

    :raises HTTPException: 400, if the body is something else.
    """
    body = await _json(request)
    if not isinstance(body, dict):
        raise HTTPException(400, "The body has to be a JSON object.")
    return body


async def json_list(request: Request) -> list[object]:
    """Read a JSON array.

    :raises HTTPException: 400, if the body is something else.
    """
    body = await _json(request)
    if not isinstance(body, list):
        raise HTTPException(400, "The body has to be a JSON array.")
    return body


async def _json(request: Request) -> object:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        return None


_CODES = {401: "authentication_invalid", 404: "resource_not_found"}
