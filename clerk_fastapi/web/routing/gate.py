"""The gate: whatever route the router selects is judged by what was decided for it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from starlette.applications import Starlette
from starlette.types import Message, Receive, Scope, Send

from clerk_fastapi.engine.authenticate import accepted
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.machine import TokenType
from clerk_fastapi.web.counted import ACCEPTED
from clerk_fastapi.web.guards import Guard
from clerk_fastapi.web.ratelimit import RateLimit, RateLimitRule
from clerk_fastapi.web.routing.arming import (
    GATED,
    NOBODY,
    Journey,
    Passed,
    Standing,
    arm,
    arm_frontend,
    arm_mount,
    innermost,
    journey,
    leave,
    unlink,
    watch,
)
from clerk_fastapi.web.routing.contradictions import contradictions
from clerk_fastapi.web.routing.deciding import Decided, decide
from clerk_fastapi.web.routing.doors import Doors
from clerk_fastapi.web.routing.policies import Policy
from clerk_fastapi.web.routing.routes import Tree
from clerk_fastapi.web.running import running_engine

__all__ = ["Gate"]

logger = logging.getLogger("clerk_fastapi")

_BEGINNINGS: Final = ("http.response.start", "websocket.accept")
_OPTIONS_ALONE: Final = frozenset({"OPTIONS"})
_PREFLIGHT: Final = frozenset({b"origin", b"access-control-request-method"})


class Gate(Standing):
    """Stands before the router of an application, and arms every route that it can select.

    An armed route asks the gates on the way to it before it hands a request to anybody. So nothing
    here compares paths with patterns: there is no second opinion on what a path means.

    :param doors: the sign-in and sign-up pages.
    :param limits: rate limits, which count what the policies let pass.
    :raises ConfigurationError: if a policy or a limit chooses no route, or leaves something open.
    """

    def __init__(
        self,
        app: Starlette,
        policies: Sequence[Policy],
        default: Guard | None,
        doors: Doors,
        limits: Sequence[RateLimitRule] = (),
    ) -> None:
        self._app = app
        self._policies = policies
        self._default = default
        self._doors = doors
        self._limits = limits
        wrong = self._decide()
        if wrong:
            raise ConfigurationError(" ".join(wrong))
        holder, name = innermost(app.router)
        super().__init__(getattr(holder, name))
        setattr(holder, name, self)

    def close(self) -> None:
        """Stand aside, for the application has stopped."""
        unlink(self._app.router, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note that this gate has to be passed."""
        if scope["type"] == "lifespan":
            await self.routes(scope, receive, send)
            return
        self.refresh()
        here, marked = journey.get(), scope.get(GATED, ())
        for at, before in enumerate(here.gates):
            if before.gate is self:  # a request that was sent back to where it came from
                here = Journey(here.gates[:at], here.mounts[: before.mounts])
                break
        passed = Passed(self, running_engine(scope), len(here.mounts))
        token = journey.set(Journey((*here.gates, passed), here.mounts))
        scope[GATED] = (*marked, passed)
        try:
            await self.routes(scope, receive, self._watching(passed, scope, send))
        finally:
            leave(token)
            scope[GATED] = marked

    def refresh(self) -> None:
        """Decide anew if the routes have changed."""
        if not self._tree.is_current():
            for sentence in self._decide():
                logger.error("the routes have changed: %s", sentence)

    def knows(self, route: object) -> bool:
        """Whether a route is among those that were decided for."""
        return id(route) in self._known

    async def admit(
        self, route: object, way: Sequence[object], engine: Engine[Any], scope: Scope
    ) -> None:
        """Judge a request by what was decided for the route that is about to serve it.

        :param way: the mounts between this gate and the route.
        :param engine: the Clerk that decides where this gate stands.
        :raises ClerkError: whatever the guard of the policy raises, or a rate limit.
        """
        method = scope["method"].upper() if scope["type"] == "http" else None
        place = (*map(id, way), id(route))
        passage = self._passages.get((place, method))
        if passage is None:
            passage = self._found(place, method, scope)
        for guard in passage.guards:
            await guard.admit(_Asking(scope), clerk=engine)
        if passage.accepts:
            scope[ACCEPTED] = scope.get(ACCEPTED, frozenset()) | passage.accepts
        for limit in passage.limits:
            await limit.admit(_Asking(scope), clerk=engine)

    def _found(self, place: tuple[int, ...], method: str | None, scope: Scope) -> _Passage:
        """What is to be passed in a place; kept where nothing else of the request matters."""
        places = self._places.get(place)
        if places is None:
            raise ConfigurationError(NOBODY)
        methods = places[0].leaf.methods or ()
        if len(places) == 1 and method in methods and methods != _OPTIONS_ALONE:
            self._passages[place, method] = passage = _passage(places, method)
            return passage
        # A router that was included twice has a route in two places; in doubt, all must agree.
        selected = [each for each in places if each.leaf.is_selected(scope)] or places
        return _passage([each for each in selected if not _is_preflight(each, scope)], method)

    def _watching(self, passed: Passed, scope: Scope, send: Send) -> Send:
        """Let nothing out of a route that has not asked, should a framework find a way to one."""

        before = scope.get("endpoint")

        async def send_if_asked(message: Message) -> None:
            if not passed.asked and message["type"] in _BEGINNINGS:
                endpoint = scope.get("endpoint")
                # Routers and the middleware of mounts answer by themselves before that.
                if endpoint is not before and id(endpoint) not in self._inner:
                    raise ConfigurationError(NOBODY)
            await send(message)

        return send_if_asked

    def _decide(self) -> list[str]:
        tree = Tree(self._app)
        decided, wrong = decide(
            self._policies, self._default, tree.leaves, self._doors, self._limits
        )
        wrong += contradictions(decided)
        places: dict[tuple[int, ...], list[Decided]] = {}
        for each in decided:
            place = (*map(id, each.leaf.way), id(each.leaf.route))
            places.setdefault(place, []).append(each)
            arm(each.leaf.route)
        for mount in tree.mounts:
            arm_mount(mount)
        for frontend in tree.frontends:
            arm_frontend(frontend)
        for router in tree.routers:
            if router is not self._app.router:
                watch(router)
        tree.settle()
        self._inner = {id(mount.app) for mount in tree.mounts}
        self._places = places
        self._passages: dict[tuple[tuple[int, ...], str | None], _Passage] = {}
        self._known = {place[-1] for place in places}
        # At last: until then the routes are not as they should be.
        self._tree = tree
        return wrong


class _Passage(NamedTuple):
    """What a request has to pass, the kinds of token that this takes, and what counts it then."""

    guards: tuple[Guard, ...]
    accepts: frozenset[TokenType]
    limits: tuple[RateLimit, ...]


def _passage(decided: Sequence[Decided], method: str | None) -> _Passage:
    guards = tuple(guard for each in decided for guard in each.guards(method))
    kinds = [accepted(guard.accepts_token).kinds for guard in guards]
    limits = tuple(limit for each in decided for limit in each.rate_limits(method))
    return _Passage(guards, frozenset[TokenType]().union(*kinds), limits)


@dataclass(slots=True)
class _Asking:
    """A request or WebSocket, as far as guards want to see it."""

    scope: Scope


def _is_preflight(decided: Decided, scope: Scope) -> bool:
    """Whether a browser only asks if it may ask (CORS), of a route that does nothing else.

    Browsers send no credentials with that question. A handler that serves other methods, too, is
    not run for it.
    """
    if scope.get("method") != "OPTIONS" or decided.leaf.methods != _OPTIONS_ALONE:
        return False
    return _PREFLIGHT.issubset(name for name, _ in scope["headers"])
