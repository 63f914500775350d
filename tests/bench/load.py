"""A small load generator: keep-alive connections that each ask again when they have an answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

CONNECTIONS = 8


class Connection(asyncio.Protocol):
    """One client, which takes its requests from a supply that it shares with the others."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._supply: Iterator[bytes] = iter(())
        self._done: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: wait to be started."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def start(self, supply: Iterator[bytes]) -> asyncio.Future[None]:
        """Send from the supply until it is empty; the future tells when the last answer is in."""
        self._supply = supply
        self._done = asyncio.get_running_loop().create_future()
        self._send_next()
        return self._done

    def data_received(self, data: bytes) -> None:
        """Ask again as soon as the whole answer is there."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or len(body) < content_length(head):
            return
        self._received = b""
        if head.startswith(b"HTTP/1.1 200 "):
            self._send_next()
        else:
            self._fail(f"refused: {head.splitlines()[0].decode()}")

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that hangs up during a slice spoils it."""
        self._fail("connection closed by the server")

    def close(self) -> None:
        """Hang up."""
        assert self._transport is not None
        self._transport.close()

    def _send_next(self) -> None:
        assert self._transport is not None
        request = next(self._supply, None)
        if request is not None:
            self._transport.write(request)
        elif self._done is not None:
            self._done.set_result(None)

    def _fail(self, reason: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(RuntimeError(reason))


class Clients:
    """All the connections to one server."""

    def __init__(self, connections: Sequence[Connection]) -> None:
        self._connections = connections

    async def send(self, requests: Sequence[bytes]) -> None:
        """Send every request once, several at a time, and wait for the last answer."""
        supply = iter(requests)
        await asyncio.gather(*(connection.start(supply) for connection in self._connections))


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Clients]:
    """Open the connections to a port on loopback."""
    loop = asyncio.get_running_loop()
    connections = []
    try:
        for _ in range(CONNECTIONS):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
            connections.append(connection)
        yield Clients(connections)
    finally:
        for connection in connections:
            connection.close()


def content_length(head: bytes) -> int:
    """The announced length of an answer's body."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError("an answer without Content-Length")
