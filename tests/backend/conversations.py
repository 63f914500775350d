"""Conversations of a server in a test: all of them are over when it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

__all__ = ["Reader", "Writer", "listening"]

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

_TURNS = 20  # of the loop, in which whoever has connected and given up is let in


@asynccontextmanager
async def listening(
    converse: Callable[[Reader, Writer], Awaitable[None]],
) -> AsyncIterator[tuple[str, int]]:
    """Converse on a free port of the loopback address while the block runs; gives host and port.

    What is not over by then is ended, so that no loop is closed before its connections.
    """
    conversations: dict[asyncio.Task[None], Writer] = {}

    async def one(reader: Reader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations[task] = writer
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await converse(reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()
    finally:
        for _ in range(_TURNS):  # before it is closed: asyncio loses whoever is let in meanwhile
            await asyncio.sleep(0)
        server.close()
        for writer in conversations.values():
            writer.close()
        await asyncio.gather(*conversations)
        await server.wait_closed()
