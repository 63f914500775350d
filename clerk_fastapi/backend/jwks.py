"""An instance's signing keys: fetched once for all who ask, and remembered for a bounded time."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from contextvars import Context
from typing import Final, NamedTuple, Protocol

from cachetools import TTLCache
from pydantic import SecretStr
from pydantic_core import from_json

from clerk_fastapi.backend.problems import key_refused, problems_in, read_object
from clerk_fastapi.backend.transport import Answer, Transport
from clerk_fastapi.errors import (
    BackendUnavailable,
    KeyIdMismatch,
    KeysUnavailable,
)
from clerk_fastapi.protocol._jose import KeyRefused, VerificationKey, key_from_jwk

__all__ = ["JwksAges", "JwksCache", "Keys", "PinnedKey", "fetch_keys"]

logger = logging.getLogger("clerk_fastapi")

_REFRESH_AT: Final = 0.8  # of the time to live: late enough to be rare, early enough never to wait
_LONGEST_PAUSE: Final = 60.0  # seconds that failures make us wait by themselves
_LONGEST_WAIT: Final = 300.0  # seconds that Clerk can make us wait
_UNKNOWN_KIDS: Final = 1_024


class Keys(Protocol):
    """Where the keys of an instance come from."""

    def ready(self, kid: str | None) -> VerificationKey | None:
        """The key, if it can be had without waiting."""
        ...

    async def key_for(self, kid: str | None) -> VerificationKey:
        """The key, fetched if need be."""
        ...

    async def close(self) -> None:
        """Stop what runs in the background."""
        ...


class PinnedKey:
    """The one key that an operator configured: no network, and any ``kid`` will do."""

    def __init__(self, key: VerificationKey) -> None:
        self._key = key

    def ready(self, kid: str | None) -> VerificationKey:
        """The key."""
        return self._key

    async def key_for(self, kid: str | None) -> VerificationKey:
        """The key."""
        return self._key

    async def close(self) -> None:
        """Nothing runs in the background."""


async def fetch_keys(
    transport: Transport, url: str, secret_key: SecretStr | None
) -> dict[str, VerificationKey]:
    """Fetch a JSON Web Key Set (RFC 7517 section 5) and build its keys; unusable ones are left out.

    :raises SecretKeyRefused: if Clerk does not accept the secret key.
    :raises KeysUnavailable: if no usable set can be had.
    """
    try:
        answer = await transport.get(url, bearer=secret_key)
    except BackendUnavailable:
        raise KeysUnavailable from None
    if answer.status != 200:
        problems = problems_in(read_object(answer.body))
        if secret_key is not None and (refused := key_refused(answer.status, problems)):
            raise refused
        logger.warning(
            "%s was answered with %d: check CLERK_API_URL or CLERK_PUBLISHABLE_KEY",
            url,
            answer.status,
        )
        raise KeysUnavailable(retry_after=answer.retry_after or 1)
    keys = _read_keys(answer)
    if not keys:
        logger.warning("%s holds no usable key", url)
        raise KeysUnavailable
    return keys


def _read_keys(answer: Answer) -> dict[str, VerificationKey]:
    try:
        document = from_json(answer.body)
    except ValueError:
        return {}
    listed = document.get("keys") if isinstance(document, dict) else None
    keys: dict[str, VerificationKey] = {}
    for jwk in listed if isinstance(listed, list) else ():
        try:
            key = key_from_jwk(jwk if isinstance(jwk, dict) else {})
        except KeyRefused:
            continue
        keys[key.kid] = key
    return keys


class JwksAges(NamedTuple):
    """Durations in seconds.

    ``jwks_ttl`` is how long a fetched set is good for, ``jwks_stale_for`` how long beyond that it
    is still used while no new one can be had, and ``jwks_cooldown`` the time between two look-ups
    of unknown ``kid`` values: whoever sends tokens with random ones causes no more fetches.
    """

    jwks_ttl: float = 300.0
    jwks_stale_for: float = 3_600.0
    jwks_cooldown: float = 60.0


class JwksCache:
    """Keys by ``kid``, refreshed before they run out.

    :param fetch: gets the whole set, or raises :class:`BackendUnavailable`.
    :param clock: tells the time in seconds.
    :param ages: how long keys are good for.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[Mapping[str, VerificationKey]]],
        *,
        clock: Callable[[], float],
        ages: JwksAges,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._ttl, self._stale_for, self._cooldown = ages
        self._fresh: TTLCache[str, VerificationKey] = TTLCache(math.inf, self._ttl, timer=clock)
        self._unknown: TTLCache[str, None] = TTLCache(_UNKNOWN_KIDS, self._cooldown, timer=clock)
        self._last: dict[str, VerificationKey] = {}
        self._fetched_at = -math.inf
        self._next_lookup = -math.inf
        self._next_attempt = -math.inf
        self._failures = 0
        self._failure: type[BackendUnavailable] = KeysUnavailable
        self._flight: asyncio.Task[None] | None = None

    def ready(self, kid: str | None) -> VerificationKey | None:
        """The key, if it is known and fresh; a set that will run out soon is renewed meanwhile."""
        key = None if kid is None else self._fresh.get(kid)
        if (
            key is not None
            and self._clock() >= self._fetched_at + self._ttl * _REFRESH_AT
            and self._under_way() is None
            and not self._pause()
        ):
            self._take_off()
        return key

    async def key_for(self, kid: str | None) -> VerificationKey:
        """The key that ``kid`` names, fetched if it is unknown or has run out.

        :raises KeyIdMismatch: if the instance does not publish such a key.
        :raises BackendUnavailable: if that cannot be found out at the moment.
        """
        if kid is None:
            raise KeyIdMismatch
        key = self.ready(kid)
        if key is not None:
            return key
        joined = self._under_way() is not None
        if len(self._fresh):
            await self._look_up(kid)
        else:
            await self._replace(kid)
            if joined and kid not in self._last:
                await self._look_up(kid)
        key = self._last.get(kid)
        if key is None:
            self._unknown[kid] = None
            raise KeyIdMismatch
        return key

    async def close(self) -> None:
        """Abandon a fetch that is under way."""
        flight, self._flight = self._under_way(), None
        if flight is not None:
            flight.cancel()
            await asyncio.gather(flight, return_exceptions=True)

    async def _look_up(self, kid: str) -> None:
        """Ask for a ``kid`` that a fresh set does not hold, at most once in a cool-down."""
        if self._under_way() is not None:
            await self._land()
            if kid in self._last:
                return
            # That fetch may have been answered before the key was published.
        if self._under_way() is None:
            # Waits that are longer than they can be come from a clock that was set back.
            if kid in self._unknown or 0 < self._next_lookup - self._clock() <= self._cooldown:
                raise KeyIdMismatch
            if not self._pause():
                self._next_lookup = self._clock() + self._cooldown
        await self._land()

    async def _replace(self, kid: str) -> None:
        """Get a fresh set where there is none; in an outage the old one will do."""
        stale_until = self._fetched_at + self._ttl + self._stale_for
        usable = kid in self._last and self._clock() < stale_until
        if usable and self._failures:
            # Known to be failing: try again in the background rather than let this request wait.
            if self._under_way() is None and not self._pause():
                self._take_off()
            return
        try:
            await self._land()
        except BackendUnavailable:
            if not usable:
                raise

    async def _land(self) -> None:
        """Wait for the one fetch, starting it if need be."""
        flight = self._under_way()
        if flight is None:
            if pause := self._pause():
                raise self._failure(retry_after=math.ceil(pause))
            flight = self._take_off()
        try:
            # Shielded: a client that hangs up must not take the answer from everybody else.
            await asyncio.shield(flight)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not flight.cancelled() or (task is not None and task.cancelling()):
                raise
        else:
            return
        raise KeysUnavailable  # it was close() that ended the fetch

    def _pause(self) -> float:
        """Seconds to wait until the next attempt after a failure."""
        wait = self._next_attempt - self._clock()
        return wait if 0 < wait <= _LONGEST_WAIT else 0

    def _under_way(self) -> asyncio.Task[None] | None:
        """The fetch to join: one that has not ended, and in this event loop."""
        flight = self._flight
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            return None
        return flight

    def _take_off(self) -> asyncio.Task[None]:
        # In a context of its own: the request that happens to start it is nobody's business there.
        flight = self._flight = asyncio.create_task(
            self._refresh(), name="clerk_fastapi.jwks", context=Context()
        )
        flight.add_done_callback(_touch_down)
        return flight

    async def _refresh(self) -> None:
        try:
            fetched = await self._fetch()
        except BackendUnavailable as failure:
            self._failures += 1
            pause = max(min(2.0 ** min(self._failures - 1, 6), _LONGEST_PAUSE), failure.retry_after)
            self._next_attempt = self._clock() + min(pause, _LONGEST_WAIT)
            self._next_lookup = -math.inf  # it could not be looked up, so it may be asked for again
            self._failure = type(failure)  # only that: the error itself holds on to the request
            raise
        # A key that stays keeps its object, and with it the tokens remembered under it.
        last = self._last
        self._last = {
            kid: last[kid] if last.get(kid) == key else key for kid, key in fetched.items()
        }
        self._fresh.clear()
        self._fresh.update(self._last)
        self._fetched_at = self._clock()
        self._failures, self._next_attempt = 0, -math.inf


def _touch_down(flight: asyncio.Task[None]) -> None:
    if not flight.cancelled():
        flight.exception()  # seen: nobody may be waiting for a background refresh
