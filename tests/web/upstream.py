"""A Frontend API on this machine, byte by byte, the proxy before it, and those who ask it."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import uvicorn
from fastapi import FastAPI

from clerk_fastapi import Clerk, FrontendApiProxy
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.proxy import ProxyLimits
from tests.backend.conversations import listening

__all__ = [
    "Answered",
    "Proxied",
    "Reader",
    "Seen",
    "Upstream",
    "Writer",
    "answered",
    "proxied",
    "whole",
]

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Headers = list[tuple[str, str]]


class Seen(NamedTuple):
    """A request as it came over the wire; of a long body only the size is kept."""

    line: str
    headers: Headers
    body: bytes
    size: int

    def values(self, name: str) -> list[str]:
        """All values of one header."""
        return [value for each, value in self.headers if each.lower() == name]


class Answered(NamedTuple):
    """An answer as it came over the wire; of a long body only the size is kept."""

    status: int
    headers: Headers
    body: bytes
    size: int

    def values(self, name: str) -> list[str]:
        """All values of one header."""
        return [value for each, value in self.headers if each.lower() == name]


def whole(status: str, *headers: str, body: bytes = b"") -> Callable[[Reader, Writer], Any]:
    """Answer with these bytes and nothing else."""

    async def answer(reader: Reader, writer: Writer) -> None:
        writer.write("\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body)
        await writer.drain()

    return answer


class Upstream:
    """Notes what it is asked and gives the one ``answer`` it was told to give."""

    def __init__(self) -> None:
        self.answer: Callable[[Reader, Writer], Awaitable[None]]
        self.requests: list[Seen] = []
        self.asked = asyncio.Event()
        self.left = asyncio.Event()
        self.url = ""
        self.forget()

    def forget(self) -> None:
        """Be as new."""
        self.answer = whole("200 OK", "Content-Length: 2", body=b"{}")
        self.requests.clear()
        self.asked.clear()
        self.left.clear()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Upstream"]:
        """Answer on a free port of the loopback address while the block runs."""
        async with listening(self._converse) as address:
            self.url = "http://{}:{}".format(*address)
            yield self

    async def _converse(self, reader: Reader, writer: Writer) -> None:
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    line, headers = await _head(reader)
                    self.asked.set()
                    body, size = await _body(reader, headers)
                    self.requests.append(Seen(line, headers, body, size))
                    await self.answer(reader, writer)
        finally:
            self.left.set()
            writer.close()


@dataclass(frozen=True)
class Proxied:
    """An application with a proxy, being served, and who stands behind it."""

    address: str
    upstream: Upstream
    local: LocalClerk
    proxy: FrontendApiProxy

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[Reader, Writer]]:
        """Connect as browsers do."""
        host, port = self.address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield reader, writer
        finally:
            writer.close()

    async def ask(
        self, target: str, *headers: str, method: str = "GET", body: bytes = b""
    ) -> Answered:
        """Ask in exactly these words, and read until the server hangs up.

        :raises EOFError: if the answer is not a whole one.
        """
        lines = [f"{method} {target} HTTP/1.1", "Connection: close", *headers]
        if not any(header.lower().startswith("host:") for header in headers):
            lines.append(f"Host: {self.address}")
        async with self.connection() as (reader, writer):
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
            return await answered(reader, method)

    async def seen(self, target: str, *headers: str, **more: Any) -> Seen:
        """What the upstream is asked, if somebody asks like that."""
        self.upstream.requests.clear()
        assert (await self.ask(target, *headers, **more)).status == 200
        (seen,) = self.upstream.requests
        return seen


@asynccontextmanager
async def proxied(
    local: LocalClerk, limits: ProxyLimits | None = None, **options: Any
) -> AsyncIterator[Proxied]:
    """Serve a proxy before an upstream; ``options`` are those of the Clerk."""
    async with Upstream().serving() as upstream:
        settings: dict[str, Any] = {"proxy_url": "/__clerk", **options}
        clerk = Clerk(
            publishable_key=local.publishable_key,
            secret_key=local.secret_key,
            clock=local.clock,
            **settings,
        )
        app = FastAPI(lifespan=clerk.lifespan)
        proxy = FrontendApiProxy(clerk, frontend_api_url=upstream.url)
        proxy.limits = limits or proxy.limits
        app.mount("/__clerk", proxy)
        # Whom to trust, and what paths look like, is for the proxy to see, not for the server.
        config = uvicorn.Config(app, http="h11", log_level="critical", proxy_headers=False)
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            task = asyncio.create_task(server.serve(sockets=[listener]))
            try:
                address = "{}:{}".format(*listener.getsockname())
                yield Proxied(address, upstream, local, proxy)
            finally:
                server.should_exit = True
                await task


async def answered(reader: Reader, method: str = "GET") -> Answered:
    """Read one answer.

    :raises EOFError: if it breaks off.
    """
    line, headers = await _head(reader)
    status = int(line.split()[1])
    bodiless = method == "HEAD" or status in (204, 304)
    body, size = (b"", 0) if bodiless else await _body(reader, headers)
    return Answered(status, headers, body, size)


async def _head(reader: Reader) -> tuple[str, Headers]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
    pairs = [field.partition(":") for field in fields]
    return line, [(name, value.strip()) for name, _, value in pairs]


async def _body(reader: Reader, headers: Headers) -> tuple[bytes, int]:
    kept, size = bytearray(), 0
    async for chunk in _chunks(reader, {name.lower(): value for name, value in headers}):
        size += len(chunk)
        kept += chunk[: 4_096 - len(kept)]
    return bytes(kept), size


async def _chunks(reader: Reader, headers: dict[str, str]) -> AsyncIterator[bytes]:
    if "transfer-encoding" in headers:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return
    left = int(headers.get("content-length", 0))
    while left:
        chunk = await reader.readexactly(min(left, 65_536))
        left -= len(chunk)
        yield chunk
