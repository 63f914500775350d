"""From an ASGI scope to the facts of a request, reading its headers once."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, Protocol

from clerk_fastapi.protocol.credentials import Facts

__all__ = ["Connection", "Scope", "read_facts"]

Scope = MutableMapping[str, Any]

_WANTED = frozenset({b"authorization", b"cookie", b"host", b"origin"})
_MAX_BYTES = 65_536


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
    Of longer ones the first 64 KB are read.
    """
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        if name in _WANTED:
            found.setdefault(name, []).append(value)
    get = found.get
    return Facts(
        scope["type"],
        scope.get("scheme", "http"),
        _joined(get(b"authorization"), b", "),
        _joined(get(b"cookie"), b"; "),
        _joined(get(b"host"), b", "),
        _joined(get(b"origin"), b", "),
    )


def _joined(values: list[bytes] | None, separator: bytes) -> bytes | None:
    if values is None:
        return None
    whole = values[0] if len(values) == 1 else separator.join(values)
    return whole[:_MAX_BYTES]  # no browser sends more, and a stranger's is not worth reading
