"""Every route that an application can serve, found where its router looks for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import is_
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.types import Scope

__all__ = ["Kind", "Leaf", "Tree", "inside"]

Kind: TypeAlias = Literal["http", "websocket", "mount", "fallback"]
"""``mount`` is an application that cannot be looked into; ``fallback`` serves what is left over."""

_ANYTHING: Final = "/{path:path}"


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A route that hands requests over to somebody's code: where a policy is judged.

    ``route`` is the object that the router asks to handle a request, and ``way`` the mounts before
    it. ``paths`` are templates from the root of the application on. ``methods`` is ``None`` where
    the route itself does not ask for any. ``routers`` are those it was declared in, and the
    applications it belongs to.
    """

    route: Any
    way: tuple[BaseRoute, ...]
    kind: Kind
    paths: tuple[str, ...]
    name: str
    methods: frozenset[str] | None = None
    tags: frozenset[str] = frozenset()
    endpoint: object = None
    routers: tuple[object, ...] = ()
    context: RouteContext | None = None

    @property
    def path(self) -> str:
        """The template, or the first of several."""
        return self.paths[0]

    def fits(self, scope: Scope) -> bool:
        """Whether this is the one of several places of a route that a request has come to."""
        return self.context is None or self.context.matches(scope)[0] is not Match.NONE

    def __str__(self) -> str:
        methods = "/".join(sorted(self.methods)) if self.methods else self.kind
        return f"{methods} {self.path}"


class _Listed(NamedTuple):
    """A list of routes, whose it is, and what was in it."""

    owner: Any
    name: str
    routes: Any
    seen: tuple[object, ...]

    def is_unchanged(self) -> bool:
        now = getattr(self.owner, self.name)
        return now is self.routes and len(now) == len(self.seen) and all(map(is_, now, self.seen))


