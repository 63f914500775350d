"""What an answer of the Backend API says was wrong, as an error that holds nothing secret."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic_core import from_json

from clerk_fastapi.backend.transport import WholeAnswer, seconds_to_wait
from clerk_fastapi.errors import (
    BackendError,
    BackendRateLimited,
    BackendUnavailable,
    Problem,
    ResourceNotFound,
    SecretKeyRefused,
)

__all__ = ["error_of", "read_object", "trace_id_of"]

logger = logging.getLogger("clerk_fastapi")

_REFUSED_KEY_WAIT: Final = 60
_MOST_PROBLEMS: Final = 100
_KEY_INVALID: Final = "clerk_key_invalid"
_TRACE_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)


def error_of(answer: WholeAnswer) -> BackendError:
    """Name what went wrong, by status, with what Clerk has to say about it.

    Meant for answers that are not 2xx. A redirect is no answer, and neither is a web page.
    """
    body = read_object(answer.body)
    problems = tuple(_problems(body.get("errors")))
    trace_id = trace_id_of(answer.headers, body)
    status = answer.status
    if status == 401 and _is_about_the_key(problems):
        logger.error("Clerk refuses the secret key (%d): check CLERK_SECRET_KEY", status)
        return SecretKeyRefused(
            retry_after=_REFUSED_KEY_WAIT,
            backend_status=status,
            errors=problems,
            trace_id=trace_id,
        )
    if status == 429 or status >= 500:
        kind = BackendRateLimited if status == 429 else BackendUnavailable
        return kind(
            retry_after=seconds_to_wait(answer.headers) or 1,
            backend_status=status,
            errors=problems,
            trace_id=trace_id,
        )
    refusal = ResourceNotFound if status == 404 else BackendError
    return refusal(backend_status=status, errors=problems, trace_id=trace_id)


def trace_id_of(headers: Mapping[str, str], body: Mapping[str, object] | None = None) -> str | None:
    """What Clerk's support asks for: from the body, or else from the network's own header."""
    for said in ((body or {}).get("clerk_trace_id"), headers.get("cf-ray")):
        if isinstance(said, str) and _TRACE_ID.fullmatch(said):
            return said
    return None


def _is_about_the_key(problems: tuple[Problem, ...]) -> bool:
    # Who says nothing that could be read has not been let in either.
    return not problems or any(problem.code == _KEY_INVALID for problem in problems)


def read_object(body: bytes) -> Mapping[str, object]:
    """Read a JSON object; anything else is as good as an empty one."""
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError:  # quotes the body, so that nothing may be raised from it
        return {}
    return document if isinstance(document, dict) else {}


def _problems(errors: object) -> Iterator[Problem]:
    for said in errors[:_MOST_PROBLEMS] if isinstance(errors, list) else ():
        if not isinstance(said, dict) or not isinstance(said.get("code"), str):
            continue
        message, longer, meta = said.get("message"), said.get("long_message"), said.get("meta")
        yield Problem(
            said["code"],
            message if isinstance(message, str) else "",
            longer if isinstance(longer, str) else None,
            meta if isinstance(meta, dict) else None,
        )
