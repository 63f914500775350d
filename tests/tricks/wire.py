"""A real server on the loopback address, and requests written to it byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from clerk_fastapi.testing.loopback import bind
from tests.tricks.asked import Asked
from tests.tricks.judging import Outcome

__all__ = ["Server", "ask", "ask_all", "serving", "written"]

_PATIENCE = 60.0
_AT_ONCE = 24

Server = tuple[str, int]


@asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[Server]:
    """Serve an application on a free port."""
    with bind("127.0.0.1", 0) as listener:
        config = uvicorn.Config(
            app, log_level="critical", access_log=False, timeout_graceful_shutdown=1, **options
        )
        server = uvicorn.Server(config)
        # The socket listens already: whoever connects too early waits in line.
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            await task


def written(asked: Asked, *others: tuple[str, str], close: bool = True) -> bytes:
    """A request as bytes."""
    headers = [("Host", asked.host), *others, *asked.headers]
    if close and not any(name == "Connection" for name, _ in asked.headers):
        headers.append(("Connection", "close"))
    lines = [f"{asked.method} {asked.target} HTTP/{asked.version}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


async def ask(server: Server, request: bytes) -> bytes:
    """Send bytes, and receive what comes until the server hangs up or says that it will."""
    async with asyncio.timeout(_PATIENCE):
        reader, writer = await asyncio.open_connection(*server)
        try:
            writer.write(request)
            received = await _until_it_ends(reader)
        finally:
            writer.transport.abort()
    return received


async def _until_it_ends(reader: asyncio.StreamReader) -> bytes:
    received = b""
    while more := await reader.read(65_536):
        received += more
        head, _, rest = received.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 101") and b"\x88" in rest:
            break  # a WebSocket is about to be closed, and nobody here says goodbye
    return received


async def ask_all(
    server: Server, asked: Iterable[tuple[Asked, list[tuple[str, str]]]]
) -> list[Outcome]:
    """Send requests, some at a time; the answers are in the order of the requests."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def one(asked: Asked, headers: list[tuple[str, str]]) -> Outcome:
        async with slots:
            return Outcome.read(await ask(server, written(asked, *headers)))

    return await asyncio.gather(*(one(each, headers) for each, headers in asked))
