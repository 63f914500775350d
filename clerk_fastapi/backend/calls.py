"""Calls to the Backend API in the name of the instance: bounded, and tried again where safe."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, TypeVar

import httpx
from pydantic import SecretStr

from clerk_fastapi.backend.problems import error_of, log_other_words
from clerk_fastapi.backend.transport import Transport, WholeAnswer, seconds_to_wait
from clerk_fastapi.errors import BackendUnavailable, ConfigurationError

__all__ = ["BackendCalls", "needed"]

_T = TypeVar("_T")

logger = logging.getLogger("clerk_fastapi")

_LARGEST: Final = 32 * 1_048_576  # 500 users with all of their metadata
# Not DELETE: of two the second answers that there is nothing to delete.
_REPEATABLE: Final = frozenset({"GET", "HEAD", "PUT"})
_SAFE: Final = frozenset({"GET", "HEAD"})
_KEY: Final = "Authorization"
_WIRED: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class BackendCalls:
    """Sends requests to the Backend API, and turns whatever goes wrong into errors of ours.

    A rate limit (429) is waited for, if the time that a call may take allows it: Clerk has not
    done anything yet. After a network error or a 5xx only what does no harm twice is sent again.

    :param transport: the way out.
    :param secret_key: opens the Backend API.
    :param timeout: seconds that a call may take in all, unless it says otherwise.
    :param retry_delays: seconds to wait before each further attempt, unless Clerk says otherwise.
    """

    def __init__(
        self,
        transport: Transport,
        secret_key: SecretStr,
        timeout: float,
        retry_delays: Sequence[float] = (0.1, 0.4),
    ) -> None:
        self._transport = transport
        self._secret_key = secret_key
        self.timeout = timeout
        self._retry_delays = tuple(retry_delays)

    async def send(
        self, request: httpx.Request, *, seconds: float | None = None, repeatable: bool = False
    ) -> httpx.Response:
        """Send a request, with the secret key unless it has a key of its own.

        :param request: it is not changed, so that whoever holds it does not hold the secret key.
        :param seconds: how long the call may take in all.
        :param repeatable: whether sending it twice does no harm, whatever its method.
        :returns: a whole answer with a status of 2xx.
        :raises BackendError: the leaf names what went wrong; it holds no part of the request.
        """
        seconds = self.timeout if seconds is None else seconds
        attempts = _Attempts(self._transport, seconds, self._retry_delays)
        harmless = repeatable or request.method in _REPEATABLE
        try:
            async with asyncio.timeout(attempts.seconds):
                await attempts.make(request, self._secret_key, harmless=harmless)
        # Of an answer that leads to no URL httpx complains in other words.
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            attempts.failure = type(error).__name__
        # Outside of the except clause: errors of httpx keep the request, and so the secret key.
        answer = attempts.answer
        if answer is None:
            logger.warning("no answer from %s: %s", request.url, attempts.failure)
            raise BackendUnavailable
        if not 200 <= answer.status < 300:
            failure = error_of(
                answer,
                is_our_key=_KEY not in request.headers,
                is_first=not attempts.has_lost or request.method in _SAFE,
            )
            if not failure.errors:
                log_other_words(request.url, answer.status)
            logger.info("%s was answered with %d: %s", request.url, answer.status, failure.code)
            raise failure
        return httpx.Response(
            answer.status, headers=_unwired(answer.headers), content=answer.body, request=request
        )


def needed(asked: _T | None) -> _T:
    """Whatever asks the Backend API, which can only be had with a secret key.

    :raises ConfigurationError: without one.
    """
    if asked is None:
        raise ConfigurationError(
            "CLERK_SECRET_KEY is missing: set it, as the API keys page of the Clerk dashboard "
            "shows it, to ask Clerk's Backend API."
        )
    return asked


class _Attempts:
    """One call, however often it is tried.

    ``answer`` is that of the last attempt, if it came to one; ``has_lost`` says whether nobody
    knows what has become of one before.
    """

    def __init__(self, transport: Transport, seconds: float, delays: Sequence[float]) -> None:
        self.answer: WholeAnswer | None = None
        self.failure = ""
        self.has_lost = False
        self.seconds = seconds
        self._transport = transport
        self._delays = delays

    async def make(self, request: httpx.Request, secret_key: SecretStr, *, harmless: bool) -> None:
        body, waited = await request.aread(), 0.0
        for delay in (*self._delays, None):
            self.answer = None
            try:
                self.answer = await self._transport.exchange(
                    _signed(request, body, secret_key), largest=_LARGEST
                )
                pause = _pause(self.answer, delay, harmless=harmless)
            except httpx.TransportError as error:
                self.failure = type(error).__name__
                pause = delay if harmless else None
            # What would end too late is not waited for.
            if pause is None or waited + pause >= self.seconds:
                return
            self.has_lost |= self.answer is None or self.answer.status >= 500
            waited += pause
            await asyncio.sleep(pause)


def _pause(answer: WholeAnswer, delay: float | None, *, harmless: bool) -> float | None:
    """Seconds after which to try again, or ``None`` if the answer is final."""
    if delay is None or not (answer.status == 429 or (harmless and answer.status >= 500)):
        return None
    return max(delay, seconds_to_wait(answer.headers) or 0)


def _unwired(headers: httpx.Headers) -> list[tuple[str, str]]:
    """Headers of an answer that was read: JSON, which is UTF-8 whatever else is said."""
    said = [each for each in headers.multi_items() if each[0] not in _WIRED]
    return [
        (name, value.partition(";")[0].strip() if name == "content-type" else value)
        for name, value in said
    ]


def _signed(request: httpx.Request, body: bytes, secret_key: SecretStr) -> httpx.Request:
    headers = request.headers.copy()
    headers.setdefault(_KEY, f"Bearer {secret_key.get_secret_value()}")
    signed = httpx.Request(
        request.method,
        request.url,
        headers=headers,
        content=body,
        extensions=dict(request.extensions),
    )
    signed.url = request.url  # which is quiet
    return signed
