"""What guards a route: guards anywhere among its dependencies, and rules of ClerkMiddleware."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import and_, is_
from typing import Any, Literal, TypeAlias

from starlette.applications import Starlette

from clerk_fastapi.engine.authenticate import accepted
from clerk_fastapi.protocol.authorization import Permission, Scope
from clerk_fastapi.protocol.machine import TokenType
from clerk_fastapi.web.guards import Guard
from clerk_fastapi.web.routing.deciding import Rule
from clerk_fastapi.web.routing.declared import called_below, dependant_of
from clerk_fastapi.web.routing.routes import Leaf
from clerk_fastapi.web.schemes import describe_guard
from clerk_fastapi.web.signed import DEMAND, SignedByClerk

__all__ = ["DependencySource", "Safeguard", "Source", "called_from", "guards_of", "safeguard_of"]

DependencySource: TypeAlias = Literal["guard", "router", "application"]
"""Where a dependency was written: ``guard`` at a route, or anywhere among what its dependencies
depend on; ``router`` or ``application`` for all of theirs."""

Source: TypeAlias = DependencySource | Literal["policy", "default"]
"""The same of whatever guards: ``policy`` or ``default`` in ClerkMiddleware."""


@dataclass(frozen=True)
class Safeguard:
    """One thing that stands before a route.

    ``demand`` says it in words, ``requirement`` to programs, and ``accepts_token`` lists the kinds
    of token, of which a signature is none. What is ``optional`` lets guests pass; a policy that
    says ``public`` does, too, and has no requirement.
    """

    source: Source
    demand: str
    requirement: dict[str, object] | None
    accepts_token: tuple[TokenType, ...]
    optional: bool

    def __str__(self) -> str:
        optional = ", optional" if self.optional and self.requirement is not None else ""
        return f"{self.source}: {self.demand}{optional}"


def safeguard_of(rule: Rule) -> Safeguard | None:
    """What a rule of ClerkMiddleware adds; the default adds nothing where it says ``public``."""
    source: Source = "policy" if rule.policy else "default"
    if rule.guard is not None:
        return _safeguard(source, rule.guard, ())
    return Safeguard(source, "public", None, (), optional=True) if rule.policy else None


def guards_of(leaf: Leaf) -> Iterator[Safeguard]:
    """Find the guards of a route, in the order in which they judge."""
    for source, called, scopes in called_from(leaf):
        if isinstance(called, Guard):
            yield _safeguard(source, called, scopes)
        if isinstance(called, SignedByClerk):
            yield Safeguard(source, DEMAND, {"signed_by": "clerk"}, (), optional=False)


def called_from(leaf: Leaf) -> Iterator[tuple[DependencySource, object, tuple[str, ...]]]:
    """All that the dependencies of a route call, from where, and with which security scopes."""
    route = dependant_of(leaf)
    if route is None:
        return
    sources = _sources(leaf, route.dependencies)
    for at, dependency in enumerate(route.dependant.dependencies):
        source = sources[at] if at < len(sources) else "guard"
        for called, scopes in called_below(dependency):
            yield source, called, scopes


def _sources(leaf: Leaf, dependencies: Sequence[object]) -> list[DependencySource]:
    """Tell of each dependency that is no parameter where it was written.

    FastAPI lists those of the application first, then those of the routers from the outermost on,
    and those of the route itself at the end.
    """
    application = next(each for each in reversed(leaf.routers) if isinstance(each, Starlette))
    original: Any = leaf.context.original_route if leaf.context else leaf.route
    inherited = _in_common(original.dependencies, leaf.routers[-1])
    of_application = _in_common(dependencies, application.router)
    of_route = len(original.dependencies) - inherited
    of_routers = len(dependencies) - of_application - of_route
    counted: list[tuple[DependencySource, int]] = [
        ("application", of_application),
        ("router", of_routers),
        ("guard", of_route),
    ]
    return [source for source, count in counted for _ in range(count)]


def _in_common(dependencies: Sequence[object], router: object) -> int:
    """How many of the dependencies at the beginning are those of a router."""
    own: Sequence[object] = getattr(router, "dependencies", ())
    return len(list(takewhile(bool, map(is_, dependencies, own))))


def _safeguard(source: Source, guard: Guard, scopes: tuple[str, ...]) -> Safeguard:
    kinds = accepted(guard.accepts_token).kinds
    kind = Permission if "session_token" in kinds else Scope
    parts = [guard.requirement] if guard.requirement is not None else []
    demanded = [*parts, *map(kind, scopes)]
    requirement = functools.reduce(and_, demanded) if demanded else None
    words = str(describe_guard(requirement, kinds, optional=guard.optional).description)
    programs = {"signed_in": True} if requirement is None else requirement.to_json()
    return Safeguard(source, words, {**programs}, tuple(sorted(kinds)), guard.optional)
