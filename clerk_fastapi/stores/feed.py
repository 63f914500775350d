"""A Redis stream of revocations: news as they come, and everything anew after an outage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import uuid4

from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import OnOutage

__all__ = ["Feed"]

logger = logging.getLogger("clerk_fastapi")

_BATCH: Final = 2_000
_NEWS: Final = 100  # entries at a time, as they come; more than that are read in batches
_LISTEN_MS: Final = 500  # then Redis is asked whether it is still the one it was
_SWEPT: Final = 100  # entries that are looked at, if they have expired, whenever one is added
_TURN_MS: Final = 500  # without a word, after which somebody else fills the stream
_WAIT: Final = 0.05  # seconds between two looks at whose turn it is
_LONGEST_REST: Final = 64  # beats between two attempts to write into a Redis that can only be read
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
# A stream that is gone has lost what was in it: without its marker everybody makes up for that.
_ADD: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end
for line in string.gmatch(ARGV[1], '[^\\n]+') do redis.call('XADD', KEYS[1], '*', 'r', line) end
"""
# Who is there? A Redis that was started anew, or another one, may lack what the last one had.
_LOOK: Final = """
local server = redis.pcall('INFO', 'server')
local id = type(server) == 'string' and string.match(server, 'run_id:(%w+)') or ''
local exists = redis.call('EXISTS', KEYS[1])
return {redis.call('GET', KEYS[2]) or '', id, exists}
"""

# Of many workers that find much missing one adds it, and the others read it. That saves Redis from
# having it from each of them; nothing is lost if two do it at the same time, or one dies.
_TAKE_TURN: Final = """
local whose = redis.call('GET', KEYS[1])
if whose and whose ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

Entry = tuple[bytes, dict[bytes, bytes]]


class _Place(NamedTuple):
    """Which Redis this is: the marker that was left in it, the server that runs, and its stream."""

    marker: bytes
    server: bytes
    has_stream: bool


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
        self._name = name
        self._marker_name = f"{name}:marker"
        self._ledger = ledger
        self._on_outage: OnOutage = on_outage
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._is_current = False
        self._unsent = Ledger(ledger.clock)  # what was announced in vain
        self._is_short = False  # whether the stream lacks more, as it took nothing
        self._me = uuid4().hex
        self._swept = b"0-0"

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
        with suppress(StoreUnavailable):
            await self._trim()

    async def _follow(self) -> None:
        failures = 0
        while True:
            try:
                place, position = await self._alike()
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

    async def _listen(self, place: _Place, position: bytes) -> None:
        """Take news as they come, until Redis is lost, or is no longer the one it was."""
        redis, beats, rest = self._listener.redis, 0, 1
        while True:
            answer: Any = await self._listener.ask(
                redis.xread, {self._name: position}, count=_NEWS, block=_LISTEN_MS
            )
            for entries in _streams(answer):
                self._ledger.add(_read(fields[_FIELD] for _, fields in entries if _FIELD in fields))
                position = entries[-1][0]
                if len(entries) == _NEWS:
                    position = await self._read_on(position, self._ledger)
            beats += 1
            found = await self._look()
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

    async def _look(self) -> _Place:
        marker, server, has_stream = await self._listener.ask(
            self._listener.redis.eval, _LOOK, 2, self._name, self._marker_name
        )
        return _Place(marker, server, bool(has_stream))

    async def _alike(self) -> tuple[_Place, bytes]:
        """Tell the ledger what the stream holds, and the stream what it lacks.

        :returns: which Redis this is, and the last entry that was read.
        :raises StoreUnavailable: if it cannot be read.
        """
        await self._look()  # is it there at all?
        await self._make_up()
        self._is_short = False
        await self._mark()
        # Before anything is read: whatever is lost from now on changes it.
        place = await self._look()
        stream = Ledger(self._ledger.clock)
        position = await self._read_on(b"0-0", stream, self._ledger)
        known = self._ledger.live()
        while batch := list(islice(known, _BATCH)):
            await asyncio.sleep(0)  # requests want their turn, too
            if not stream.lacking(batch):
                continue
            try:
                while not await self._has_turn() and stream.lacking(batch):
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
            last, lines = await self._listener.ask(
                self._listener.redis.eval, _SINCE, 1, self._name, b"(" + position, _BATCH
            )
            if not last:
                return position
            told, position = _read(lines.splitlines()), last
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

    async def _has_turn(self) -> bool:
        """Whether it is for this worker to add what is missing: for as long as nobody else does."""
        name = f"{self._name}:turn"
        asked = (self._driver.redis.eval, _TAKE_TURN, 1, name, self._me, _TURN_MS)
        return bool(await self._driver.ask(*asked))

    async def _mark(self) -> None:
        """Leave a marker, unless there is one: a Redis that may only be read is marked already."""
        with suppress(StoreUnavailable):
            await self._listener.ask(
                self._listener.redis.set, self._marker_name, uuid4().hex, nx=True
            )

    async def _send(self, revocations: Sequence[Revocation]) -> None:
        for start in range(0, len(revocations), _BATCH):
            lines = "\n".join(map(_line, revocations[start : start + _BATCH]))
            await self._driver.ask(
                self._driver.redis.eval, _ADD, 2, self._name, self._marker_name, lines
            )

    async def _trim(self) -> None:
        """Drop what has expired: a part of the stream each time, again and again from the front."""
        redis = self._driver.redis
        seen: list[Entry] = await self._driver.ask(
            redis.xrange, self._name, min=b"(" + self._swept, count=_SWEPT
        )
        now = self._ledger.clock()
        expired = [name for name, fields in seen if _has_expired(fields.get(_FIELD, b""), now)]
        if expired:
            await self._driver.ask(redis.xdel, self._name, *expired)
        self._swept = seen[-1][0] if len(seen) == _SWEPT else b"0-0"

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


def _has_expired(line: bytes, now: float) -> bool:
    found = _revocation(line)
    return found is None or found.expires_at <= now
