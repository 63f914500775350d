"""Armed routes: they ask the gates on the way to them before they hand a request to anybody."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar, Token
from dataclasses import dataclass
from types import MethodType
from typing import Any, Final, NamedTuple, Protocol

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.running import Entrance

__all__ = [
    "GATED",
    "NOBODY",
    "Gate",
    "Journey",
    "Passed",
    "Standing",
    "arm",
    "arm_frontend",
    "arm_mount",
    "innermost",
    "journey",
    "keeps_its_handle",
    "leave",
    "unlink",
    "watch",
]

NOBODY: Final = "A route was reached of which no policy has decided; please report this."
GATED: Final = "clerk_fastapi.gates"
"""Where a scope holds the gates that it has come by, and that were not asked yet."""


class Gate(Protocol):
    """Whoever has decided for routes."""

    def refresh(self) -> None:
        """Look whether the routes are still those that were decided for."""
        ...

    def knows(self, route: object) -> bool:
        """Whether a route is among them."""
        ...

    async def admit(
        self, route: object, way: Sequence[object], engine: Engine[Any], scope: Scope
    ) -> None:
        """Let a request pass to a route behind these mounts, or raise an error."""
        ...


@dataclass(slots=True, eq=False)
class Passed:
    """A gate on the way of a request, with the Clerk that decides where it stands.

    ``mounts`` tells how many came before it, and ``asked`` whether a route has asked it.
    """

    gate: Gate
    engine: Engine[Any]
    mounts: int
    asked: bool = False


class Journey(NamedTuple):
    """The gates and mounts that a request has come by."""

    gates: tuple[Passed, ...] = ()
    mounts: tuple[object, ...] = ()


_START: Final = Journey()

# Not on the scope alone: middleware makes new ones, or sends one round twice.
journey: Final[ContextVar[Journey]] = ContextVar("clerk_fastapi.journey", default=_START)


def leave(token: Token[Journey]) -> None:
    """Go back to where a request came from."""
    # One that never ended is cleared away elsewhere, where it was not on a journey.
    try:  # noqa: SIM105  # every request comes by here, and suppress() takes its time
        journey.reset(token)
    except ValueError:
        pass


class _OnTheWay:
    """Handles as a mount does, and notes that a request came by it.

    ``is_foreign`` tells that somebody else had put ``handle`` in the place of what the class does,
    and ``__wrapped__`` what it is all about, as functools.wraps does.
    """

    def __init__(self, handle: ASGIApp, *, is_foreign: bool = False) -> None:
        self.handle = self.__wrapped__ = handle
        self.is_foreign = is_foreign

    async def __call__(self, route: object, scope: Scope, receive: Receive, send: Send) -> None:
        here = journey.get()
        token = journey.set(here._replace(mounts=(*here.mounts, route)))
        try:
            await self.handle(scope, receive, send)
        finally:
            leave(token)


class _Armed(_OnTheWay):
    """Handles as a route does, once all gates on the way to it are passed."""

    async def __call__(self, route: object, scope: Scope, receive: Receive, send: Send) -> None:
        here, marked = journey.get(), scope.get(GATED, ())
        if marked and not here.gates:
            raise ConfigurationError(NOBODY)  # somebody went on in another context
        for passed in here.gates:
            passed.asked = True
        # What lies behind this route has gates of its own, or none.
        token = journey.set(_START)
        scope[GATED] = ()
        try:
            for passed in here.gates:
                # With a new scope it may be a request of its own, to another application.
                if passed in marked or passed.gate.knows(route):
                    way = here.mounts[passed.mounts :]
                    await passed.gate.admit(route, way, passed.engine, scope)
            await self.handle(scope, receive, send)
        finally:
            leave(token)
            scope[GATED] = marked


class Standing:
    """What stands before the routes of a router."""

    def __init__(self, routes: ASGIApp) -> None:
        self.routes = routes


class _Lookout(Standing):
    """Has gates look again before a mounted application chooses: its middleware may have waited."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for passed in journey.get().gates:
            passed.gate.refresh()
        await self.routes(scope, receive, send)


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


def _wrap(owner: Any, name: str, kind: type[_OnTheWay], route: object) -> None:
    handle = getattr(owner, name)
    wrapper, is_foreign = _wrapper(handle), name in vars(owner)
    if wrapper is not None and handle.__self__ is not route:
        # A copy, which still calls what was armed for the original.
        handle, is_foreign = getattr(type(owner), name).__get__(owner), False
    elif type(wrapper) is kind:
        return
    elif wrapper is not None:
        handle, is_foreign = wrapper.handle, wrapper.is_foreign
    setattr(owner, name, MethodType(kind(handle, is_foreign=is_foreign), route))


def keeps_its_handle(route: Any) -> bool:
    """Whether a route does what its class says, as far as nobody but us has changed it."""
    handle = vars(route).get("handle")
    wrapper = _wrapper(handle)
    return handle is None or (wrapper is not None and not wrapper.is_foreign)


def _wrapper(handle: object) -> _OnTheWay | None:
    found = getattr(handle, "__func__", None)
    return found if isinstance(found, _OnTheWay) else None


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
