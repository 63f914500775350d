"""The one way out of the process: bounded in time and size, and quiet about what it carries."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import httpx

from clerk_fastapi._version import __version__
from clerk_fastapi.errors import BackendUnavailable

__all__ = ["Answer", "Transport"]

HttpTransport: TypeAlias = httpx.AsyncBaseTransport  # httpx enters the package by this room alone

logger = logging.getLogger("clerk_fastapi")

_MAX_BODY = 1_048_576
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
        answer. Refusals such as 401 are final.
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

    async def get(self, url: str, *, bearer: str | None = None) -> Answer:
        """Fetch ``url``, without following redirects.

        :param bearer: the secret key, for the Backend API.
        :raises BackendUnavailable: if no whole answer came in time.
        """
        headers = {"Clerk-API-Version": _API_VERSION, "Content-Type": "application/json"}
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer}"
        try:
            async with asyncio.timeout(self._timeout):
                return await self._attempts(url, headers)
        except (TimeoutError, httpx.HTTPError) as error:
            logger.warning("no answer from %s: %s", url, type(error).__name__)
            raise BackendUnavailable from None

    async def _attempts(self, url: str, headers: dict[str, str]) -> Answer:
        for delay in self._retry_delays:
            try:
                answer = await self._once(url, headers)
            except httpx.TransportError:
                await asyncio.sleep(delay)
                continue
            if answer.status < 500 or answer.retry_after is not None:
                return answer
            await asyncio.sleep(delay)
        return await self._once(url, headers)

    async def _once(self, url: str, headers: dict[str, str]) -> Answer:
        client = self._client
        if client is None or self._loop is not asyncio.get_running_loop():
            async with self._make_client() as client:
                return await self._read(client, url, headers)
        return await self._read(client, url, headers)

    async def _read(self, client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> Answer:
        async with client.stream("GET", url, headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _MAX_BODY:
                    raise httpx.RemoteProtocolError("body too large")
            retry_after = response.headers.get("retry-after", "")
            seconds = int(retry_after) if _SECONDS.fullmatch(retry_after) else None
            return Answer(response.status_code, bytes(body), seconds)

    def _make_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._transport,
            timeout=self._timeout,
            follow_redirects=False,
            headers={"User-Agent": f"clerk-fastapi/{__version__}"},
        )
