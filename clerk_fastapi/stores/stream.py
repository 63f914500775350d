"""Revocations in a Redis stream: how they are written, read and tidied up there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.driver import Driver

__all__ = ["BATCH", "Place", "Stream"]

BATCH: Final = 2_000  # entries that are written or read at once
_NEWS: Final = 100  # entries at a time, as they come; more than that are read in batches
_SWEPT: Final = 20  # entries more than are added are looked at then, if they have expired
_TURN_MS: Final = 500  # without a word, after which somebody else fills the stream

_FIELD: Final = b"r"

# Many entries as one text: a client in Python takes seconds to read 100,000 one by one.
_SINCE: Final = """
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local lines = {}
for i, entry in ipairs(entries) do lines[i] = entry[2][2] end
return {#entries > 0 and entries[#entries][1] or '', table.concat(lines, '\\n')}
"""
# A stream that is gone has lost what was in it: without its marker everybody makes up for that.
# What has expired is looked for in a part of the stream, again and again from the front, so that
# the stream has been seen long before it has grown by as much again. What is no revocation goes
# as well.
_ADD: Final = """
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end
local count = tonumber(ARGV[3])
for line in string.gmatch(ARGV[1], '[^\\n]+') do
  redis.call('XADD', KEYS[1], '*', 'r', line)
  count = count + 1
end
local swept = redis.call('GET', KEYS[3])
local from = swept and '(' .. swept or '-'
local seen = redis.pcall('XRANGE', KEYS[1], from, '+', 'COUNT', count)
local now = tonumber(ARGV[2])
for _, entry in ipairs(seen) do
  local expires_at = string.match(entry[2][2], ' (%d+)$')
  if not expires_at or tonumber(expires_at) <= now then redis.call('XDEL', KEYS[1], entry[1]) end
end
if #seen == count then redis.call('SET', KEYS[3], seen[count][1])
elseif swept then redis.call('DEL', KEYS[3]) end
"""
# Who is there? A Redis that was started anew, or another one, may lack what the last one had; and
# so may one that has taken over the data of another: it has its history from then on.
_LOOK: Final = """
local function said(section, field)
  local all = redis.pcall('INFO', section)
  return type(all) == 'string' and string.match(all, field .. ':(%w+)') or ''
end
local server = said('server', 'run_id') .. said('replication', 'master_replid')
local exists = redis.call('EXISTS', KEYS[1])
return {redis.call('GET', KEYS[2]) or '', server, exists}
"""
# Of many workers that find much missing one adds it, and the others read it. That saves Redis from
# having it from each of them; nothing is lost if two do it at the same time, or one dies.
_TAKE_TURN: Final = """
local whose = redis.call('GET', KEYS[1])
if whose and whose ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

_Entry = tuple[bytes, dict[bytes, bytes]]


class Place(NamedTuple):
    """Which Redis this is: the marker that was left in it, the server that runs, and its stream."""

    marker: bytes
    server: bytes
    has_stream: bool


class Stream:
    """What is asked of the Redis that holds the stream; all of it raises StoreUnavailable.

    :param driver: how Redis is told of news.
    :param listener: how Redis is listened to: connections of its own, so that no storm of questions
        keeps it from that.
    :param name: of the stream.
    """

    def __init__(self, driver: Driver, listener: Driver, name: str) -> None:
        self._driver = driver
        self._listener = listener
        self._name = name
        self._marker, self._turn, self._swept = (
            f"{name}:{kind}" for kind in ("marker", "turn", "swept")
        )
        self._me = uuid4().hex

    async def look(self) -> Place:
        """Which Redis is there."""
        marker, server, has_stream = await self._listener.ask(
            self._listener.redis.eval, _LOOK, 2, self._name, self._marker
        )
        return Place(marker, server, bool(has_stream))

    async def mark(self) -> None:
        """Leave a marker, unless there is one."""
        redis = self._listener.redis
        await self._listener.ask(redis.set, self._marker, uuid4().hex, nx=True)

    async def has_turn(self) -> bool:
        """Whether it is for this worker to add what is missing: for as long as nobody else does."""
        asked = (self._driver.redis.eval, _TAKE_TURN, 1, self._turn, self._me, _TURN_MS)
        return bool(await self._driver.ask(*asked))

    async def add(self, revocations: Sequence[Revocation], now: float) -> None:
        """Put revocations into the stream, and drop some that have expired by now."""
        keys = (self._name, self._marker, self._swept)
        for start in range(0, len(revocations), BATCH):
            lines = "\n".join(map(_line, revocations[start : start + BATCH]))
            await self._driver.ask(self._driver.redis.eval, _ADD, 3, *keys, lines, int(now), _SWEPT)

    async def since(self, position: bytes) -> tuple[bytes, list[Revocation]]:
        """Up to a batch of what stands beyond a position, and where that ends; empty at the end."""
        last, lines = await self._listener.ask(
            self._listener.redis.eval, _SINCE, 1, self._name, b"(" + position, BATCH
        )
        return last, _read(lines.splitlines())

    async def news(
        self, position: bytes, wait_ms: int | None = None
    ) -> tuple[bytes, list[Revocation], bool]:
        """Wait for what comes after a position: where it ends, what it is, whether there is more.

        :param wait_ms: for how long; by default not at all.
        """
        answer: Any = await self._listener.ask(
            self._listener.redis.xread, {self._name: position}, count=_NEWS, block=wait_ms
        )
        entries = [entry for found in _streams(answer) for entry in found]
        told = _read(fields[_FIELD] for _, fields in entries if _FIELD in fields)
        return entries[-1][0] if entries else position, told, len(entries) == _NEWS


def _streams(answer: Any) -> Iterable[Sequence[_Entry]]:
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
