"""Revocations in Redis, followed: news as they come, and everything anew after an outage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import OnOutage
from clerk_fastapi.stores.stream import BATCH, Place, Stream

__all__ = ["Feed"]

logger = logging.getLogger("clerk_fastapi")

_LISTEN_MS: Final = 500  # then Redis is asked whether it is still the one it was
_WAIT: Final = 0.05  # seconds between two looks at whose turn it is
_LONGEST_REST: Final = 64  # beats between two attempts to write into a Redis that can only be read
_UNTIL_THEN: Final = {
    "refuse": "requests with session tokens are refused (503)",
    "continue": "requests are judged by what this process knows",
}
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4)  # seconds before trying again; the last one from then on


class Feed:
    """Keeps a ledger and a stream in Redis alike, for as long as it runs.

    Entries are never changed: of two about one subject the ledger knows which counts. So nothing is
    lost in an outage, whoever missed it. When Redis is back, what was announced in vain goes first,
    then all that the stream holds goes into the ledger, and all of the ledger that the stream lacks
    into the stream.

    :param driver: how Redis is told of news.
    :param listener: how Redis is listened to: connections of its own, so that no storm of questions
        keeps it from that.
    :param name: of the stream.
    :param ledger: what this process knows.
    :param on_outage: what becomes of requests meanwhile, for the log.
    """

    def __init__(
        self, driver: Driver, listener: Driver, name: str, ledger: Ledger, on_outage: OnOutage
    ) -> None:
        self._driver = driver
        self._listener = listener
        self._stream = Stream(driver, listener, name)
        self._ledger = ledger
        self._on_outage: OnOutage = on_outage
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._is_current = False
        self._unsent = Ledger(ledger.clock)  # what was announced in vain
        self._is_short = False  # whether the stream lacks more, as it took nothing

    @property
    def is_behind(self) -> bool:
        """Whether something may have been announced that the ledger does not know."""
        return not self._is_current or self._task is None or self._task.done()

    async def start(self) -> None:
        """Follow the stream from here on; returns when it has been read, or cannot be."""
        self._task = asyncio.create_task(self._follow(), name="clerk_fastapi revocations")
        await self._tried.wait()

    async def stop(self) -> None:
        """Follow it no longer."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.1)  # the driver can swallow a cancellation

    async def announce(self, revocations: Sequence[Revocation]) -> None:
        """Put revocations into the stream.

        :raises StoreUnavailable: if that has to wait for Redis; it is made up for.
        """
        try:
            await self._send(revocations)
        except BaseException:  # given up in the middle, too
            self._unsent.add(revocations)
            raise

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                place, position = await self._alike()
                await self._stream.news(position)  # may it be listened to? It is read in a moment
                failures = 0
                self._found()
                await self._listen(place, position)
            except StoreUnavailable:
                self._lost()
            except Exception:  # whatever it is, somebody has to go on listening
                logger.critical("following revocations failed; it begins anew", exc_info=True)
                self._lost()
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _listen(self, place: Place, position: bytes) -> None:
        """Take news as they come, until Redis is lost, or is no longer the one it was."""
        beats, rest = 0, 1
        while True:
            position, told, is_more = await self._stream.news(position, _LISTEN_MS)
            self._ledger.add(told)
            if is_more:
                position = await self._read_on(position, self._ledger)
            beats += 1
            found = await self._stream.look()
            is_the_same = found[:2] == place[:2] and (found.has_stream or not self._ledger)
            if not is_the_same or (self._owes and beats >= rest):
                if not is_the_same or self._is_short:
                    place, position = await self._alike()
                else:
                    await self._make_up()
                rest = min(2 * rest, _LONGEST_REST) if self._owes else 1
                beats = 0

    @property
    def _owes(self) -> bool:
        return self._is_short or bool(self._unsent)

    async def _alike(self) -> tuple[Place, bytes]:
        """Tell the ledger what the stream holds, and the stream what it lacks.

        :returns: which Redis this is, and the last entry that was read.
        :raises StoreUnavailable: if it cannot be read.
        """
        await self._stream.look()  # is it there at all?
        await self._make_up()
        self._is_short = False
        with suppress(StoreUnavailable):  # a Redis that may only be read is marked already
            await self._stream.mark()
        # Before anything is read: whatever is lost from now on changes it.
        place = await self._stream.look()
        stream = Ledger(self._ledger.clock)
        position = await self._read_on(b"0-0", stream, self._ledger)
        known = self._ledger.live()
        while batch := list(islice(known, BATCH)):
            await asyncio.sleep(0)  # requests want their turn, too
            if not stream.lacking(batch):
                continue
            try:
                while not await self._stream.has_turn() and stream.lacking(batch):
                    await asyncio.sleep(_WAIT)
                    position = await self._read_on(position, stream, self._ledger)
                position = await self._read_on(position, stream, self._ledger)
                await self._send(stream.add(batch))
            except StoreUnavailable:
                # It can be read, so that nothing is missed here: only the others have to wait.
                self._is_short = True
                logger.error("Redis takes no revocations: %s", self._driver.failure)
                break
        return place, await self._read_on(position, self._ledger)

    async def _read_on(self, position: bytes, *ledgers: Ledger) -> bytes:
        """Tell ledgers what the stream holds beyond a position; how far that was."""
        while True:
            last, told = await self._stream.since(position)
            if not last:
                return position
            position = last
            for ledger in ledgers:
                ledger.add(told)

    async def _make_up(self) -> None:
        """Announce what was announced in vain."""
        unsent, self._unsent = list(self._unsent.live()), Ledger(self._ledger.clock)
        try:
            await self._send(unsent)
        except BaseException as error:  # given up in the middle, too
            self._unsent.add(unsent)
            if not isinstance(error, StoreUnavailable):
                raise
            logger.error("Redis takes no revocations: %s", self._driver.failure)

    async def _send(self, revocations: Sequence[Revocation]) -> None:
        await self._stream.add(revocations, self._ledger.clock())

    def _found(self) -> None:
        if self._tried.is_set() and not self._is_current:
            logger.warning("Redis is back, and so is everything that was revoked meanwhile")
        self._is_current = True
        self._tried.set()

    def _lost(self) -> None:
        if self._is_current or not self._tried.is_set():
            logger.warning(
                "Redis is lost (%s): what other workers revoke is not known here until it is back; "
                "%s",
                self._listener.failure,
                _UNTIL_THEN[self._on_outage],
            )
        self._is_current = False
        self._tried.set()
