"""The Frontend API, as a proxy asks it: bodies are passed on as they come, and nothing is kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple

import httpx

from clerk_fastapi.backend.transport import HttpTransport, QuietURL
from clerk_fastapi.errors import BackendUnavailable
from clerk_fastapi.protocol.proxy import Outgoing

__all__ = ["FrontendApi", "Reply"]

logger = logging.getLogger("clerk_fastapi")

_MOST_CONNECTIONS = 256
_MOST_IDLE = 20
_RAW_HEADERS = "clerk_fastapi.raw_headers"

_discreet: ContextVar[bool] = ContextVar("clerk_fastapi.discreet", default=False)


class Reply(NamedTuple):
    """An answer whose body is still to come."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: AsyncIterator[bytes]


class FrontendApi:
    """Calls to the Frontend API in the name of browsers.

    Connections are its own: whoever uses up all of them keeps nobody from being signed in.

    :param transport: an httpx transport to send requests with; ``None`` for the network.
    """

    def __init__(self, transport: HttpTransport | None = None) -> None:
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Keep connections from here on; calls before this, or after :meth:`close`, keep none."""
        self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        """Close all connections."""
        client, self._client, self._loop = self._client, None, None
        if client is not None:
            await client.aclose()

    @asynccontextmanager
    async def ask(
        self, question: Outgoing, body: AsyncIterator[bytes] | None, *, connect: float, pause: float
    ) -> AsyncIterator[Reply]:
        """Pass a request on, without following redirects.

        :param body: what it carries; its errors are passed on as well.
        :param connect: seconds that connecting may take.
        :param pause: seconds that may pass between two signs of life.
        :raises BackendUnavailable: if there is no answer, or its body breaks off.
        :raises TimeoutError: if it does not come in time.
        """
        request = httpx.Request(
            question.method,
            question.url,
            headers=list(question.headers),
            content=body,
            extensions={
                "timeout": {"connect": connect, "pool": connect, "read": pause, "write": pause}
            },
        )
        assert question.url.startswith(f"{request.url.scheme}://{request.url.netloc.decode()}/")
        request.url = QuietURL(request.url)
        before = _discreet.set(True)
        try:
            async with self._asked(request) as response:
                head: list[tuple[bytes, bytes]] = response.extensions[_RAW_HEADERS]
                yield Reply(response.status_code, head, _body(response))
            return
        except httpx.HTTPError as error:
            failure = _failure(request, error)
        finally:
            _discreet.reset(before)
        # Outside of the except clause: errors of httpx keep the request, and so the secret key.
        raise failure

    @asynccontextmanager
    async def _asked(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        if self._loop is not asyncio.get_running_loop():
            client = _make_client(self._transport)
            async with client, _sent(client, request) as response:
                yield response
            return
        if self._client is None:
            self._client = _make_client(self._transport)
        async with _sent(self._client, request) as response:
            yield response


@asynccontextmanager
async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    response = await client.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def _body(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
        return
    except httpx.HTTPError as error:
        failure = _failure(response.request, error)
    raise failure


def _failure(request: httpx.Request, error: httpx.HTTPError) -> Exception:
    logger.warning("no whole answer from %s: %s", request.url, type(error).__name__)
    return TimeoutError() if isinstance(error, httpx.TimeoutException) else BackendUnavailable()


def _make_client(transport: HttpTransport | None) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=transport,
        follow_redirects=False,
        limits=httpx.Limits(
            max_connections=_MOST_CONNECTIONS, max_keepalive_connections=_MOST_IDLE
        ),
        # One visitor's cookies must never be sent in the name of another.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        event_hooks={"response": [_leave_redirects_alone]},
    )


async def _leave_redirects_alone(response: httpx.Response) -> None:
    """Hide where a redirect leads: httpx examines it even if it does not go there."""
    response.extensions[_RAW_HEADERS] = response.headers.raw
    response.headers.pop("location", None)


class _Discretion(logging.Filter):
    """Keeps httpcore from logging the headers of these answers, with the cookies of visitors."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _discreet.get()


for _name in ("httpcore.http11", "httpcore.http2"):
    logging.getLogger(_name).addFilter(_Discretion())
