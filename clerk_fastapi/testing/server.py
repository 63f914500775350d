"""An ASGI application over HTTP, on this machine only; needs uvicorn."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from starlette.types import ASGIApp

from clerk_fastapi.testing.loopback import bind, url_of

try:
    import uvicorn
except ModuleNotFoundError as missing:
    if missing.name != "uvicorn":
        raise
    raise ModuleNotFoundError(
        'This needs uvicorn: pip install "clerk-fastapi[local]"', name=missing.name
    ) from None

__all__ = ["run", "serve"]


def run(app: ASGIApp, server_socket: socket.socket) -> None:
    """Answer in this thread until interrupted."""
    with suppress(KeyboardInterrupt):
        _server(app).run(sockets=[server_socket])


@contextmanager
def serve(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Answer in a thread of its own while the block runs; gives the base URL.

    An application under test can be served just as well: its lifespan is that of the block.

    :raises ConfigurationError: if the address is not a loopback address.
    :raises OSError: if the port is taken.
    """
    with bind(host, port) as server_socket:
        server = _server(app)
        thread = Thread(target=server.run, kwargs={"sockets": [server_socket]})
        thread.start()
        try:
            yield url_of(server_socket)
        finally:
            server.should_exit = True
            thread.join()


def _server(app: ASGIApp) -> uvicorn.Server:
    # Whoever still waits for an answer that never comes does not keep the server from stopping.
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
