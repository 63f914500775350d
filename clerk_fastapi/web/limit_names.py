"""What rate limits are called in a store, if nobody has named them: the same in every worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar
from weakref import WeakKeyDictionary

from starlette.applications import Starlette
from starlette.types import Scope

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.routing.declared import called_at
from clerk_fastapi.web.routing.routes import Tree
from clerk_fastapi.web.running import applications, running_app

__all__ = ["Limit", "limits_of_middleware", "name_of"]

_LimitT = TypeVar("_LimitT")


class Limit(Protocol):
    """A rate limit, as far as its name goes."""

    name: str | None
    declared_at: str


_NAMES: Final[WeakKeyDictionary[Starlette, dict[Limit, str]]] = WeakKeyDictionary()


def name_of(limit: Limit, scope: Scope) -> str:
    """The name that a limit has in a running application.

    Without one of its own it is called after the line where it was made; of several from the same
    line, as functions make them, the application's order of routes tells which one is meant.

    :raises ConfigurationError: if nothing does: other workers could not know either.
    """
    if limit.name is not None:
        return f"named {limit.name}"
    app = running_app(scope)
    names = _NAMES.get(app)
    if names is None:
        _NAMES[app] = names = {}
    if limit not in names:  # it is the first, or of a route that came later
        _add(names, _limits(app, type(limit)))
    if limit not in names:
        if any(known.declared_at == limit.declared_at for known in names):
            raise ConfigurationError(
                "A RateLimit that no route shows is told from others by the line where it was "
                "made, and here several were: make it once, outside of functions, or name it."
            )
        _add(names, [limit])
    return names[limit]


def _add(names: dict[Limit, str], limits: Iterable[Limit]) -> None:
    for limit in limits:
        if limit not in names:
            before = sum(known.declared_at == limit.declared_at for known in names)
            names[limit] = f"made at {limit.declared_at} {before}"


def _limits(app: Starlette, kind: type[_LimitT]) -> Iterator[_LimitT]:
    for leaf in Tree(app).leaves:
        yield from (called for called in called_at(leaf) if isinstance(called, kind))
    yield from limits_of_middleware(app, kind)


def limits_of_middleware(app: Starlette, kind: type[_LimitT]) -> Iterator[_LimitT]:
    """The limits that ClerkMiddleware was given, of an application and of those mounted in it."""
    for application in applications(app):
        for middleware in application.user_middleware:
            listed: Any = middleware.kwargs.get("rate_limits")
            if isinstance(listed, Sequence):  # what else there is belongs to somebody else
                limits = (getattr(each, "rate_limit", each) for each in listed)
                yield from (each for each in limits if isinstance(each, kind))
