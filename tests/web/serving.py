"""Running applications: in this process, over real sockets, or message by message."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application from start-up to shutdown, as servers do, and give a client of it."""
    state: dict[str, Any] = {}
    events: asyncio.Queue[Message] = asyncio.Queue()
    answers: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": state}
    lifespan = asyncio.ensure_future(app(scope, events.get, answers.put))

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = state.copy()
        await app(scope, receive, send)

    await events.put({"type": "lifespan.startup"})
    if (await answers.get())["type"] == "lifespan.startup.failed":
        await lifespan
    try:
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            yield client
    finally:
        await events.put({"type": "lifespan.shutdown"})
        await lifespan


async def statuses(app: FastAPI, path: str, *who: Mapping[str, str]) -> list[int]:
    """What each of several callers is answered by an application that runs for as long."""
    async with running(app) as client:
        return [(await client.get(path, headers=headers)).status_code for headers in who]


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve an application on a free port of the loopback address; gives host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        # The socket listens already: whoever connects too early waits in line.
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield "{}:{}".format(*listener.getsockname())
        finally:
            server.should_exit = True
            await task


async def open_websocket(
    app: FastAPI,
    path: str,
    headers: Mapping[str, str],
    *,
    denials: bool = False,
    received: tuple[Message, ...] = (),
) -> list[Message]:
    """Open a WebSocket and collect what the application sends.

    :param denials: whether the server can refuse a handshake with a response of the application's.
    :param received: what the client says after it has connected, before it disconnects.
    """
    sent: list[Message] = []
    incoming = iter(({"type": "websocket.connect"}, *received))

    async def receive() -> Message:
        return next(incoming, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "scheme": "ws",
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}} if denials else {},
    }
    await app(scope, receive, send)
    return sent
