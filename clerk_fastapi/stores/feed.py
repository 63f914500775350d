"""A Redis stream of revocations: news as they come, and everything anew after an outage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, Final
from uuid import uuid4

from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import OnOutage

__all__ = ["Feed"]

logger = logging.getLogger("clerk_fastapi")

_BATCH: Final = 2_000
_LISTEN_MS: Final = 500  # then Redis is asked whether it is still the one it was
_SWEPT: Final = 100  # entries at the front that are looked at whenever one is put at the end
_UNTIL_THEN: Final = {
    "refuse": "requests with session tokens are refused (503)",
    "continue": "requests are judged by what this process knows",
}
_PAUSES: Final = (0.05, 0.1, 0.2, 0.4)  # seconds before trying again; the last one from then on

_FIELD: Final = b"r"

# Many entries as one text: a client in Python takes seconds to read 100,000 one by one.
_SINCE: Final = """
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local lines = {}
for i, entry in ipairs(entries) do lines[i] = entry[2][2] end
return {#entries > 0 and entries[#entries][1] or '', table.concat(lines, '\\n')}
"""
_ADD: Final = """
for line in string.gmatch(ARGV[1], '[^\\n]+') do redis.call('XADD', KEYS[1], '*', 'r', line) end
"""

Entry = tuple[bytes, dict[bytes, bytes]]


class Feed:
    """Keeps a ledger and a stream in Redis alike, for as long as it runs.

    Entries are never changed: of two about one subject the ledger knows which counts. So nothing is
    lost in an outage, whoever missed it: when Redis is back, all that the stream holds goes into
    the ledger, and all of the ledger that the stream lacks goes into the stream.

    :param driver: how Redis is asked.
    :param name: of the stream.
    :param ledger: what this process knows.
    :param on_outage: what becomes of requests meanwhile, for the log.
    """

    def __init__(self, driver: Driver, name: str, ledger: Ledger, on_outage: OnOutage) -> None:
        self._driver = driver
        self._name = name
        self._marker_name = f"{name}:marker"
        self._ledger = ledger
        self._on_outage: OnOutage = on_outage
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._is_current = False
        self._has_unsent = False

    @property
    def is_behind(self) -> bool:
        """Whether something may have been announced that the ledger does not know."""
        return not self._is_current or self._task is None or self._task.done()

    async def start(self) -> None:
        """Follow the stream from here on; returns when it has been read, or cannot be."""
        self._task = asyncio.create_task(self._follow(), name="clerk_fastapi revocations")
        self._task.add_done_callback(self._ended)
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
            self._has_unsent = True
            raise
        with suppress(StoreUnavailable):
            await self._trim()

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                marker, position = await self._alike()
                failures = 0
                self._found()
                await self._listen(marker, position)
            except StoreUnavailable:
                self._lost()
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            failures += 1

    async def _listen(self, marker: bytes, position: bytes) -> None:
        """Take news as they come, until Redis is lost, or is no longer the one it was."""
        redis = self._driver.redis
        while True:
            answer: Any = await self._driver.ask(
                redis.xread({self._name: position}, count=_BATCH, block=_LISTEN_MS)
            )
            for entries in _streams(answer):
                self._ledger.add(_read(fields[_FIELD] for _, fields in entries if _FIELD in fields))
                position = entries[-1][0]
            if self._has_unsent or not await self._is_the_same(marker):
                marker, position = await self._alike()

    async def _is_the_same(self, marker: bytes) -> bool:
        """Whether Redis still holds what it held: it may have been emptied, or replaced."""
        async with self._driver.redis.pipeline(transaction=False) as asked:
            asked.get(self._marker_name)
            asked.exists(self._name)
            known, exists = await self._driver.ask(asked.execute())
        return bool(known == marker and (exists or not len(self._ledger)))

    async def _alike(self) -> tuple[bytes, bytes]:
        """Tell the ledger what the stream holds, and the stream what it lacks.

        :returns: the marker of this Redis, and the last entry that was read.
        """
        redis, self._has_unsent = self._driver.redis, False
        try:
            await self._driver.ask(redis.set(self._marker_name, uuid4().hex, nx=True))
            marker: bytes | None = await self._driver.ask(redis.get(self._marker_name))
            stream, position = Ledger(self._ledger.clock), b"0-0"
            while True:
                last, lines = await self._driver.ask(
                    redis.eval(_SINCE, 1, self._name, b"(" + position, _BATCH)
                )
                if not last:
                    break
                told, position = _read(lines.splitlines()), last
                stream.add(told)
                self._ledger.add(told)
            await self._send(stream.add(self._ledger.live()))
        except StoreUnavailable:
            self._has_unsent = True
            raise
        return marker or b"", position

    async def _send(self, revocations: Sequence[Revocation]) -> None:
        for start in range(0, len(revocations), _BATCH):
            lines = "\n".join(map(_line, revocations[start : start + _BATCH]))
            await self._driver.ask(self._driver.redis.eval(_ADD, 1, self._name, lines))

    async def _trim(self) -> None:
        """Drop what has expired from the front of the stream."""
        redis = self._driver.redis
        front: list[Entry] = await self._driver.ask(redis.xrange(self._name, count=_SWEPT))
        now = self._ledger.clock()
        expired = list(takewhile(lambda entry: _has_expired(entry, now), front))
        if expired:
            await self._driver.ask(redis.xdel(self._name, *(name for name, _ in expired)))

    def _found(self) -> None:
        if self._tried.is_set() and not self._is_current:
            logger.warning("Redis is back, and so is everything that was revoked meanwhile")
        self._is_current = True
        self._tried.set()

    def _lost(self) -> None:
        if self._is_current or not self._tried.is_set():
            logger.warning(
                "Redis cannot be reached: what other workers revoke is not known here until it is "
                "back; %s",
                _UNTIL_THEN[self._on_outage],
            )
        self._is_current = False
        self._tried.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tried.set()
        if not task.cancelled():
            logger.critical("revocations are followed no longer", exc_info=task.exception())


def _streams(answer: Any) -> Iterable[Sequence[Entry]]:
    """What XREAD has found: nothing, or the entries of one stream, in either Redis protocol."""
    if isinstance(answer, dict):
        return [entries for lists in answer.values() for entries in lists]
    return [entries for _, entries in answer or ()]


def _line(revocation: Revocation) -> str:
    subject, is_revoked, version, expires_at = revocation
    return f"{subject} {is_revoked:d} {version} {expires_at}"


def _read(lines: Iterable[bytes]) -> list[Revocation]:
    """Read what stands in a stream; what somebody else may have put there is left alone."""
    return [found for line in lines if (found := _revocation(line)) is not None]


def _revocation(line: bytes) -> Revocation | None:
    try:
        subject, is_revoked, version, expires_at = line.decode().split(" ")
        return Revocation(subject, is_revoked != "0", int(version), int(expires_at))
    except ValueError:
        return None


def _has_expired(entry: Entry, now: float) -> bool:
    found = _revocation(entry[1].get(_FIELD, b""))
    return found is None or found.expires_at <= now
