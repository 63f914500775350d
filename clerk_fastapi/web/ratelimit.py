"""Rate limits: how often anybody may ask, as a guard and as a rule of ClerkMiddleware."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final, Literal, NamedTuple, NoReturn, TypeAlias, get_args
from weakref import WeakKeyDictionary

from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Router

from clerk_fastapi.engine.answer import ANSWER, Answer
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.engine.facts import Connection
from clerk_fastapi.errors import ConfigurationError, RateLimited, StoreUnavailable
from clerk_fastapi.protocol.uncalled import uncalled
from clerk_fastapi.stores.store import Hit
from clerk_fastapi.stores.windows import MemoryWindows
from clerk_fastapi.web.counted import By, KeyOf, counted_as
from clerk_fastapi.web.limit_headers import Standing, limit_headers, whole_seconds
from clerk_fastapi.web.limit_names import name_of
from clerk_fastapi.web.refusals import teach
from clerk_fastapi.web.routing.policies import Selectors
from clerk_fastapi.web.running import running_engine

__all__ = ["RateLimit", "RateLimitRule", "WithoutStore", "checked_limits"]

logger = logging.getLogger("clerk_fastapi")

WithoutStore: TypeAlias = Literal["refuse", "allow", "local"]
"""What becomes of requests while the store is away."""

_COUNTED: Final = "clerk_fastapi.counted"
"""Where a scope holds the limits that have counted it."""

_NAME: Final = re.compile(r"[ -~]{1,100}")
_MOST: Final = 1_000_000
_A_YEAR: Final = 366 * 86_400


class _Made(type):
    """What the class is like: FastAPI would make a limit of each request's query parameters."""

    __signature__ = uncalled("A limit is made first, and once: Depends(RateLimit(10, per=10)).")


class RateLimit(metaclass=_Made):
    """So many requests of anybody in any ``per`` seconds: ``Depends(RateLimit(10, per=10))``.

    A sliding window, counted exactly; what is refused does not count. One object counts for all
    routes that it is used at, and two objects count apart, unless they have the same name and
    numbers. All workers count together if the store of the Clerk is one that they share.

    :param limit: how many requests are allowed.
    :param per: in how many seconds, a whole number.
    :param by: what is told apart: ``user``, ``organization`` (the active one), ``api_key`` (any
        machine's token), ``address`` (of IPv6 the first 64 bits), or a function of the request that
        returns a text. Who has no organization counts as a user, and who is not signed in by
        address.
    :param name: what it is called in the store and in headers; by default it is called after the
        line where it was made, in the store, and after its numbers in headers.
    :param on_outage: what becomes of requests while the store is away: ``refuse`` is 503, ``allow``
        lets all pass, ``local`` counts in this process alone.
    :raises ConfigurationError: if an argument is malformed.
    """

    def __init__(
        self,
        limit: int,
        *,
        per: int,
        by: By | KeyOf = "user",
        name: str | None = None,
        on_outage: WithoutStore = "refuse",
    ) -> None:
        _check_count("limit", limit, _MOST)
        _check_count("per", per, _A_YEAR)
        if by not in get_args(By) and (isinstance(by, str) or not callable(by)):
            raise ConfigurationError(f"by is one of {', '.join(get_args(By))}, or a function.")
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ConfigurationError("The name of a rate limit is plain text, such as 'uploads'.")
        if on_outage not in get_args(WithoutStore):
            raise ConfigurationError(f"on_outage is one of {', '.join(get_args(WithoutStore))}.")
        self.limit = limit
        self.per = per
        self.by: By | KeyOf = by
        self.name = name
        self.on_outage: WithoutStore = on_outage
        caller = sys._getframe(1)
        self.declared_at = f"{caller.f_globals.get('__name__')}:{caller.f_lineno}"
        self._meanwhile: WeakKeyDictionary[Engine[Any], MemoryWindows] = WeakKeyDictionary()
        self._is_without = False

    def on(
        self,
        *paths: str,
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
        routers: Iterable[Router | Starlette] = (),
        methods: Iterable[str] = (),
    ) -> RateLimitRule:
        """Limit certain routes by a rule: ``ClerkMiddleware, rate_limits=[limit.on("/api(.*)")]``.

        The parameters choose routes as those of :class:`~clerk_fastapi.Policy` do.

        :raises ConfigurationError: if a selector is malformed, or none is given.
        """
        rule = RateLimitRule(self, paths, names, tags, routers, methods)
        if rule.choose_all:
            raise ConfigurationError(
                "on() chooses routes by paths, names, tags, routers or methods; to limit all of "
                "them put the RateLimit itself on the list."
            )
        return rule

    def is_the_same_as(self, other: RateLimit) -> bool:
        """Whether both count together, so that a request is counted by one of them."""
        if self.name is None:
            return self is other
        return self._terms() == other._terms()

    def _terms(self) -> tuple[object, ...]:
        return self.name, self.limit, self.per, self.by

    async def __call__(self, connection: HTTPConnection) -> None:
        """Count a request; called by FastAPI."""
        await self.admit(connection)

    async def admit(self, connection: Connection, *, clerk: Engine[Any] | None = None) -> None:
        """Count a request or WebSocket, once however often it is asked, and refuse it if need be.

        :param clerk: the instance to ask; by default the running one.
        :raises RateLimited: 429, with what the client has to know.
        :raises StoreUnavailable: 503, if the store is away and ``on_outage`` is ``refuse``.
        """
        scope = connection.scope
        counted: list[_Seen] = scope.setdefault(_COUNTED, [])
        if any(seen.by.is_the_same_as(self) for seen in counted):
            return
        teach(scope)
        engine = clerk or running_engine(scope)
        who = await counted_as(self.by, HTTPConnection(scope), engine)
        # Nothing but the last part can hold a line break.
        key = "\n".join((name_of(self, scope), *who))
        hit = await self._hit(engine, key)
        if hit is None:
            return
        seen = _Seen(self, Standing(self.label, self.limit, self.per, hit))
        headers = limit_headers([each.standing for each in (*counted, seen)])
        answer = scope.get(ANSWER)
        if isinstance(answer, Answer):
            answer.headers = headers
        if not hit.is_allowed:
            raise RateLimited(retry_after=whole_seconds(hit), headers=headers)
        counted.append(seen)

    @property
    def label(self) -> str:
        """What it is called in headers."""
        by = self.by if isinstance(self.by, str) else "key"
        return self.name or f"{self.limit} per {self.per} s by {by}"

    async def _hit(self, engine: Engine[Any], key: str) -> Hit | None:
        """Count; ``None`` if nobody can and that does not matter."""
        try:
            hit = await engine.store.hit(key, limit=self.limit, seconds=self.per)
        except StoreUnavailable:
            if self.on_outage == "refuse":
                raise
        else:
            self._is_without = False
            return hit
        if not self._is_without:
            self._is_without = True
            logger.warning("no store to count with: %r is %s", self, _MEANWHILE[self.on_outage])
        if self.on_outage == "allow":
            return None
        windows = self._meanwhile.get(engine)
        if windows is None:
            self._meanwhile[engine] = windows = MemoryWindows(engine.clock)
        return await windows.hit(key, limit=self.limit, seconds=self.per)

    def __repr__(self) -> str:
        return f"<RateLimit {self.label!r}>"

    def __deepcopy__(self, memo: object) -> NoReturn:
        # FastAPI copies the defaults of parameters, and a limit that is one limits nothing.
        raise ConfigurationError("A limit goes into Depends(...): Depends(RateLimit(10, per=10)).")


