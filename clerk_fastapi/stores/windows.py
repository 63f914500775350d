"""Sliding windows, counted exactly: in this process, or in Redis for all workers."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from secrets import randbelow
from typing import Any, Final

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.store import Hit

__all__ = ["MemoryWindows", "RedisWindows", "count_script"]

_SWEPT: Final = 8  # windows of each length that are looked at for being over, at every request
_A_MOMENT: Final = 0.05  # seconds that are enough for a Redis that is back

# Seconds that a window lasts longer than it is called: whoever handles a request reads a clock a
# little later than the request was counted, now more and now less, and by that clock, too, no
# window may hold more than the limit. Who comes within them waits for their end, and is let in.
_LONGER: Final = 0.05

# Two scripts of limits' own as functions of one, which runs by the clock of Redis: those of
# different machines never agree. Redis forgets in milliseconds, so that a list has to outlive what
# counts in it. Of a clock that was set back since, nobody knows what counts. Whoever has lost an
# answer asks again, and is the same: each hit has digits of its own, which stand in the list below
# the microseconds, and are looked for among the newest.
_COUNT: Final = """
local function acquire(KEYS, ARGV)
<acquire>
end
local function look(KEYS, ARGV)
<look>
end
local time = redis.call('TIME')
local now, limit, seconds = time[1] + time[2] / 1000000, ARGV[1], ARGV[2]
local own, longer, at = ARGV[3], ARGV[4], nil
local newest = redis.call('LINDEX', KEYS[1], 0)
if newest and tonumber(newest) > now + longer + 1 then redis.call('DEL', KEYS[1]) end
for _, counted in ipairs(redis.call('LRANGE', KEYS[1], 0, 31)) do
  if string.sub(counted, -#own) == own then at = tonumber(counted) end
end
if at and at < now - seconds then at = nil end
if not at then
  local over = redis.call('LINDEX', KEYS[1], limit - 1)
  if acquire(KEYS, {now, limit, seconds, 1}) then
    at = math.max(now, (over or 0) + seconds + longer)
    redis.call('LSET', KEYS[1], 0, string.format('%.6f', at) .. own)
    redis.call('EXPIRE', KEYS[1], math.ceil(seconds + 2 * longer))
  end
end
local found = look(KEYS, {now - seconds, limit})
local age, early = now - found[1], at and at - now or 0
return {at and 1 or 0, found[2], string.format('%.6f', age), string.format('%.6f', early)}
"""


class MemoryWindows:
    """What one process has counted; windows that are over are forgotten as others are asked for.

    Not by the memory storage of ``limits``: it reads the clock itself, and looks at all windows,
    in threads, whenever one is asked for.

    :param clock: tells the time in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # By length: of those what was counted in first is over first, and stands at the front.
        self._windows: dict[int, OrderedDict[bytes, list[float]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._windows.values()))

    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        """Count a request of ``key`` if fewer than ``limit`` were within the last ``seconds``."""
        hit, early = self.count(key, limit=limit, seconds=seconds)
        await _wait(early)
        return hit

    def count(self, key: str, *, limit: int, seconds: int) -> tuple[Hit, float]:
        """Count a request, and tell for how long it has to wait."""
        now = self._clock()
        self._forget(now)
        windows = self._windows.setdefault(seconds, OrderedDict())
        name = _digest(key, limit, seconds)
        window = windows.get(name, [])
        _set_back(window, now)
        del window[: bisect_right(window, now - seconds - _LONGER)]
        at = now
        if len(window) == limit and window[0] <= now - seconds:
            at = window.pop(0) + seconds + _LONGER
        is_allowed = len(window) < limit
        if is_allowed:
            window.append(at)
            windows[name] = window
            windows.move_to_end(name)
        over = bisect_right(window, now - seconds)
        reset_after = min(window[over] + seconds - now, seconds)
        return Hit(is_allowed, limit - len(window) + over, reset_after), at - now

    def _forget(self, now: float) -> None:
        for seconds, windows in self._windows.items():
            for _ in range(min(_SWEPT, len(windows))):
                name, window = next(iter(windows.items()))
                if _set_back(window, now):  # it is over in its turn
                    windows.move_to_end(name)
                    continue
                if window[-1] > now - seconds - _LONGER:
                    break
                del windows[name]


class RedisWindows:
    """What all workers have counted, by the moving window of ``limits``, in one question each.

    When Redis has failed to answer, nobody waits for it any more until it does.

    :param driver: how Redis is asked.
    :param prefix: what all keys begin with.
    """

    def __init__(self, driver: Driver, prefix: str) -> None:
        self._driver = driver
        self._prefix = prefix
        self._script: Callable[..., Awaitable[Any]] | None = None
        self._is_away = False
        self._trying: asyncio.Task[bool] | None = None

    async def close(self) -> None:
        """Wait for nothing any more."""
        trying, self._trying = self._trying, None
        if trying is not None:
            trying.cancel()
            await asyncio.wait([trying])

    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        """Count a request of ``key`` if fewer than ``limit`` were within the last ``seconds``.

        :raises StoreUnavailable: if Redis does not answer.
        :raises ConfigurationError: if the extra ``ratelimit`` is missing.
        """
        if self._script is None:
            self._script = self._driver.redis.register_script(count_script())
        name = f"{self._prefix}:{_digest(key, limit, seconds).hex()}"
        is_allowed, counted, age, early = await self._answer(
            self._script, keys=[name], args=[limit, seconds, f"{randbelow(10**12):012}", _LONGER]
        )
        await _wait(float(early))
        # The script of limits rounds times to a tenth of a millisecond, also upwards.
        return Hit(bool(is_allowed), limit - int(counted), min(seconds - float(age), seconds))

    async def _answer(self, script: Callable[..., Awaitable[Any]], **options: Any) -> Any:
        if not self._is_away:
            try:
                return await self._driver.ask(script, **options)
            except StoreUnavailable:
                self._is_away = True
        # Connections from before a restart fail as well, though Redis itself is there.
        if not await self._is_back():
            raise StoreUnavailable
        answer = await self._driver.ask(script, **options)
        self._is_away = False
        return answer

    async def _is_back(self) -> bool:
        trying = self._trying
        if trying is None or trying.done():
            self._trying = trying = asyncio.create_task(self._answers())
            await asyncio.wait([trying], timeout=_A_MOMENT)
        return trying.done() and trying.result()

    async def _answers(self) -> bool:
        try:
            await self._driver.ask(self._driver.redis.ping)
        except StoreUnavailable:
            return False
        return True


def _set_back(window: list[float], now: float) -> bool:
    """A clock that was set back makes nobody wait for longer than a window."""
    if not window or window[-1] <= now + _LONGER:
        return False
    window[:] = [min(counted, now) for counted in window]
    return True


async def _wait(early: float) -> None:
    if early > 0:
        await asyncio.sleep(early)


def _digest(key: str, limit: int, seconds: int) -> bytes:
    """What a window is filed under: short, unlike any other, and telling nothing of anybody."""
    return sha256(f"{limit}/{seconds}/{key}".encode("utf-8", "surrogatepass")).digest()


def count_script() -> str:
    """What Redis runs to count a request.

    :raises ConfigurationError: if the extra ``ratelimit`` is missing.
    """
    try:
        from limits.aio.storage.redis.bridge import RedisBridge
    except ImportError:
        raise ConfigurationError(
            'Rate limits in Redis need the extra: pip install "clerk-fastapi[ratelimit]".'
        ) from None
    acquire = RedisBridge.SCRIPT_ACQUIRE_MOVING_WINDOW.decode()
    look = RedisBridge.SCRIPT_MOVING_WINDOW.decode()
    return _COUNT.replace("<acquire>", acquire).replace("<look>", look)
