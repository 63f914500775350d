"""Armed routes: they ask the gates on the way to them before they hand a request to anybody."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import MethodType
from typing import Any, Final, Protocol

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi.web.running import Entrance

__all__ = [
    "Passed",
    "Standing",
    "arm",
    "arm_frontend",
    "arm_mount",
    "innermost",
    "mounts_passed",
    "passing",
    "unlink",
    "watch",
]


class Gate(Protocol):
    """Whoever has decided for routes."""

    def refresh(self) -> None:
        """Look whether the routes are still those that were decided for."""
        ...

    async def admit(self, route: object, way: Sequence[object], scope: Scope) -> None:
        """Let a request pass to a route behind these mounts, or raise an error."""
        ...


@dataclass(slots=True, eq=False)
class Passed:
    """A gate on the way of a request, how many mounts came before it, and whether it was asked."""

    gate: Gate
    mounts: int
    asked: bool = False


# Not on the scope: middleware makes new ones, or sends one round twice.
passing: Final[ContextVar[tuple[Passed, ...]]] = ContextVar("clerk_fastapi.gates", default=())
mounts_passed: Final[ContextVar[tuple[object, ...]]] = ContextVar("clerk_fastapi.way", default=())


class Standing:
    """What stands before the routes of a router."""

    def __init__(self, routes: ASGIApp) -> None:
        self.routes = routes


class _OnTheWay:
    """Handles as a mount does, and notes that a request came by it."""

    def __init__(self, handle: ASGIApp) -> None:
        self.handle = handle

    async def __call__(self, route: object, scope: Scope, receive: Receive, send: Send) -> None:
        way = mounts_passed.set((*mounts_passed.get(), route))
        try:
            await self.handle(scope, receive, send)
        finally:
            mounts_passed.reset(way)


class _Armed(_OnTheWay):
    """Handles as a route does, once all gates on the way to it are passed."""

    async def __call__(self, route: object, scope: Scope, receive: Receive, send: Send) -> None:
        gates = passing.get()
        if not gates:
            await self.handle(scope, receive, send)
            return
        mounts = mounts_passed.get()
        for passed in gates:
            passed.asked = True
        for passed in gates:
            await passed.gate.admit(route, mounts[passed.mounts :], scope)
        # What lies behind this route has gates of its own, or none.
        gate, way = passing.set(()), mounts_passed.set(())
        try:
            await self.handle(scope, receive, send)
        finally:
            passing.reset(gate)
            mounts_passed.reset(way)


class _Lookout(Standing):
    """Has gates look again before a mounted application chooses: its middleware may have waited."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for passed in passing.get():
            passed.gate.refresh()
        await self.routes(scope, receive, send)


def _wrap(owner: Any, name: str, kind: type[_OnTheWay], route: object) -> None:
    handle = getattr(owner, name)
    wrapper = getattr(handle, "__func__", None)
    if isinstance(wrapper, _OnTheWay):
        if handle.__self__ is not route:
            handle = getattr(type(owner), name).__get__(owner)  # of a copy, which still calls both
        elif type(wrapper) is kind:
            return
        else:
            handle = wrapper.handle
    setattr(owner, name, MethodType(kind(handle), route))


def arm(route: Any) -> None:
    """Have a route ask first; of a router that is what it does when it finds no route."""
    _wrap(route, "default" if isinstance(route, Router) else "handle", _Armed, route)


def arm_mount(route: Any) -> None:
    """Have a mount note who came by."""
    _wrap(route, "handle", _OnTheWay, route)


def arm_frontend(included: Any) -> None:
    """Have a directory ask first that is served for a router that was included."""
    if getattr(included, "app", None) is not None:
        _wrap(included, "app", _Armed, included.original_route)


def watch(router: Router) -> None:
    """Have the gates look at their routes again right before this router chooses."""
    holder, name = innermost(router)
    if not isinstance(holder, _Lookout):
        setattr(holder, name, _Lookout(getattr(holder, name)))


def innermost(router: Router) -> tuple[Any, str]:
    """Where a router's own way of choosing hangs: nothing waits between there and the route."""
    holder: Any = router
    name = "middleware_stack"
    while isinstance(found := getattr(holder, name), Entrance | Standing):
        holder, name = found, "routes"
    return holder, name


def unlink(router: Router, gate: object) -> None:
    """Take a gate away from before a router."""
    holder: Any = router
    name = "middleware_stack"
    while isinstance(found := getattr(holder, name), Entrance | Standing):
        if found is gate:
            setattr(holder, name, found.routes)
            return
        holder, name = found, "routes"