class RateLimitRule(Selectors):
    """A rate limit, and the routes of ClerkMiddleware's application that it is for."""

    __slots__ = ("rate_limit",)

    what: ClassVar[str] = "rate limit"

    def __init__(
        self,
        rate_limit: RateLimit,
        paths: Iterable[str] = (),
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
        routers: Iterable[Router | Starlette] = (),
        methods: Iterable[str] = (),
    ) -> None:
        self.rate_limit = rate_limit
        super().__init__(paths, names, tags, routers, methods)

    def holds_for(self, method: str | None) -> bool:
        """Whether it is about a method, in capitals; WebSockets have none."""
        return not self.methods or method in self.methods

    def __repr__(self) -> str:
        return f"<RateLimitRule {self.rate_limit.label!r}: {self._described()}>"


def checked_limits(limits: Sequence[RateLimit | RateLimitRule]) -> tuple[RateLimitRule, ...]:
    """Read the ``rate_limits`` of ClerkMiddleware: rules, or limits for all routes.

    :raises ConfigurationError: if they are no list of them.
    """
    if isinstance(limits, Sequence) and all(
        isinstance(each, RateLimit | RateLimitRule) for each in limits
    ):
        return tuple(
            RateLimitRule(each) if isinstance(each, RateLimit) else each for each in limits
        )
    raise ConfigurationError(
        'rate_limits is a list, such as [RateLimit(100, per=60).on("/api(.*)")].'
    )


_MEANWHILE: Final = {"allow": "not enforced", "local": "counted by each process for itself"}


class _Seen(NamedTuple):
    """A limit that has let a request pass."""

    by: RateLimit
    standing: Standing


def _check_count(name: str, value: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ConfigurationError(f"{name} of a rate limit is a whole number from 1 to {most}.")
