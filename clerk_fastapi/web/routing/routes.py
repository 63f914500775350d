"""Every route that an application can serve, found where its router looks for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from operator import is_
from typing import Any, Final, Literal, TypeAlias, cast

from fastapi import FastAPI
from fastapi.routing import (
    APIRouter,
    RouteContext,
    _get_scope_effective_route_context,
    iter_route_contexts,
)
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute
from starlette.types import Scope

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.routing.arming import keeps_its_handle

__all__ = ["Kind", "Leaf", "Tree", "inside", "prefix_of"]

Kind: TypeAlias = Literal["http", "websocket", "mount", "fallback"]
"""``mount`` is an application that cannot be looked into; ``fallback`` serves what is left over."""

_ANYTHING: Final = "/{path:path}"
_FRONTENDS: Final = "_iter_low_priority_routes"

_FRAMEWORK: Final = (Starlette, FastAPI, Router, APIRouter, Mount, Host)


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

    @property
    def included(self) -> Any:
        """What FastAPI knows of a route by way of a router that was included, if it was."""
        return self.context and self.context._route_context

    def is_selected(self, scope: Scope) -> bool:
        """Whether FastAPI has chosen this one, of several places of a route, for a request."""
        return self.included is not None and (
            self.included is _get_scope_effective_route_context(scope)
        )

    def __str__(self) -> str:
        methods = "/".join(sorted(self.methods)) if self.methods else self.kind
        return f"{methods} {self.path}"


class Tree:
    """All leaves of an application, as they were when it was made.

    ``mounts`` are those that can be looked into, ``routers`` the routers behind them, and
    ``frontends`` what FastAPI calls to serve directories of routers that were included.
    """

    def __init__(self, app: Starlette | Router) -> None:
        self.leaves: list[Leaf] = []
        self.mounts: list[Mount | Host] = []
        self.routers: list[Router] = []
        self.frontends: list[Any] = []
        self._notes: list[tuple[Any, str]] = []
        self._lists: list[Sequence[Any]] = []
        self._add_router(_Place(), app)
        self.settle()

    def settle(self) -> None:
        """Take the present for what is to be compared with, after changes of one's own."""
        self._found = [(owner, name, getattr(owner, name)) for owner, name in self._notes]
        self._seen = [(routes, tuple(routes)) for routes in self._lists]

    def is_current(self) -> bool:
        """Whether the routers of the application still choose among exactly these routes."""
        for owner, name, found in self._found:
            if getattr(owner, name) is not found:
                return False
        for routes, seen in self._seen:
            if len(routes) != len(seen) or (seen and not all(map(is_, routes, seen))):
                return False
        return True

    def _add_router(self, place: _Place, app: Starlette | Router) -> None:
        router = app.router if isinstance(app, Starlette) else app
        place = place.within(app, router)
        self._see(router, "routes")
        for route in tuple(router.routes):
            self._add_route(place, route)
        self._add_frontend(place, router, iter(getattr(router, _FRONTENDS, list)()))
        self.routers.append(router)
        self._note(router, "default")
        # What Starlette itself says when it finds nothing is no secret.
        if getattr(router.default, "__func__", None) is not Router.not_found:
            self.leaves.append(place.leaf(router, "fallback", (_ANYTHING,)))

    def _add_route(self, place: _Place, route: BaseRoute) -> None:
        # In the same order, but for those that FastAPI leaves out.
        declared = list(self._declared_in(place, route))
        home = place
        if hasattr(route, "original_router"):
            home = self._included(place, route)  # FastAPI may know more than what is there by now
        for context in iter_route_contexts([route]):
            served, described = _effective(context)
            inner = _found(context.original_route, declared) or home
            below = inside(served)
            if below is not None and not any(each is below for each in inner.routers):
                self.mounts.append(served)
                self._note(served, "app")
                self._add_router(inner.beyond(served), below)
            else:
                self.leaves.append(inner.leaf_of(context, served, described))

    def _declared_in(self, place: _Place, route: BaseRoute) -> Iterator[tuple[BaseRoute, _Place]]:
        """Tell where each route was declared, in routers that include one another."""
        included = getattr(route, "original_router", None)
        if included is None:
            yield route, place
            return
        # When one of these changes, FastAPI makes its copies of routes anew.
        self._note(included, "_routes_version")
        for each in self._see(included, "routes"):
            yield from self._declared_in(self._included(place, route), each)

    def _included(self, place: _Place, route: Any) -> _Place:
        """The place inside of a router that was included by this."""
        router = route.original_router
        if not _leaves_to_us(type(router), "handle", "matches"):
            raise ConfigurationError(
                "An included router that handles requests by itself cannot be judged: mount it."
            )
        return place.within(router, tags=route.include_context.tags)

    def _add_frontend(
        self, place: _Place, router: Router, effective: Iterator[Any], prefix: str = ""
    ) -> None:
        """Add the directories that FastAPI serves (``app.frontend``) where no route does.

        :param effective: how FastAPI itself sees them, in the same order.
        """
        for group in self._see(router, "_low_priority_routes"):
            paths = (f"{prefix}{each.path}".rstrip("/") for each in self._see(group, "routes"))
            templates = [path + _ANYTHING for path in paths]
            seen = next(effective)
            context = RouteContext(group, None if seen is group else seen)
            if seen is not group:
                self.frontends.append(seen)
            # Before FastAPI 0.139 it was a copy that served where a router was included.
            served = getattr(seen, "starlette_route", None) or group
            self.leaves.append(place.leaf(served, "fallback", templates, context))
        for route in router.routes:
            included = getattr(route, "original_router", None)
            if included is not None:
                below = prefix + cast(Any, route).include_context.prefix
                self._add_frontend(self._included(place, route), included, effective, below)

    def _see(self, owner: object, name: str) -> Sequence[Any]:
        """Read a list of routes, to notice when it changes."""
        routes: Sequence[Any] | None = getattr(owner, name, None)
        if routes is None:
            return ()
        self._note(owner, name)
        self._lists.append(routes)
        return routes

    def _note(self, owner: object, name: str) -> None:
        """Notice when something else stands in a place."""
        self._notes.append((owner, name))


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

    def leaf(
        self,
        route: object,
        kind: Kind,
        paths: Iterable[str],
        context: RouteContext | None = None,
    ) -> Leaf:
        return Leaf(
            route,
            self.way,
            kind,
            tuple(self.path + path for path in paths),
            self.name,
            tags=self.tags,
            routers=self.routers,
            context=context,
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
    """The application behind a mount, if what it serves are routes and nothing else.

    A subclass that answers by itself is somebody's code, whatever routes it has.
    """
    if not isinstance(route, Mount | Host) or not _leaves_to_us(type(route), "handle"):
        return None
    app: Any = route.app
    base = getattr(route, "_base_app", app)
    while app is not base and not isinstance(app, Starlette | Router):
        app = getattr(app, "app", None)  # the middleware of a mount has what it wraps
        if app is None:
            return None
    router = app.router if isinstance(app, Starlette) else app
    if not isinstance(router, Router) or not keeps_its_handle(route):
        return None
    plain = _leaves_to_us(type(app), "__call__") and _leaves_to_us(type(router), "__call__", "app")
    return app if plain else None


def prefix_of(way: Iterable[BaseRoute]) -> str | None:
    """The path of what is behind these mounts; ``None`` if it is on a host of its own."""
    mounts = list(way)
    if any(isinstance(mount, Host) for mount in mounts):
        return None
    return "".join(mount.path for mount in mounts if isinstance(mount, Mount))


def _leaves_to_us(kind: type, *names: str) -> bool:
    """Whether methods are those of the framework, or what was put in their place there."""
    return all(
        next(each for each in kind.__mro__ if name in vars(each)) in _FRAMEWORK for name in names
    )


def _found(route: BaseRoute, declared: list[tuple[BaseRoute, _Place]]) -> _Place | None:
    """Where a route was declared: in the next place, if there are several."""
    for at, (each, place) in enumerate(declared):
        if each is route:
            del declared[: at + 1]
            return place
    return None


def _kind(route: BaseRoute) -> Kind:
    if isinstance(route, WebSocketRoute):
        return "websocket"
    return "http" if isinstance(route, Route) else "mount"


def _text(tag: str | Enum) -> str:
    return str(tag.value) if isinstance(tag, Enum) else tag
