"""What Clerk is asked for a browser: the cookies of a handshake, and a session made fresh."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from pydantic import SecretStr
from pydantic_core import from_json

from clerk_fastapi.backend.problems import (
    key_refused,
    log_other_words,
    problems_in,
    read_object,
)
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import BackendUnavailable

__all__ = ["BrowserBackend"]

logger = logging.getLogger("clerk_fastapi")

_PATH_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_NONCE: Final = re.compile(r"[\x21-\x7e]{1,2048}", re.ASCII)
_CODE: Final = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)


class BrowserBackend:
    """The part of the Backend API that the cookie flow needs.

    :param transport: the way out.
    :param api_url: where the Backend API is.
    :param secret_key: opens it.
    """

    def __init__(self, transport: Transport, api_url: str, secret_key: SecretStr) -> None:
        self._transport = transport
        self._api_url = api_url
        self._secret_key = secret_key

    async def handshake_payload(self, nonce: str) -> list[object] | None:
        """Fetch what a handshake left for this browser: values of ``Set-Cookie``.

        :returns: ``None`` if Clerk does not know the nonce.
        :raises SecretKeyRefused: if Clerk does not accept the secret key.
        :raises BackendUnavailable: if Clerk cannot be asked.
        """
        if not _NONCE.fullmatch(nonce):
            return None
        url = f"{self._api_url}/v1/clients/handshake_payload?{urlencode({'nonce': nonce})}"
        answer = await self._transport.get(url, bearer=self._secret_key)
        said = read_object(answer.body)
        problems = problems_in(said)
        if refused := key_refused(answer.status, problems):
            raise refused
        if problems and answer.status in (400, 404, 410, 422):
            logger.info("a handshake came back with a nonce that Clerk does not know")
            return None
        directives = said.get("directives")
        if answer.status != 200 or not isinstance(directives, list):
            if not problems:
                log_other_words(url.partition("?")[0], answer.status)
            raise BackendUnavailable(retry_after=answer.retry_after or 1)
        return directives

    async def refresh(
        self, session_id: str, body: Mapping[str, object], *, suffixed: bool
    ) -> list[object] | str:
        """Have a session made fresh: values of ``Set-Cookie``, or a word for why not.

        :param body: the expired token, the refresh token and what the browser said.
        :param suffixed: whether cookies with the instance's suffix are wanted.
        """
        if not _PATH_SEGMENT.fullmatch(session_id):
            return "expired-session-token-missing-sid-claim"
        query = "?suffixed_cookies=true" if suffixed else ""
        url = f"{self._api_url}/v1/sessions/{session_id}/refresh{query}"
        try:
            answer = await self._transport.post(url, body, bearer=self._secret_key, retry=False)
        except BackendUnavailable:
            return "fetch-error"
        said = _object(answer.body)
        if said is None:
            return "fetch-error"
        if not 200 <= answer.status < 300:
            return _code(said.get("errors"))
        cookies = said.get("cookies")
        return cookies if isinstance(cookies, list) and cookies else "unexpected-sdk-error"


def _object(body: bytes) -> Mapping[str, object] | None:
    """A JSON object; an empty one for other JSON, and ``None`` for what is no JSON."""
    try:
        document = from_json(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else {}


def _code(errors: object) -> str:
    """The code of the first error, which becomes part of a reason and of a URL."""
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("code") if isinstance(first, dict) else None
    if code == "unexpected_error":
        return "fetch-error"
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "unexpected-bapi-error"
