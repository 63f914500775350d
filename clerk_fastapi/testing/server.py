"""The instance over HTTP, on this machine only."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

import uvicorn
from starlette.types import ASGIApp

from clerk_fastapi.errors import ConfigurationError

__all__ = ["bind", "run", "serve", "url_of"]


def bind(host: str, port: int) -> socket.socket:
    """Take a port of a loopback address; port 0 takes a free one.

    From here on connections wait in line until somebody answers, so nobody has to wait for that.

    :raises ConfigurationError: if the address is not a loopback address.
    :raises OSError: if the port is taken.
    """
    address = _loopback(host)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    return socket.create_server((str(address), port), family=family)


def url_of(server_socket: socket.socket) -> str:
    """The base URL of what answers on this socket."""
    host, port = server_socket.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(app: ASGIApp, server_socket: socket.socket) -> None:
    """Answer in this thread until interrupted."""
    with suppress(KeyboardInterrupt):
        _server(app).run(sockets=[server_socket])


@contextmanager
def serve(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Answer in a thread of its own while the block runs; gives the base URL.

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
    # Whoever is still waiting for a hanging answer when the server stops is not waited for.
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    )


def _loopback(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ConfigurationError(
            f"A local Clerk listens on this machine only; {host} is not a loopback address."
        )
    return address
