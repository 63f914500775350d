"""What is carried through once it is under way, whoever stops waiting for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, TypeVar

from clerk_fastapi.backend.problems import may_be_done
from clerk_fastapi.errors import (
    BackendError,
    BackendUnavailable,
    ConfigurationError,
    ResourceNotFound,
    StoreUnavailable,
)

__all__ = ["Errands", "shut_out"]

logger = logging.getLogger("clerk_fastapi")

_T = TypeVar("_T")

# Seconds: growing to a minute, for which each end of a session is remembered at least. An hour.
_PAUSES: Final = (2, 4, 8, 15, 30) + 59 * (60,)
_MOST_AFTERWARDS: Final = 1_000


class Errands:
    """Keeps what must not stop half-way: Clerk knows, and workers have not been told yet."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._afterwards: dict[str, asyncio.Task[None]] = {}

    async def run(self, errand: Coroutine[Any, Any, _T]) -> _T:
        """Run an errand and wait for it; whoever is cancelled meanwhile does not cancel it.

        :raises BackendUnavailable: if the event loop ends before it has.
        """
        task = asyncio.create_task(errand, name="clerk_fastapi.errand")
        self._tasks.add(task)
        task.add_done_callback(self._done)
        # Unlike awaiting it, waiting for it does not cancel it with whoever gives up.
        await asyncio.wait([task])
        if task.cancelled():
            raise BackendUnavailable
        return task.result()

    def try_afterwards(self, name: str, attempt: Callable[[], Awaitable[object]]) -> None:
        """Try in the background until it is done: for an hour at most, or until :meth:`close`.

        :param name: of what is tried once at a time, however often it is wanted.
        """
        if name not in self._afterwards and len(self._afterwards) < _MOST_AFTERWARDS:
            task = asyncio.create_task(_try(attempt), name="clerk_fastapi.errand")
            self._afterwards[name] = task
            task.add_done_callback(lambda _: self._afterwards.pop(name))

    async def close(self) -> None:
        """Wait for what is under way, which is bounded: one call, and one announcement each."""
        loop = asyncio.get_running_loop()
        tasks = [task for task in self._tasks if task.get_loop() is loop]
        if tasks:
            await asyncio.wait(tasks)
        afterwards = [task for task in self._afterwards.values() if task.get_loop() is loop]
        for task in afterwards:
            task.cancel()
        await asyncio.gather(*afterwards, return_exceptions=True)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # seen: nobody may be waiting any more


async def _try(attempt: Callable[[], Awaitable[object]]) -> None:
    for seconds in _PAUSES:
        await asyncio.sleep(seconds)
        try:
            await attempt()
        except (ResourceNotFound, StoreUnavailable):
            return  # it is done, whoever has been told
        except BackendError:
            continue
        return
    logger.error("Clerk could not be told for an hour that a session was to end; it may go on")


async def shut_out(
    ask: Callable[[], Awaitable[_T]],
    announce: Callable[[_T], Awaitable[None]],
    *,
    or_at_worst: Callable[[], Awaitable[None]],
    if_gone: Callable[[], Awaitable[None]] | None = None,
) -> _T:
    """Have Clerk end a session or shut a user out, and all workers refuse who it is.

    :param ask: tells Clerk.
    :param announce: makes known what Clerk answered.
    :param or_at_worst: makes it known if nobody knows whether Clerk has done it: it was wanted.
    :param if_gone: makes it known if Clerk says that there is nobody of that id.
    :raises BackendError: the leaf names what went wrong.
    """
    try:
        answer = await ask()
    except ResourceNotFound as error:
        # Without a status it is an id that was sent nowhere.
        if if_gone is not None and error.backend_status is not None:
            with suppress(ConfigurationError):  # which of all texts is an id, Clerk knows better
                await if_gone()
        raise
    except BackendError as error:
        if may_be_done(error):
            # That nobody knows what Clerk has done matters more than who was told.
            with suppress(ConfigurationError, StoreUnavailable):
                await or_at_worst()
        raise
    await announce(answer)
    return answer
