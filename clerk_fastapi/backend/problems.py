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

__all__ = [
    "error_of",
    "key_refused",
    "log_other_words",
    "may_be_done",
    "problems_in",
    "read_object",
    "trace_id_of",
]

logger = logging.getLogger("clerk_fastapi")

_REFUSED_KEY_WAIT: Final = 60
_NO_SESSION: Final = "authentication_invalid"
_MOST_PROBLEMS: Final = 100
_TRACE_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)


def error_of(
    answer: WholeAnswer, *, is_our_key: bool = True, is_first: bool = True
) -> BackendError:
    """Name what went wrong, by status, with what Clerk has to say about it.

    Meant for answers that are not 2xx. A redirect is no answer, and neither is a web page: that
    something does not exist, or that the key is none, is believed of Clerk alone, which says so in
    its own words.

    :param is_our_key: whether it was asked with the secret key, and not with one of the caller's.
    :param is_first: whether no attempt was lost before, so that a refusal says that nothing was
        done.
    """
    body = read_object(answer.body)
    problems = problems_in(body)
    trace_id = trace_id_of(answer.headers, body)
    status = answer.status
    if is_our_key and (refused := key_refused(status, problems, trace_id=trace_id)):
        return refused
    refusal = ResourceNotFound if status == 404 and problems else BackendError
    if status == 429 or status >= 500 or (refusal is BackendError and not is_first):
        kind = BackendRateLimited if status == 429 and is_first else BackendUnavailable
        return kind(
            retry_after=seconds_to_wait(answer.headers) or 1,
            backend_status=status,
            errors=problems,
            trace_id=trace_id,
        )
    return refusal(backend_status=status, errors=problems, trace_id=trace_id)


def key_refused(
    status: int,
    problems: tuple[Problem, ...],
    *,
    trace_id: str | None = None,
    variables: str = "CLERK_SECRET_KEY",
) -> SecretKeyRefused | None:
    """What an answer comes to by which Clerk refuses the key that it was asked with; it is logged.

    That is a 401 in Clerk's own words, whatever it was asked for. In other words it may be that of
    a proxy, a 403 is about something else, and so is the one code by which Clerk misses a session.

    :param variables: which of them hold a key that may have been sent.
    """
    if status != 401 or all(problem.code == _NO_SESSION for problem in problems):
        return None
    logger.error("Clerk refuses the secret key (%d): check %s", status, variables)
    return SecretKeyRefused(
        retry_after=_REFUSED_KEY_WAIT, backend_status=status, errors=problems, trace_id=trace_id
    )


def log_other_words(url: object, status: int) -> None:
    """Tell the operator of an answer that may not be Clerk's at all."""
    logger.warning(
        "%s was answered with %d in other words than Clerk's: check CLERK_API_URL", url, status
    )


def may_be_done(error: BackendError) -> bool:
    """Whether Clerk may have done what it was asked for, though it came to an error.

    So it is if the answer got lost, or makes no sense. What Clerk refused it has not done.
    """
    if isinstance(error, BackendRateLimited | SecretKeyRefused):
        return False
    status = error.backend_status
    return isinstance(error, BackendUnavailable) or (status is not None and 200 <= status < 300)


def trace_id_of(headers: Mapping[str, str], body: Mapping[str, object] | None = None) -> str | None:
    """What Clerk's support asks for: from the body, or else from the network's own header."""
    for said in ((body or {}).get("clerk_trace_id"), headers.get("cf-ray")):
        if isinstance(said, str) and _TRACE_ID.fullmatch(said):
            return said
    return None


def read_object(body: bytes) -> Mapping[str, object]:
    """Read a JSON object; anything else is as good as an empty one."""
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError:  # quotes the body, so that nothing may be raised from it
        return {}
    return document if isinstance(document, dict) else {}


def problems_in(body: Mapping[str, object]) -> tuple[Problem, ...]:
    """What an answer says was wrong; nothing, unless it says so in the words of Clerk."""
    return tuple(_problems(body.get("errors")))


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
