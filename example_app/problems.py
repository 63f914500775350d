"""Answers that say what is wrong, in the shape that Clerk's refusals have too."""

import json

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError


def problem(status_code: int, code: str, message: str) -> HTTPException:
    """A refusal with a code for programs and a sentence for people."""
    return HTTPException(status_code, {"code": code, "message": message})


async def refuse_invalid(_: Request, error: Exception) -> Response:
    """Name what does not fit, without repeating it.

    FastAPI's own answer holds the input, and turns into a 500 when that input is NaN or half of a
    surrogate pair, which JSON readers let through and JSON writers refuse.
    """
    assert isinstance(error, RequestValidationError)
    detail = [{key: found[key] for key in ("type", "loc", "msg")} for found in error.errors()]
    return Response(json.dumps({"detail": detail}), 422, media_type="application/json")
