"""Which rules are in force for each route of an application, whether it runs or not."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any, Final, NamedTuple

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.web.current import current_organization, current_user
from clerk_fastapi.web.guards import Guard
from clerk_fastapi.web.middleware import ClerkMiddleware, checked_policies
from clerk_fastapi.web.ratelimit import RateLimit, checked_limits
from clerk_fastapi.web.routing.contradictions import contradictions
from clerk_fastapi.web.routing.deciding import Decided, decide
from clerk_fastapi.web.routing.declared import called_at
from clerk_fastapi.web.routing.doors import Doors
from clerk_fastapi.web.routing.policies import guard_of
from clerk_fastapi.web.routing.routes import Leaf, Tree, inside, prefix_of

__all__ = ["InForce", "Operation", "Ruled", "operations_in_force", "rules_in_force"]


_ASKING: Final = (current_user, current_organization)


class Operation(NamedTuple):
    """What OpenAPI calls a route and one of its methods."""

    path: str
    method: str


class InForce(NamedTuple):
    """What policies demand for an operation, all that limits it, and whether Clerk is asked first.

    Limits are those of its dependencies, too; guards are not.
    """

    guards: list[Guard]
    limits: list[RateLimit]
    asks: bool


class Ruled(NamedTuple):
    """A route, and what each ClerkMiddleware on the way to it has decided."""

    leaf: Leaf
    decisions: list[Decided]


def rules_in_force(app: Starlette) -> tuple[list[Ruled], list[str]]:
    """Decide for every route as the middleware will when the application runs.

    :returns: what was decided, and sentences about what would stop the start-up.
    """
    ruled = [Ruled(leaf, []) for leaf in Tree(app).leaves]
    wrong: list[str] = []
    clerks = list(_clerks_of(app))  # which of several is closest only a request can tell
    for way, application in _applications(app, [each.leaf for each in ruled]):
        below = [each for each in ruled if _ids(each.leaf.way[: len(way)]) == _ids(way)]
        for decided, problems in _decided(application, clerks, prefix_of(way)):
            wrong += problems
            # Seen from inside and from outside, the routes come in the same order.
            for each, decision in zip(below, cycle(decided), strict=False):
                each.decisions.append(decision)
    return ruled, wrong


def operations_in_force(app: Starlette, inner: FastAPI) -> dict[Operation, InForce]:
    """What holds for each operation in the OpenAPI document of an application.

    :param app: the outermost application, whose policies and limits count, too.
    :param inner: the application with the document: the same, or one that is mounted. If it is
        mounted in several places, what is demanded in all of them, and what limits any.
    """
    found: dict[Operation, dict[tuple[int, ...], InForce]] = {}
    for leaf, decisions in rules_in_force(app)[0]:
        home = inside(leaf.way[-1]) if leaf.way else app
        described: Any = leaf.context
        if home is inner and getattr(described, "include_in_schema", False):
            for method in leaf.methods or ():
                rules = (decided.rule(method) for decided in decisions)
                guards = [rule.guard for rule in rules if rule.guard and not rule.guard.optional]
                limits = [each for decided in decisions for each in decided.rate_limits(method)]
                called = list(called_at(leaf))
                limits += [each for each in called if isinstance(each, RateLimit)]
                asks = any(each is asking for each in called for asking in _ASKING)
                operation = Operation(described.path_format, method)
                found.setdefault(operation, {})[_ids(leaf.way)] = InForce(guards, limits, asks)
    return {operation: _together(list(places.values())) for operation, places in found.items()}


def _together(places: list[InForce]) -> InForce:
    guards = [guard for guard in places[0].guards if all(guard in each.guards for each in places)]
    limits = list(dict.fromkeys(limit for each in places for limit in each.limits))
    return InForce(guards, limits, asks=places[0].asks)


def _applications(
    app: Starlette, leaves: list[Leaf]
) -> Iterator[tuple[tuple[BaseRoute, ...], Starlette]]:
    """An application and those mounted in it, with the mounts on the way to them."""
    yield (), app
    ways = (leaf.way[: end + 1] for leaf in leaves for end in range(len(leaf.way)))
    for way in {_ids(way): way for way in ways}.values():
        mounted = inside(way[-1])
        if isinstance(mounted, Starlette):
            yield way, mounted


def _ids(way: tuple[BaseRoute, ...]) -> tuple[int, ...]:
    return tuple(map(id, way))  # mounts that look the same are equal, and not hashable


def _decided(
    app: Starlette, clerks: Iterable[Engine[Any]], prefix: str | None
) -> Iterator[tuple[list[Decided], list[str]]]:
    doors = Doors([clerk.site for clerk in clerks], prefix)
    for middleware in app.user_middleware:
        if not (inspect.isclass(middleware.cls) and issubclass(middleware.cls, ClerkMiddleware)):
            continue
        arguments: Any = middleware.kwargs
        default = guard_of(arguments.get("default", "public"))
        policies = checked_policies(arguments.get("policies", ()))
        limits = checked_limits(arguments.get("rate_limits", ()))
        decided, wrong = decide(policies, default, Tree(app).leaves, doors, limits)
        yield decided, [*wrong, *contradictions(decided)]


def _clerks_of(app: Starlette) -> Iterator[Engine[Any]]:
    """The Clerks of an application that need not run: those that its lifespan speaks of."""
    return _mentioned(app.router.lifespan_context, set())


def _mentioned(lifespan: Any, seen: set[int]) -> Iterator[Engine[Any]]:
    owner = getattr(lifespan, "__self__", None)
    if isinstance(owner, Engine):
        yield owner
    function = inspect.unwrap(lifespan)
    if not inspect.isfunction(function) or id(function) in seen:
        return
    seen.add(id(function))
    variables = inspect.getclosurevars(function)
    for value in (*variables.globals.values(), *variables.nonlocals.values()):
        if isinstance(value, Engine):
            yield value
    # FastAPI makes one function of the lifespans of an application and of routers it includes.
    for value in variables.nonlocals.values():
        yield from _mentioned(value, seen)
