"""Deliveries among many workers: each handler is through with an event once, or gets it again."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Literal, NamedTuple, TypeAlias

from clerk_fastapi.errors import (
    StoreUnavailable,
    WebhookBusy,
    WebhookHandlerFailed,
    WebhookReplayed,
)
from clerk_fastapi.protocol.webhooks import TOLERANCE, Delivery
from clerk_fastapi.stores.store import Claim, Store

__all__ = ["PACE", "Deliveries", "Handlers", "Pace"]

logger = logging.getLogger("clerk_fastapi")

Handlers: TypeAlias = Mapping[str, Callable[[], Awaitable[object]]]
"""What has to be done about a delivery, by names that are the same in all workers."""

_BELIEVED: Final = 2 * TOLERANCE + 60.0  # seconds for which one signature is believed, at most
_ANYBODY: Final = "anybody"
_RENEWALS: Final = 10  # within one lease
_TOLD_TO_STOP: Final = 3  # times, for drivers and handlers can swallow a cancellation
_Verdict: TypeAlias = Literal["done", "failed", "busy", "away"]


class Pace(NamedTuple):
    """How long things take, in seconds.

    ``first`` is how long whoever delivers a message first waits for its handlers: longer than Clerk
    does (15 seconds), and not for ever, for a server that is told to stop waits for its requests.
    ``lease`` is how long a worker that has died keeps a delivery from others, and ``pauses`` lie
    between looks at one that another worker has in hand; after the last of them the sender has to
    come again. ``linger`` lies between the end of the work and its acknowledgement: copies that the
    sender let go together are all read by then, in all workers. While the store is away,
    ``ask_again`` lies between attempts to keep what is in hand and to note what was done. ``grace``
    is what handlers get to finish at shutdown. What was done is known for ``remember``, which is
    longer than Clerk tries to deliver (28 hours).
    """

    first: float = 20.0
    lease: float = 30.0
    pauses: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.8, *(1.0,) * 8)
    linger: float = 0.1
    ask_again: float = 1.0
    grace: float = 5.0
    remember: float = 48 * 3_600.0

    @property
    def patience(self) -> float:
        """How long a delivery waits for what becomes of its double."""
        return sum(self.pauses)


PACE: Final = Pace()
"""What holds unless the ``pace`` of deliveries is set to another."""


class Deliveries:
    """Everything that is delivered to one process.

    :param store: where workers meet.
    """

    def __init__(self, store: Store) -> None:
        self.pace = PACE
        self._store = store
        self._attempts: dict[str, _Attempt] = {}
        self._present: Counter[str] = Counter()

    async def handle(self, delivery: Delivery, handlers: Handlers) -> None:
        """Run the handlers that are not through with a delivery yet, in any worker, one by one.

        A handler that raises does not keep the others from running. Whoever asks may go away, or be
        sent away when it takes long: what was begun goes on, and is remembered.

        :raises WebhookReplayed: if this very attempt of the sender has been acknowledged: each one
            is signed anew, with its own time.
        :raises WebhookHandlerFailed: if one of them raised; it is the one that will run again.
        :raises WebhookBusy: if somebody is at it still, be it for this very caller.
        :raises StoreUnavailable: if nobody can know what has been done, or note it.
        """
        key = delivery.key
        doubles = self._present[key]
        self._present[key] += 1
        try:
            # Copies that come together are doubles; one that comes alone, afterwards, is a replay.
            if not doubles and await self._is_acknowledged(delivery):
                raise WebhookReplayed
            verdict = await self._verdict(delivery, handlers)
            if verdict == "failed":
                raise WebhookHandlerFailed
            if verdict == "busy":
                raise WebhookBusy
            if verdict == "away":
                raise StoreUnavailable
            await asyncio.sleep(self.pace.linger)
            with suppress(StoreUnavailable):  # then it is known as done, but not as acknowledged
                await self._store.settle(_sent(delivery), _ANYBODY, done=True, remember=_BELIEVED)
        finally:
            self._present[key] -= 1
            if not self._present[key]:
                del self._present[key]

    async def _is_acknowledged(self, delivery: Delivery) -> bool:
        seen = await self._store.claim(_sent(delivery), _ANYBODY, lease=self.pace.lease)
        return seen.status == "done"

    async def _verdict(self, delivery: Delivery, handlers: Handlers) -> _Verdict:
        key = delivery.key
        attempt = self._attempts.get(key)
        patience = self.pace.first if attempt is None else self.pace.patience
        if attempt is None:
            attempt = self._attempts[key] = _Attempt(self._store, self.pace, delivery, handlers)
            attempt.task.add_done_callback(lambda _: self._attempts.pop(key))
        await asyncio.wait({attempt.verdict}, timeout=patience)
        return attempt.verdict.result() if attempt.verdict.done() else "busy"

    async def close(self) -> None:
        """Let handlers finish; those that do not are broken off, to get their event again."""
        tasks = {attempt.task for attempt in self._attempts.values()}
        for _ in range(_TOLD_TO_STOP):
            if tasks:
                _, tasks = await asyncio.wait(tasks, timeout=self.pace.grace)
            for task in tasks:
                task.cancel()


def _sent(delivery: Delivery) -> str:
    """What one attempt of the sender is known by: each is signed with a time of its own."""
    return f"{delivery.key} at {delivery.timestamp}"


class _Attempt:
    """One delivery in the hands of this process, and ``verdict``: what becomes of it."""

    def __init__(self, store: Store, pace: Pace, delivery: Delivery, handlers: Handlers) -> None:
        self.verdict: asyncio.Future[_Verdict] = asyncio.get_running_loop().create_future()
        self._store = store
        self._pace = pace
        self._id = delivery.id
        self._key = delivery.key
        self._handlers = handlers
        self._owner = secrets.token_hex(8)
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            status = await self._take()
            self._tell(await self._hold() if status == "taken" else status)
        except StoreUnavailable:
            self._tell("away")
        finally:
            self._tell("busy")  # broken off: the next attempt will find out

    def _tell(self, verdict: _Verdict) -> None:
        if not self.verdict.done():
            self.verdict.set_result(verdict)

    async def _take(self) -> Literal["taken", "busy", "done"]:
        """Take the delivery in hand, or wait a while for what another worker makes of it."""
        for pause in self._pace.pauses:
            claim = await self._claim()
            if claim.status != "busy":
                return claim.status
            await asyncio.sleep(pause)
        return (await self._claim()).status

    async def _claim(self) -> Claim:
        return await self._store.claim(self._key, self._owner, lease=self._pace.lease)

    async def _hold(self) -> _Verdict:
        """Keep the delivery from others while handlers run."""
        over = asyncio.get_running_loop().create_future()
        renewing = asyncio.create_task(self._renew(over))
        verdict: _Verdict = "busy"
        try:
            verdict = await self._run_handlers()
        finally:
            # Not cancelled: a renewal on its way would arrive when it has been put out of hand.
            over.set_result(None)
            await renewing
            with suppress(StoreUnavailable):  # what is finished has been noted
                await self._store.settle(
                    self._key,
                    self._owner,
                    done=verdict == "done",
                    remember=self._pace.remember,
                )
        return verdict

    async def _renew(self, over: asyncio.Future[None]) -> None:
        pause = often = self._pace.lease / _RENEWALS
        while not (await asyncio.wait({over}, timeout=pause))[0]:
            try:
                await self._claim()
            except StoreUnavailable:
                pause = min(self._pace.ask_again, often)
            else:
                pause = often

    async def _run_handlers(self) -> _Verdict:
        failed = False
        for name, handler in self._handlers.items():
            claim = await self._claim()
            if claim.status != "taken":
                return claim.status  # the last one took so long that others have it
            if name not in claim.finished:
                failed = not await self._is_through(name, handler) or failed
        return "failed" if failed else "done"

    async def _is_through(self, name: str, handler: Callable[[], Awaitable[object]]) -> bool:
        (raised,) = await asyncio.gather(handler(), return_exceptions=True)
        if isinstance(raised, BaseException):
            logger.error(
                "webhook handler %s failed; it gets %s again", name, self._id, exc_info=raised
            )
            return False
        await self._note(name)
        return True

    async def _note(self, name: str) -> None:
        """Note that a handler is through, however long that takes, or it would run again."""
        while True:
            try:
                await self._store.finish(self._key, name, remember=self._pace.remember)
            except StoreUnavailable:
                self._tell("away")
                await asyncio.sleep(self._pace.ask_again)
            else:
                return
