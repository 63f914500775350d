"""From an ASGI scope to the facts of a request, reading its headers once."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping
from typing import Any, Protocol
from urllib.parse import quote

from clerk_fastapi.protocol.credentials import Facts, Navigation

__all__ = ["Connection", "Scope", "read_facts"]

Scope = MutableMapping[str, Any]

_WANTED = frozenset(
    {
        b"accept",
        b"authorization",
        b"cookie",
        b"host",
        b"origin",
        b"referer",
        b"sec-fetch-dest",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    }
)
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
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _WANTED:
            if name in found or len(value) > _MAX_BYTES:
                found = _joined(scope["headers"])
                break
            found[name] = value
    get = found.get
    authorization = get(b"authorization")
    speaks = authorization is not None and authorization[:7].lower() == b"bearer "
    return Facts(
        scope["type"],
        scope.get("scheme", "http"),
        authorization,
        get(b"cookie"),
        get(b"host"),
        get(b"origin"),
        None if speaks else _navigation(scope, found),
    )


def _navigation(scope: Scope, found: dict[bytes, bytes]) -> Navigation:
    # Servers that keep no raw path have decoded it, so that it has to be encoded anew.
    path = scope.get("raw_path") or scope.get("path", "").encode("utf-8", "surrogatepass")
    path = path.partition(b"?")[0]
    root = scope.get("root_path", "").rstrip("/")
    if root and not f"{scope.get('path', '')}/".startswith(f"{root}/"):
        # A proxy has taken it off on the way here, but browsers need it.
        path = quote(root, errors="replace").encode() + path
    query = scope.get("query_string", b"")
    client = scope.get("client")
    get = found.get
    return Navigation(
        scope.get("method", ""),
        path + (b"?" + query if query else b""),
        client[0] if client else None,
        get(b"accept"),
        get(b"sec-fetch-dest"),
        get(b"referer"),
        get(b"x-forwarded-host"),
        get(b"x-forwarded-proto"),
        bool(get(b"authorization")),
    )


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _WANTED:
            values.setdefault(name, []).append(value)
    # No browser sends more than this, and a stranger's is not worth reading.
    return {
        name: (b"; " if name == b"cookie" else b", ").join(several)[:_MAX_BYTES]
        for name, several in values.items()
    }
