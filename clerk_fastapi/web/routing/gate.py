"""The gate: whatever route the router selects is judged by what was decided for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.guards import Guard
from clerk_fastapi.web.routing.policies import Decided, Policy, decide
from clerk_fastapi.web.routing.routes import Tree
from clerk_fastapi.web.running import Entrance

__all__ = ["Gate"]

logger = logging.getLogger("clerk_fastapi")

_GATES: Final = "clerk_fastapi.gates"
_WAY: Final = "clerk_fastapi.way"
_NOBODY: Final = "A route was reached of which no policy has decided; please report this."
_BEGINNINGS: Final = ("http.response.start", "websocket.accept")
_OPTIONS_ALONE: Final = frozenset({"OPTIONS"})
_PREFLIGHT: Final = frozenset({b"origin", b"access-control-request-method"})


class Gate:
    """Stands before the router of an application, and arms every route that it can select.

    An armed route asks the gates on the way to it before it hands a request to anybody. So nothing
    here compares paths with patterns: there is no second opinion on what a path means.

    :param own_pages: the sign-in and sign-up pages, if they are paths of this site.
    :raises ConfigurationError: if a policy chooses no route, or leaves something open.
    """

    def __init__(
        self,
        app: Starlette,
        policies: Sequence[Policy],
        default: Guard | None,
        own_pages: Iterable[str | None] = (),
    ) -> None:
        self._app = app
        self._policies = policies
        self._default = default
        self._own_pages = [page for page in own_pages if page and page.startswith("/")]
        wrong = self._decide()
        if wrong:
            raise ConfigurationError(" ".join(wrong))
        # As close to the router as can be: nothing waits between here and the route, so that what
        # was decided is still true there.
        stack: Any = app.router.middleware_stack
        self._around: Any = stack if isinstance(stack, Entrance) else app.router
        self._name = "routes" if isinstance(stack, Entrance) else "middleware_stack"
        self.routes: ASGIApp = getattr(self._around, self._name)
        setattr(self._around, self._name, self)

    def close(self) -> None:
        """Stand aside, for the application has stopped."""
        holder, name = self._around, self._name
        while (found := getattr(holder, name)) is not self:
            if not isinstance(found, Gate):
                return  # somebody has put the application together anew
            holder, name = found, "routes"
        setattr(holder, name, self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note that this gate has to be passed, and look whether there are new routes."""
        if scope["type"] != "lifespan":
            if not self._tree.is_current():
                for sentence in self._decide():
                    logger.error("the routes have changed: %s", sentence)
            passed = _Passed(self, len(scope.get(_WAY, ())))
            scope[_GATES] = (*scope.get(_GATES, ()), passed)
            send = self._watching(passed, scope, send)
        await self.routes(scope, receive, send)

    async def admit(self, route: object, way: Sequence[object], scope: Scope) -> None:
        """Judge a request by what was decided for the route that is about to serve it.

        :param way: the mounts between this gate and the route.
        :raises ClerkError: whatever the guard of the policy raises.
        """
        places = self._places.get((*map(id, way), id(route)))
        if places is None:
            raise ConfigurationError(_NOBODY)
        if len(places) > 1:
            # A router that was included twice has a route in two places: all that fit must agree.
            places = [each for each in places if each.leaf.fits(scope)] or places
        method = scope["method"].upper() if scope["type"] == "http" else None
        for each in places:
            guard = each.rule(method).guard
            if guard is not None and not _is_preflight(each, scope):
                await guard.admit(HTTPConnection(scope))

    def _watching(self, passed: _Passed, scope: Scope, send: Send) -> Send:
        """Let nothing out of a route that has not asked, should a framework find a way to one."""

        async def send_if_asked(message: Message) -> None:
            if not passed.asked and message["type"] in _BEGINNINGS:
                endpoint = scope.get("endpoint")
                # Routers and the middleware of mounts answer by themselves before that.
                if endpoint is not None and id(endpoint) not in self._inner:
                    raise ConfigurationError(_NOBODY)
            await send(message)

        return send_if_asked

    def _decide(self) -> list[str]:
        self._tree = Tree(self._app)
        decided, wrong = decide(self._policies, self._default, self._tree.leaves, self._own_pages)
        self._places: dict[tuple[int, ...], list[Decided]] = {}
        for each in decided:
            place = (*map(id, each.leaf.way), id(each.leaf.route))
            self._places.setdefault(place, []).append(each)
            _arm(each.leaf.route, _Armed)
        for mount in self._tree.mounts:
            _arm(mount, _OnTheWay)
        self._inner = {id(mount.app) for mount in self._tree.mounts}
        self._tree.settle()
        return wrong


@dataclass(slots=True, eq=False)
class _Passed:
    """A gate on the way of a request, how many mounts came before it, and whether it was asked."""

    gate: Gate
    mounts: int
    asked: bool = False


def _is_preflight(decided: Decided, scope: Scope) -> bool:
    """Whether a browser only asks if it may ask (CORS), of a route that does nothing else.

    Browsers send no credentials with that question. A handler that serves other methods, too, is
    not run for it.
    """
    if scope.get("method") != "OPTIONS" or decided.leaf.methods != _OPTIONS_ALONE:
        return False
    return _PREFLIGHT.issubset(name for name, _ in scope["headers"])


class _OnTheWay:
    """Handles as a mount does, and notes that a request came by it."""

    def __init__(self, handle: ASGIApp) -> None:
        self.handle = handle

    async def __call__(self, route: object, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_WAY] = (*scope.get(_WAY, ()), route)
        await self.handle(scope, receive, send)


class _Armed(_OnTheWay):
    """Handles as a route does, once all gates on the way to it are passed."""

    async def __call__(self, route: object, scope: Scope, receive: Receive, send: Send) -> None:
        gates: tuple[_Passed, ...] = scope.get(_GATES, ())
        for passed in gates:
            passed.asked = True
        for passed in gates:
            way = scope.get(_WAY, ())[passed.mounts :]
            await passed.gate.admit(route, way, scope)
        if gates:
            scope[_GATES] = ()  # what lies behind this route has gates of its own, or none
            scope[_WAY] = ()
        await self.handle(scope, receive, send)


def _arm(route: Any, kind: type[_OnTheWay]) -> None:
    """Have a route ask first; of a router that is what it does when it finds no route."""
    name = "default" if isinstance(route, Router) else "handle"
    handle = getattr(route, name)
    if isinstance(getattr(handle, "__func__", None), _OnTheWay):
        if handle.__self__ is route:
            return
        # The copy of an armed route asks for the original.
        handle = getattr(type(route), name).__get__(route)
    setattr(route, name, MethodType(kind(handle), route))
