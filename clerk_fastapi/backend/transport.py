"""The one way out of the process: bounded in time and size, and quiet about what it carries."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import httpx
from pydantic import SecretStr

from clerk_fastapi._version import __version__
from clerk_fastapi.errors import BackendUnavailable

__all__ = ["Answer", "QuietURL", "Transport"]

HttpTransport: TypeAlias = httpx.AsyncBaseTransport  # httpx enters the package by this room alone

logger = logging.getLogger("clerk_fastapi")

_MAX_BODY = 1_048_576
_LONGEST_WAIT = 300  # seconds that Clerk can make us and our callers wait
_SESSION = re.compile(r"(/sessions/)[^/]+")
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)  # RFC 9110 section 10.2.3, within a lifetime
_API_VERSION = "2026-05-12"


class Answer(NamedTuple):
    """A whole answer: its status, body, and how long to wait in seconds if it said so."""

    status: int
    body: bytes
    retry_after: int | None


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
        client = self._client
        if client is None or self._loop is not asyncio.get_running_loop():
            async with self._make_client() as client:
                return await _send(client, call)
        return await _send(client, call)

    def _make_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._transport,
            timeout=self._timeout,
            follow_redirects=False,
            headers={"User-Agent": f"clerk-fastapi/{__version__}"},
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
    """A URL that does not say what may be a secret: httpx logs every URL it calls."""

    def __str__(self) -> str:
        return _quiet(super().__str__())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def _quiet(url: str) -> str:
    """A URL without its query, and without the session that it speaks of."""
    return _SESSION.sub(r"\1...", url.partition("?")[0])


async def _send(client: httpx.AsyncClient, call: _Call) -> Answer:
    headers = {"Clerk-API-Version": _API_VERSION, "Content-Type": "application/json"}
    if call.bearer is not None:
        headers["Authorization"] = f"Bearer {call.bearer.get_secret_value()}"
    request = client.build_request(call.method, call.url, headers=headers, content=call.body)
    request.url = QuietURL(request.url)
    response = await client.send(request, stream=True)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BODY:
                raise httpx.RemoteProtocolError("body too large")
    finally:
        await response.aclose()
    retry_after = response.headers.get("retry-after", "")
    seconds = min(int(retry_after), _LONGEST_WAIT) if _SECONDS.fullmatch(retry_after) else None
    return Answer(response.status_code, bytes(body), seconds)
