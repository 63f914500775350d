"""Which routes are left unguarded, and not on a list of those that may be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.patterns import PathPattern, PathTemplate
from clerk_fastapi.web.routing.audit import AuditedRoute
from clerk_fastapi.web.routing.selection import with_template

__all__ = ["unguarded"]

_WEBSOCKET: Final = "WEBSOCKET"


def unguarded(routes: Sequence[AuditedRoute], allow: Iterable[str] = ()) -> list[AuditedRoute]:
    """Find the routes of which nobody has decided that they may be public.

    :param allow: templates or patterns of paths that may be, such as ``/health``, ``GET /docs(.*)``
        and ``WEBSOCKET /live``.
    :raises ConfigurationError: if an entry is malformed, or allows nothing that has to be allowed.
    """
    found = [route for route in routes if route.verdict == "unguarded"]
    left = found
    for entry in allow:
        allowance = _Allowance.read(entry, routes)
        if all(allowance.rest(route) is route for route in found):
            raise ConfigurationError(_needless(entry, allowance, routes))
        left = [rest for route in left if (rest := allowance.rest(route)) is not None]
    return left


@dataclass(frozen=True)
class _Allowance:
    """An entry of the list: for these paths, and these methods if any are named."""

    paths: frozenset[str]
    methods: frozenset[str]

    @classmethod
    def read(cls, entry: str, routes: Iterable[AuditedRoute]) -> _Allowance:
        *named, path = entry.split() or [""]
        methods = {method.upper() for method in named}
        if not path.startswith("/"):
            raise ConfigurationError(
                f"{entry!r} allows nothing: write the template or pattern of a path, and methods "
                "before it if you like, such as 'GET /health'."
            )
        if "GET" in methods:
            methods.add("HEAD")
        paths = {route.path for route in routes}
        chosen = {*with_template(path, sorted(paths))}
        if not chosen and "{" not in path:
            pattern = PathPattern(path)
            chosen = {each for each in paths if pattern.covers(PathTemplate.parse(each))}
        return cls(frozenset(chosen), frozenset(methods))

    def rest(self, route: AuditedRoute) -> AuditedRoute | None:
        """What it does not allow of a route: all, some of its methods, or nothing."""
        if route.path not in self.paths:
            return route
        if not self.methods:
            return None
        if route.methods is None:
            is_meant = route.kind == "websocket" and _WEBSOCKET in self.methods
            return None if is_meant else route
        methods = tuple(method for method in route.methods if method not in self.methods)
        if methods == route.methods:
            return route
        return replace(route, methods=methods) if methods else None


def _needless(entry: str, allowance: _Allowance, routes: Iterable[AuditedRoute]) -> str:
    if allowance.paths:
        return f"{entry!r} need not be allowed any more: take it off the list."
    paths = sorted({route.path for route in routes})
    likely = difflib.get_close_matches(entry.split()[-1], paths, 1, 0.5)
    hint = f"; did you mean {likely[0]!r}?" if likely else "."
    return f"{entry!r} allows nothing, for no route has that path{hint}"
