"""This machine only: its sockets, and the origins of its pages."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final

from clerk_fastapi.errors import ConfigurationError

__all__ = ["LOOPBACK_ORIGIN", "bind", "url_of"]

LOOPBACK_ORIGIN: Final = re.compile(
    r"https?://(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?",
    re.ASCII,
)
"""The origin of a page that this machine itself serves, as browsers write it."""


def bind(host: str, port: int) -> socket.socket:
    """Take a port of a loopback address; port 0 takes a free one.

    From here on connections wait in line until somebody answers, so nobody has to wait for that.

    :raises ConfigurationError: if the address is not a loopback address, or there is no such port.
    :raises OSError: if the port is taken.
    """
    address = _loopback(host)
    if not 0 <= port <= 65_535:
        raise ConfigurationError(f"There is no port {port}; they end at 65535.")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    server = socket.create_server((str(address), port), family=family)
    # asyncio turns off Nagle's algorithm, 40 ms a request, only for sockets that say they are TCP.
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, server.detach())


def url_of(server_socket: socket.socket) -> str:
    """The base URL of what answers on this socket."""
    host, port = server_socket.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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
