"""Sliding windows, counted exactly: in this process, or in Redis for all workers."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Final

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.store import Hit

__all__ = ["MemoryWindows", "RedisWindows", "count_script"]

_SWEPT: Final = 8  # windows of each length that are looked at for being over, at every request
_A_MOMENT: Final = 0.05  # seconds that are enough for a Redis that is back

# Two scripts of limits' own as functions of one, which runs by the clock of Redis: those of
# different machines never agree. Redis forgets in milliseconds, so that a list has to outlive what
# counts in it. Of a clock that was set back since, nobody knows what counts.
_COUNT: Final = """
local function acquire(KEYS, ARGV)
<acquire>
end
local function look(KEYS, ARGV)
<look>
end
local time = redis.call('TIME')
local now, limit, seconds = time[1] + time[2] / 1000000, ARGV[1], ARGV[2]
local newest = redis.call('LINDEX', KEYS[1], 0)
if newest and tonumber(newest) > now + 1 then redis.call('DEL', KEYS[1]) end
local is_allowed = acquire(KEYS, {now, limit, seconds, 1})
if is_allowed then redis.call('EXPIRE', KEYS[1], seconds + 1) end
local found = look(KEYS, {now - seconds, limit})
return {is_allowed and 1 or 0, found[2], string.format('%.6f', now - found[1])}
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

    def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        """Count a request of ``key`` if fewer than ``limit`` were within the last ``seconds``."""
        now = self._clock()
        self._forget(now)
        windows = self._windows.setdefault(seconds, OrderedDict())
        name = _digest(key, limit, seconds)
        window = windows.get(name, [])
        if window and window[-1] > now:
            # A clock that was set back makes nobody wait for longer than a window.
            window[:] = [min(counted, now) for counted in window]
        del window[: bisect_right(window, now - seconds)]
        is_allowed = len(window) < limit
        if is_allowed:
            window.append(now)
            windows[name] = window
            windows.move_to_end(name)
        return Hit(is_allowed, limit - len(window), window[0] + seconds - now)

    def _forget(self, now: float) -> None:
        for seconds, windows in self._windows.items():
            for _ in range(min(_SWEPT, len(windows))):
                name, window = next(iter(windows.items()))
                if window[-1] > now:  # of a clock that was set back: it is over in its turn
                    window[:] = [min(counted, now) for counted in window]
                    windows.move_to_end(name)
                    continue
                if window[-1] > now - seconds:
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
        if not self._is_away:
            try:
                return await self._ask(key, limit, seconds)
            except StoreUnavailable:
                self._is_away = True
        # Connections from before a restart fail as well, though Redis itself is there.
        if not await self._is_back():
            raise StoreUnavailable
        hit = await self._ask(key, limit, seconds)
        self._is_away = False
        return hit

    async def _ask(self, key: str, limit: int, seconds: int) -> Hit:
        assert self._script is not None, "made before"
        name = f"{self._prefix}:{_digest(key, limit, seconds).hex()}"
        is_allowed, counted, age = await self._driver.ask(
            self._script, keys=[name], args=[limit, seconds]
        )
        # The script of limits rounds times to a tenth of a millisecond, also upwards.
        return Hit(bool(is_allowed), limit - int(counted), min(seconds - float(age), seconds))

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