class Tree:
    """All leaves of an application, as they were when it was made.

    ``mounts`` are the mounts that can be looked into.
    """

    def __init__(self, app: Starlette | Router) -> None:
        self.leaves: list[Leaf] = []
        self.mounts: list[Mount | Host] = []
        self._listed: list[_Listed] = []
        self._defaults: list[tuple[Router, object]] = []
        self._routers: list[Router] = []
        self._add_router(_Place(), app)
        self.settle()

    def settle(self) -> None:
        """Take the present state for the one to compare with, after changes of one's own."""
        self._defaults = [(router, router.default) for router in self._routers]

    def is_current(self) -> bool:
        """Whether the application still has exactly these routes."""
        return all(listed.is_unchanged() for listed in self._listed) and all(
            router.default is default for router, default in self._defaults
        )

    def _add_router(self, place: _Place, app: Starlette | Router) -> None:
        router = app.router if isinstance(app, Starlette) else app
        place = place.within(app, router)
        self._see(router, "routes")
        for route in tuple(router.routes):
            self._add_route(place, route)
        self._add_frontend(place, router)
        self._routers.append(router)
        # What Starlette itself says when it finds nothing is no secret.
        if getattr(router.default, "__func__", None) is not Router.not_found:
            self.leaves.append(place.leaf(router, "fallback", (_ANYTHING,)))

    def _add_route(self, place: _Place, route: BaseRoute) -> None:
        # In the same order, but for those that FastAPI leaves out.
        declared = self._declared_in(place, route)
        for context in iter_route_contexts([route]):
            served, described = _effective(context)
            inner = next(where for each, where in declared if each is context.original_route)
            below = inside(served)
            if below is not None:
                self.mounts.append(served)
                self._add_router(inner.beyond(served), below)
            else:
                self.leaves.append(inner.leaf_of(context, served, described))

    def _declared_in(self, place: _Place, route: BaseRoute) -> Iterator[tuple[BaseRoute, _Place]]:
        """Tell where each route was declared, in routers that include one another."""
        included = getattr(route, "original_router", None)
        if included is None:
            yield route, place
            return
        self._see(included, "routes")
        tags = getattr(route, "include_context").tags  # noqa: B009  # its class is not public
        for each in included.routes:
            yield from self._declared_in(place.within(included, tags=tags), each)

    def _add_frontend(self, place: _Place, router: Router, prefix: str = "") -> None:
        """Add the directories that FastAPI serves (``app.frontend``) where no route does."""
        for group in self._see(router, "_low_priority_routes"):
            paths = (f"{prefix}{each.path}".rstrip("/") for each in self._see(group, "routes"))
            self.leaves.append(place.leaf(group, "fallback", [path + _ANYTHING for path in paths]))
        for route in router.routes:
            included = getattr(route, "original_router", None)
            if included is not None:
                context = getattr(route, "include_context")  # noqa: B009  # as above
                inner = place.within(included, tags=context.tags)
                self._add_frontend(inner, included, prefix + context.prefix)

    def _see(self, owner: object, name: str) -> Sequence[Any]:
        routes: Sequence[Any] | None = getattr(owner, name, None)
        if routes is None:
            return ()
        self._listed.append(_Listed(owner, name, routes, tuple(routes)))
        return routes


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in an application we are: behind which mounts, under which path and name."""

    way: tuple[BaseRoute, ...] = ()
    path: str = ""
    name: str = ""
    routers: tuple[object, ...] = ()
    tags: frozenset[str] = frozenset()

    def within(self, *routers: object, tags: Iterable[str | Enum] = ()) -> _Place:
        """The same place, inside of routers; FastAPI gives their tags to its own routes alone."""
        found = [tag for router in routers for tag in getattr(router, "tags", None) or ()]
        tagged = self.tags.union(map(_text, found), map(_text, tags))
        return _Place(self.way, self.path, self.name, (*self.routers, *routers), tagged)

    def beyond(self, mount: Any) -> _Place:
        path = "" if isinstance(mount, Host) else mount.path
        name = f"{self.name}{mount.name}:" if mount.name else self.name
        return _Place((*self.way, mount), self.path + path, name, self.routers, self.tags)

    def leaf(self, route: object, kind: Kind, paths: Iterable[str], name: str = "") -> Leaf:
        whole = tuple(self.path + path for path in paths)
        return Leaf(
            route, self.way, kind, whole, self.name + name, tags=self.tags, routers=self.routers
        )

    def leaf_of(self, context: RouteContext, served: BaseRoute, described: Any) -> Leaf:
        path, kind = getattr(described, "path", None), _kind(served)
        if path is None or isinstance(served, Host):
            path = _ANYTHING
        elif kind == "mount":
            path += _ANYTHING
        methods = getattr(described, "methods", None)
        return Leaf(
            served,
            self.way,
            kind,
            (self.path + path,),
            self.name + (getattr(described, "name", None) or ""),
            frozenset(methods) if methods else None,
            self.tags.union(map(_text, getattr(described, "tags", None) or ())),
            getattr(described, "endpoint", None) or getattr(served, "app", None),
            self.routers,
            context,
        )


def _effective(context: RouteContext) -> tuple[Any, Any]:
    """The object whose ``handle`` the router calls, and the one that knows its path and name.

    Of some routes that it includes FastAPI makes copies, which are both; of others descriptions,
    which handle nothing.
    """
    included: Any = context._route_context  # there is no public name for it
    if included is None:
        return context.route, context.route
    if included.starlette_route is not None:
        return included.starlette_route, included.starlette_route
    return included.original_route, included


def inside(route: BaseRoute) -> Starlette | Router | None:
    """The application behind a mount, if what it serves are routes and nothing else."""
    if not isinstance(route, Mount | Host):
        return None
    app = getattr(route, "_base_app", route.app)  # without the middleware around it
    return app if isinstance(app, Starlette | Router) else None


def _kind(route: BaseRoute) -> Kind:
    if isinstance(route, WebSocketRoute):
        return "websocket"
    return "http" if isinstance(route, Route) else "mount"


def _text(tag: str | Enum) -> str:
    return str(tag.value) if isinstance(tag, Enum) else tag
