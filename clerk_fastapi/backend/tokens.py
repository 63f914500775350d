"""Tokens that Clerk mints for a session: from a JWT template, or with another lifetime."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from contextlib import suppress
from copy import copy
from typing import Final, Literal

import httpx

from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.paths import path_segment
from clerk_fastapi.backend.problems import read_object, trace_id_of
from clerk_fastapi.backend.transport import HEADERS, QuietURL
from clerk_fastapi.errors import (
    BackendError,
    BackendUnavailable,
    ConfigurationError,
    ResourceNotFound,
    SessionEnded,
    TemplateNotFound,
)

__all__ = ["TokenEndpoint"]

logger = logging.getLogger("clerk_fastapi")

_TOKEN: Final = re.compile(r"[\x21-\x7e]+", re.ASCII)
_LIVE: Final = frozenset({"active", "pending"})


class TokenEndpoint:
    """Where the Backend API mints tokens.

    :param calls: how Clerk is asked.
    :param api_url: where the Backend API is.
    """

    def __init__(self, calls: BackendCalls, api_url: str) -> None:
        self._calls = calls
        self._sessions = f"{api_url}/v1/sessions"

    async def mint(
        self, session_id: str, template: str | None, expires_in_seconds: int | None
    ) -> str:
        """Have Clerk make a token for a session, or say why not, within the time of one call.

        :param template: the name of a JWT template; ``None`` for a session token.
        :param expires_in_seconds: how long it is good for; ``None`` leaves that to Clerk.
        :raises SessionEnded: if the session is no more.
        :raises TemplateNotFound: if there is no such template.
        :raises ConfigurationError: if no template can have that name.
        :raises BackendError: the leaf names what else went wrong.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._calls.timeout):
                return await self._mint(session_id, template, expires_in_seconds)
        logger.warning("no answer from %s in time", self._sessions)
        raise BackendUnavailable

    async def _mint(
        self, session_id: str, template: str | None, expires_in_seconds: int | None
    ) -> str:
        path, pattern = f"/{_of_session(session_id)}/tokens", "/{session_id}/tokens"
        if template is not None:
            path, pattern = f"{path}/{_of_template(template)}", f"{pattern}/{{template}}"
        asked = {} if expires_in_seconds is None else {"expires_in_seconds": expires_in_seconds}
        refusal: BackendError
        try:
            # A token too many does no harm.
            answer = await self._ask("POST", path, pattern, json.dumps(asked), repeatable=True)
        except BackendUnavailable:
            raise
        except BackendError as error:
            refusal = error
        else:
            return _token(answer)
        # Clerk says the same of a session and of a template that it does not know.
        if not await self._is_live(session_id):
            raise SessionEnded
        if template is not None and isinstance(refusal, ResourceNotFound):
            raise TemplateNotFound(
                backend_status=refusal.backend_status,
                errors=refusal.errors,
                trace_id=refusal.trace_id,
            )
        raise copy(refusal)

    async def _is_live(self, session_id: str) -> bool:
        try:
            answer = await self._ask("GET", f"/{_of_session(session_id)}", "/{session_id}")
        except ResourceNotFound:
            return False
        session = read_object(answer.content)
        status = session.get("status")
        if session.get("id") != session_id or not isinstance(status, str):
            raise _nonsense(answer)
        return status in _LIVE

    async def _ask(
        self,
        method: Literal["GET", "POST"],
        path: str,
        pattern: str,
        body: str | None = None,
        *,
        repeatable: bool = False,
    ) -> httpx.Response:
        request = httpx.Request(
            method, f"{self._sessions}{path}", headers=dict(HEADERS), content=body
        )
        request.url = QuietURL(request.url, f"{self._sessions}{pattern}")
        return await self._calls.send(request, repeatable=repeatable)


def _of_session(session_id: str) -> str:
    try:
        return path_segment(session_id)
    except ResourceNotFound:
        raise SessionEnded from None


def _of_template(name: str) -> str:
    try:
        return path_segment(name)
    except ResourceNotFound:
        raise ConfigurationError(
            "That is not the name of a JWT template; take it from the JWT templates page of the "
            "Clerk dashboard."
        ) from None


def _token(answer: httpx.Response) -> str:
    token = read_object(answer.content).get("jwt")
    if isinstance(token, str) and _TOKEN.fullmatch(token):
        return token
    raise _nonsense(answer)


def _nonsense(answer: httpx.Response) -> BackendError:
    return BackendError(backend_status=answer.status_code, trace_id=trace_id_of(answer.headers))
