"""What applications declare: whatever the dependencies of their routes call, down to the last."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import _get_scope_effective_route_context
from starlette.types import Scope

from clerk_fastapi.web.routing.routes import Leaf

__all__ = ["called_at", "called_below", "dependant_of", "dependant_serving"]


def dependant_of(leaf: Leaf) -> Any:
    """The description of a route that has dependencies, or ``None``: only FastAPI's own have."""
    # Of what FastAPI includes, either a description has the dependencies or a copy.
    return _first(leaf.context, leaf.route)


def dependant_serving(scope: Scope) -> Dependant | None:
    """The dependencies of the route that was chosen for a request, if it has any."""
    route = _first(_get_scope_effective_route_context(scope), scope.get("route"))
    found: Dependant | None = None if route is None else route.dependant
    return found


def called_at(leaf: Leaf) -> Iterator[object]:
    """All that the dependencies of a route call."""
    route = dependant_of(leaf)
    if route is not None:
        yield from (called for called, _ in called_below(route.dependant))


def called_below(
    dependant: Dependant, scopes: tuple[str, ...] = ()
) -> Iterator[tuple[object, tuple[str, ...]]]:
    """Walk through a dependency and all that it depends on, in the order of their judgement.

    :returns: what is called, with the security scopes that are demanded of it. Of a method called
        ``__call__`` that is the object it belongs to.
    """
    scopes = (*scopes, *(dependant.own_oauth_scopes or ()))
    called: Any = dependant.call
    while isinstance(called, functools.partial):
        called = called.func
    if getattr(called, "__name__", None) == "__call__":
        called = called.__self__
    yield called, tuple(dict.fromkeys(scopes))
    for each in dependant.dependencies:
        yield from called_below(each, scopes)


def _first(*known: Any) -> Any:
    return next((each for each in known if getattr(each, "dependant", None)), None)
