"""From an ASGI scope to the facts of a request, reading its headers once."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Protocol

from clerk_fastapi.protocol.credentials import Facts

__all__ = ["Connection", "Scope", "read_facts"]

Scope = MutableMapping[str, Any]


class Connection(Protocol):
    """A request or WebSocket: Starlette's ``HTTPConnection``, or anything with an ASGI scope."""

    @property
    def scope(self) -> Scope:
        """The ASGI scope."""
        ...


def read_facts(scope: Scope) -> Facts:
    """Collect what matters for authentication.

    A header that came twice is joined with a comma (RFC 9110 section 5.3), so that two bearer
    tokens make one that nobody accepts; cookies are joined with a semicolon (RFC 6265 section 5.4).
    """
    authorization = cookie = host = origin = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization = value if authorization is None else authorization + b", " + value
        elif name == b"cookie":
            cookie = value if cookie is None else cookie + b"; " + value
        elif name == b"host":
            host = value if host is None else host + b", " + value
        elif name == b"origin":
            origin = value if origin is None else origin + b", " + value
    return Facts(scope["type"], scope.get("scheme", "http"), authorization, cookie, host, origin)
