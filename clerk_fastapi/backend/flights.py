"""Asking once for all who want to know the same at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from copy import copy
from typing import Any, Generic, TypeVar

from clerk_fastapi.errors import BackendUnavailable, ClerkError

__all__ = ["Flights"]

_K = TypeVar("_K")
_V = TypeVar("_V")


class Flights(Generic[_K, _V]):
    """Questions that are under way, by what they ask; nothing is kept beyond the answer."""

    def __init__(self) -> None:
        self._flights: dict[_K, asyncio.Task[_V]] = {}

    async def join(self, key: _K, ask: Callable[[], Coroutine[Any, Any, _V]]) -> _V:
        """Wait for the answer to a question, asking it if nobody else has.

        Those who give up waiting take the answer from nobody else.

        :raises BackendUnavailable: if :meth:`close` puts an end to it.
        """
        flight = self._flights.get(key)
        if flight is None or flight.get_loop() is not asyncio.get_running_loop():
            flight = self._take_off(key, ask)
        # Unlike awaiting it, waiting for it does not cancel it with whoever gives up.
        await asyncio.wait([flight])
        if flight.cancelled():
            raise BackendUnavailable
        error = flight.exception()
        if isinstance(error, ClerkError):
            raise copy(error)  # afresh: it is shared, and tracebacks grow
        return flight.result()

    async def close(self) -> None:
        """Abandon whatever is under way."""
        flights = [
            flight
            for flight in self._flights.values()
            if flight.get_loop() is asyncio.get_running_loop()
        ]
        self._flights.clear()
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _take_off(self, key: _K, ask: Callable[[], Coroutine[Any, Any, _V]]) -> asyncio.Task[_V]:
        # In a context of its own: the request that happens to start it is nobody's business there.
        flight = asyncio.create_task(ask(), name="clerk_fastapi.flight", context=Context())
        self._flights[key] = flight

        def touch_down(landed: asyncio.Task[_V]) -> None:
            if self._flights.get(key) is landed:
                del self._flights[key]
            if not landed.cancelled():
                landed.exception()  # seen: nobody may be waiting any more

        flight.add_done_callback(touch_down)
        return flight
