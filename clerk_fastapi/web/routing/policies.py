"""Route policies: what is demanded of whom, and of which routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final, Literal, TypeAlias

from starlette.applications import Starlette
from starlette.routing import Router

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.patterns import PathPattern
from clerk_fastapi.protocol.requirement import Requirement
from clerk_fastapi.web.guards import Guard, require_auth

__all__ = ["Demand", "Policy", "Selectors", "describe", "guard_of", "is_open"]

Demand: TypeAlias = Literal["public", "signed_in"] | Requirement | Guard
"""What a policy demands: nothing, a signed-in user, a requirement, or what a guard demands."""

_EXAMPLES: Final = {
    "paths": "'/items/{id}', '/admin(.*)'",
    "names": "['read_item']",
    "tags": "['items']",
    "routers": "[items.router]",
    "methods": "['GET', 'POST']",
}
_METHOD: Final = re.compile(r"[A-Z]+(-[A-Z]+)*")


class Selectors:
    """What chooses routes: a route is chosen if every selector that is given fits it.

    Of several in a list one is enough; without any, all routes are chosen.
    """

    __slots__ = ("methods", "names", "paths", "routers", "tags")

    what: ClassVar[str] = "policy"
    """What they belong to, in words."""

    def __init__(
        self,
        paths: Iterable[str] = (),
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
        routers: Iterable[Router | Starlette] = (),
        methods: Iterable[str] = (),
    ) -> None:
        self.paths: tuple[str, ...] = self._listed("paths", paths, str)
        self.names: tuple[str, ...] = self._listed("names", names, str)
        self.tags: tuple[str, ...] = self._listed("tags", tags, str)
        self.routers: tuple[Any, ...] = self._listed("routers", routers, (Router, Starlette))
        self.methods = frozenset(name.upper() for name in self._listed("methods", methods, str))
        if not all(map(_METHOD.fullmatch, self.methods)):
            raise ConfigurationError("methods takes HTTP methods, such as GET and POST.")
        if "GET" in self.methods:
            self.methods |= {"HEAD"}
        for path in self.paths:
            if "{" not in path:
                PathPattern(path)

    @property
    def is_open(self) -> bool:
        """Whether they let guests pass, so that choosing too much would be dangerous."""
        return False

    @property
    def choose_all(self) -> bool:
        """Whether none is given."""
        return not (self.paths or self.names or self.tags or self.routers or self.methods)

    def _listed(self, name: str, values: Iterable[Any], kinds: Any) -> tuple[Any, ...]:
        if not isinstance(values, str) and isinstance(values, Iterable):
            listed = tuple(values)
            if all(isinstance(value, kinds) and value for value in listed):
                return listed
        raise ConfigurationError(
            f"The {name} of a {self.what} are a list, such as {_EXAMPLES[name]}."
        )

    def _described(self) -> str:
        chosen = {
            "paths": self.paths,
            "names": self.names,
            "tags": self.tags,
            "routers": self.routers and f"{len(self.routers)} of them",
            "methods": sorted(self.methods),
        }
        return ", ".join(f"{name}={value}" for name, value in chosen.items() if value)


class Policy(Selectors):
    """What is demanded of those who ask for certain routes: ``Policy("public", "/docs(.*)")``.

    Routes are chosen once, when the application starts, and whatever the router picks is judged by
    what was decided for it: no spelling of a path leads around that. A route is chosen if every
    selector that is given fits it, and of several in a list one is enough. The first policy in the
    list that chooses a route decides.

    :param demand: ``public``, ``signed_in``, a requirement such as ``Role("org:admin")``, or a
        guard such as ``require_api_key``.
    :param paths: templates of routes, ``/items/{id}``, or patterns as Clerk writes them,
        ``/admin(.*)`` and ``/api/:path*``. A pattern chooses routes all of whose paths fit it.
    :param names: names of routes; those below a mount with a name begin with it: ``shop:cart``.
    :param tags: tags of routes.
    :param routers: routers that were included, and applications that are mounted.
    :param methods: HTTP methods to which the policy is limited; ``GET`` stands for ``HEAD``, too.
    :raises ConfigurationError: if a demand or a selector is malformed, or none is given.
    """

    __slots__ = ("demand", "guard")

    def __init__(
        self,
        demand: Demand,
        *paths: str,
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
        routers: Iterable[Router | Starlette] = (),
        methods: Iterable[str] = (),
    ) -> None:
        self.demand = demand
        self.guard = guard_of(demand)
        super().__init__(paths, names, tags, routers, methods)
        if self.choose_all:
            raise ConfigurationError(
                "A policy chooses routes by paths, names, tags, routers or methods; what holds for "
                "all others is the default= of ClerkMiddleware."
            )

    @property
    def is_open(self) -> bool:
        return is_open(self.guard)

    def __repr__(self) -> str:
        return f"<Policy {describe(self.guard)}: {self._described()}>"


def guard_of(demand: Demand) -> Guard | None:
    """The guard that enforces a demand, or ``None`` for the public.

    :raises ConfigurationError: if it is none of what a policy can demand.
    """
    if isinstance(demand, Guard):
        return demand
    if isinstance(demand, Requirement):
        return Guard(demand)
    if demand in ("public", "signed_in"):
        return None if demand == "public" else require_auth
    raise ConfigurationError(
        "A policy demands 'public', 'signed_in', a requirement such as Role(...), or a guard."
    )


def describe(guard: Guard | None) -> str:
    """Say in words what is demanded."""
    return "public" if guard is None else str(guard.model.description)


def is_open(guard: Guard | None) -> bool:
    """Whether guests pass."""
    return guard is None or guard.optional
