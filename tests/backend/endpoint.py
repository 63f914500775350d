"""A server on this machine that answers as badly as a test wants, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from tests.backend.conversations import Reader, Writer, listening

Mood = Literal["answers", "hangs", "stalls", "hangs up", "says nothing", "redirects"]


class Endpoint:
    """Publishes a key set at every path of ``url``, depending on its mood.

    It ``hangs`` after the request, ``stalls`` in the middle of the body, ``hangs up`` there, closes
    the connection and ``says nothing``, or ``redirects`` to itself.
    """

    def __init__(self, document: object) -> None:
        self.mood: Mood = "answers"
        self.requests: list[str] = []
        self.asked = asyncio.Event()
        self.url = ""
        self._over = asyncio.Event()
        self._body = json.dumps(document).encode()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Endpoint"]:
        """Answer on a free port of the loopback address while the block runs."""
        async with listening(self._converse) as address:
            self.url = "http://{}:{}".format(*address)
            try:
                yield self
            finally:
                self._over.set()

    def let_go(self) -> None:
        """Hang no longer, but up; from now on without a word."""
        self.mood = "says nothing"
        self._over.set()

    async def _converse(self, reader: Reader, writer: Writer) -> None:
        while await self._answer(reader, writer):
            pass

    async def _answer(self, reader: Reader, writer: Writer) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.decode("latin-1"))
        self.asked.set()
        status, extra, body = b"200 OK", b"", self._body
        if self.mood == "redirects":
            status, extra = b"302 Found", b"Location: /elsewhere\r\n"
        if self.mood == "hangs":
            await self._over.wait()
        if self.mood in ("hangs", "says nothing"):
            return False
        writer.write(b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n" % (status, extra, len(body)))
        if self.mood in ("stalls", "hangs up"):
            writer.write(body[: len(body) // 2])
            await writer.drain()
            if self.mood == "stalls":
                await self._over.wait()
            return False
        writer.write(body)
        await writer.drain()
        return True
