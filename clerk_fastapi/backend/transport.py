"""The one way out of the process: bounded in time and size, and quiet about what it carries."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
from calendar import timegm
from collections.abc import Mapping, Sequence
from email.utils import parsedate
from typing import Final, Literal, NamedTuple, TypeAlias

import httpx
from pydantic import SecretStr

from clerk_fastapi._version import __version__
from clerk_fastapi.errors import BackendUnavailable

__all__ = ["HEADERS", "Answer", "QuietURL", "Transport", "WholeAnswer", "seconds_to_wait"]

HttpTransport: TypeAlias = httpx.AsyncBaseTransport  # httpx enters the package by this room alone

logger = logging.getLogger("clerk_fastapi")

_MAX_BODY = 1_048_576
_LONGEST_WAIT = 300  # seconds that Clerk can make us and our callers wait
_SESSION = re.compile(r"(/sessions/)[^/]+")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)
HEADERS: Final[Mapping[str, str]] = {
    "Clerk-API-Version": "2026-05-12",
    "Content-Type": "application/json",
    "User-Agent": f"clerk-fastapi/{__version__}",
}
"""What every call of ours to Clerk says, whoever it is for."""


class Answer(NamedTuple):
    """A whole answer: its status, body, and how long to wait in seconds if it said so."""

    status: int
    body: bytes
    retry_after: int | None


class WholeAnswer(NamedTuple):
    """An answer with its headers, decoded, and without the request that it belongs to."""

    status: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """Calls to Clerk.

    :param transport: an httpx transport to send requests with; ``None`` for the network.
    :param timeout: seconds that a call may take in all, retries included.
    :param retry_delays: seconds to wait before each further attempt after a network error or a 5xx
        answer to a GET. Refusals such as 401 are final.
    """

    def __init__(
        self,
        transport: HttpTransport | None = None,
        *,
        timeout: float = 5.0,
        retry_delays: Sequence[float] = (0.1, 0.4),
    ) -> None:
        self._transport = transport
        self._timeout = timeout
        self._retry_delays = tuple(retry_delays)
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Make the client; calls before this, or after :meth:`close`, make one of their own."""
        self._client, self._loop = self._make_client(), asyncio.get_running_loop()

    async def close(self) -> None:
        """Close the client and its connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def get(self, url: str, *, bearer: SecretStr | None = None) -> Answer:
        """Fetch ``url``, without following redirects.

        :param bearer: the secret key, for the Backend API.
        :raises BackendUnavailable: if no whole answer came in time.
        """
        return await self._call(_Call("GET", url, bearer, None), self._retry_delays)

    async def post(
        self, url: str, body: Mapping[str, object], *, bearer: SecretStr | None = None, retry: bool
    ) -> Answer:
        """Send ``body`` as JSON to ``url``, without following redirects.

        :param bearer: the secret key, for the Backend API.
        :param retry: whether sending it twice does no harm, so that it may be tried again after a
            network error; an answer, whatever it is, is final.
        :raises BackendUnavailable: if no whole answer came in time.
        """
        call = _Call("POST", url, bearer, json.dumps(body).encode())
        return await self._call(call, self._retry_delays if retry else ())

    async def exchange(self, request: httpx.Request, *, largest: int) -> WholeAnswer:
        """Send a request once, as it is, and read all of its answer, however long that takes.

        :param largest: bytes that the answer may have.
        :raises httpx.HTTPError: if there is no whole answer; it holds the request and its secrets.
        """
        client = self._usable_client()
        if client is None:
            async with self._make_client() as client:
                return await _exchange(client, request, largest)
        return await _exchange(client, request, largest)

    async def _call(self, call: _Call, delays: Sequence[float]) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._attempts(call, delays)
        # Of an answer that leads to no URL httpx complains in other words.
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            failure = type(error).__name__
        logger.warning("no answer from %s: %s", _quiet(call.url), failure)
        # Outside of the except clause: errors of httpx keep the request, and so the secret key.
        raise BackendUnavailable

    async def _attempts(self, call: _Call, delays: Sequence[float]) -> Answer:
        for delay in delays:
            try:
                answer = await self._once(call)
            except httpx.TransportError:
                await asyncio.sleep(delay)
                continue
            if answer.status < 500 or answer.retry_after is not None or call.method == "POST":
                return answer
            await asyncio.sleep(delay)
        return await self._once(call)

    async def _once(self, call: _Call) -> Answer:
        client = self._usable_client()
        if client is None:
            async with self._make_client() as client:
                return await _send(client, call)
        return await _send(client, call)

    def _usable_client(self) -> httpx.AsyncClient | None:
        return self._client if self._loop is asyncio.get_running_loop() else None

    def _make_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._transport,
            timeout=self._timeout,
            follow_redirects=False,
        )


class _Call(NamedTuple):
    """One call, however often it is tried."""

    method: Literal["GET", "POST"]
    url: str
    bearer: SecretStr | None
    body: bytes | None

    def __repr__(self) -> str:
        return f"<{self.method} {_quiet(self.url)}>"


class QuietURL(httpx.URL):
    """A URL that does not say what may be a secret: httpx logs every URL it calls.

    :param url: where it leads.
    :param shown: what it says instead, such as the pattern of the path.
    """

    def __init__(self, url: httpx.URL | str, shown: str | None = None) -> None:
        super().__init__(url)
        self._shown = shown

    def __str__(self) -> str:
        return _quiet(super().__str__()) if self._shown is None else self._shown

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def _quiet(url: str) -> str:
    """A URL without its query, and without the session that it speaks of."""
    return _SESSION.sub(r"\1...", url.partition("?")[0])


async def _send(client: httpx.AsyncClient, call: _Call) -> Answer:
    headers = dict(HEADERS)
    if call.bearer is not None:
        headers["Authorization"] = f"Bearer {call.bearer.get_secret_value()}"
    request = client.build_request(call.method, call.url, headers=headers, content=call.body)
    request.url = QuietURL(request.url)
    answer = await _exchange(client, request, _MAX_BODY)
    return Answer(answer.status, answer.body, seconds_to_wait(answer.headers))


async def _exchange(client: httpx.AsyncClient, request: httpx.Request, largest: int) -> WholeAnswer:
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > largest:
                raise httpx.RemoteProtocolError("body too large")
    finally:
        await response.aclose()
    return WholeAnswer(response.status_code, response.headers, bytes(body))


def seconds_to_wait(headers: Mapping[str, str]) -> int | None:
    """What ``Retry-After`` asks for in seconds, within reason (RFC 9110 section 10.2.3).

    A date counts from the ``Date`` of the answer, so that no clock has to be read, or to be right;
    without one nobody knows how far away it is.
    """
    said = headers.get("retry-after", "")
    if _SECONDS.fullmatch(said):
        seconds = float(said)
    else:
        until, now = _moment(said), _moment(headers.get("date", ""))
        if until is None:
            return None
        seconds = math.inf if now is None else until - now
    return math.ceil(max(0, min(seconds, _LONGEST_WAIT)))


def _moment(date: str) -> int | None:
    """Seconds since the epoch; all of HTTP's dates are GMT (RFC 9110 section 5.6.7)."""
    try:
        read = parsedate(date)
        return None if read is None else timegm(read)
    except (ValueError, OverflowError):  # what looks like a date, of a year that there is not
        return None
