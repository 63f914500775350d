"""A store in Redis, where all workers of an application meet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final, NamedTuple, get_args

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable
from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.feed import Feed
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import Claim, Hit, OnOutage, Store
from clerk_fastapi.stores.windows import RedisWindows

__all__ = ["RedisStore"]

_SCHEMES: Final = ("redis://", "rediss://", "unix://")
_NO_URL: Final = "RedisStore takes a URL like redis://localhost:6379/0."

# A delivery is in the hands of whoever its first key names, until that expires. The second one
# names them for longer: if Redis was away they may be at it still, and get a moment to say so
# before somebody else gets the delivery.
_CLAIM: Final = """
local held, holder = redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])
if held == 'done' then return {'done'} end
if held == 'over' and holder == ARGV[1] then held = false end
if held and held ~= ARGV[1] then return {'busy'} end
if not held and holder and holder ~= ARGV[1] then
  redis.call('SET', KEYS[1], 'over', 'PX', ARGV[3])
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
  return {'busy'}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
local claim = redis.call('SMEMBERS', KEYS[3])
table.insert(claim, 1, 'taken')
return claim
"""
# Whoever has it by now, if the lease was over: it has been handled.
_DONE: Final = """
redis.call('SET', KEYS[1], 'done', 'PX', ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3])
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[1], KEYS[2]) end
"""
_A_MOMENT: Final = 1 / 6  # of a lease: workers that have lost Redis ask for it much more often
_HOLDER: Final = 3_600.0  # seconds for which it is known who had a delivery last


class RedisStore(Store):
    """What all workers remember together: ``Clerk(store=RedisStore("redis://..."))``.

    Revocations are followed in a stream and kept in each worker's memory, so that a request asks
    nobody. Needs Redis 6.2 or newer, and the extra ``redis``.

    :param url: where it is: ``redis://``, ``rediss://`` (TLS) or ``unix://``, with the password.
    :param on_outage: what becomes of requests with session tokens while it is away: ``refuse`` is
        503, ``continue`` judges them by what this process knows.
    :param prefix: what all keys begin with, for applications that share a Redis and a Clerk
        instance, but nothing else.
    :raises ConfigurationError: if an argument is malformed, or the extra is missing.
    """

    is_shared: ClassVar[bool] = True

    def __init__(
        self, url: str, *, on_outage: OnOutage = "refuse", prefix: str = "clerk_fastapi"
    ) -> None:
        if on_outage not in get_args(OnOutage):
            raise ConfigurationError("on_outage is 'refuse' or 'continue'.")
        if not isinstance(prefix, str) or not prefix:
            raise ConfigurationError("The prefix of a RedisStore is a text, such as 'my_app'.")
        self.on_outage = on_outage
        self._url = _checked(url)
        self._prefix = prefix
        self._open: _Open | None = None

    async def open(self, namespace: str, ledger: Ledger) -> None:
        if self._open is not None:
            raise ConfigurationError("A RedisStore belongs to one Clerk; make one for each.")
        name = f"{self._prefix}:{{{namespace}}}"
        loop = asyncio.get_running_loop()
        # Each with connections of its own: a flood of requests that are limited holds up neither
        # revocations nor deliveries, and those do not keep anybody from listening.
        driver, listener, counter = (Driver(self._url, loop) for _ in range(3))
        feed = Feed(driver, listener, f"{name}:revocations", ledger, self.on_outage)
        windows = RedisWindows(counter, f"{name}:limits")
        self._open = _Open(driver, listener, counter, feed, windows, name)
        try:
            await feed.start()
        except BaseException:  # a start-up that is given up leaves nothing running
            await self.close()
            raise

    async def close(self) -> None:
        store, self._open = self._open, None
        if store is not None:
            await store.feed.stop()
            await store.windows.close()
            for driver in (store.counter, store.listener, store.driver):
                await driver.close()

    @property
    def is_behind(self) -> bool:
        return self._open is None or self._open.feed.is_behind

    async def announce(self, revocations: Sequence[Revocation]) -> None:
        await self._opened().feed.announce(revocations)

    async def claim(self, delivery: str, owner: str, *, lease: float) -> Claim:
        store = self._opened()
        times = map(_milliseconds, (lease, lease * _A_MOMENT, _HOLDER))
        said: list[bytes] = await store.driver.ask(
            store.driver.redis.eval, _CLAIM, 3, *store.keys(delivery), _by(owner), *times
        )
        status, *finished = (word.decode() for word in said)
        if status == "taken":
            return Claim("taken", frozenset(finished))
        return Claim("done" if status == "done" else "busy")

    async def finish(self, delivery: str, handler: str, *, remember: float) -> None:
        store = self._opened()
        *_, key = store.keys(delivery)
        async with store.driver.redis.pipeline(transaction=True) as noted:
            noted.sadd(key, handler)
            noted.pexpire(key, _milliseconds(remember))
            await store.driver.ask(noted.execute)

    async def settle(self, delivery: str, owner: str, *, done: bool, remember: float) -> None:
        store = self._opened()
        script, said = (_DONE, _milliseconds(remember)) if done else (_RELEASE, _by(owner))
        await store.driver.ask(store.driver.redis.eval, script, 3, *store.keys(delivery), said)

    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        return await self._opened().windows.hit(key, limit=limit, seconds=seconds)

    def _opened(self) -> _Open:
        if self._open is None:
            raise StoreUnavailable
        return self._open

    def __repr__(self) -> str:
        return f"<RedisStore {self._prefix!r}>"


class _Open(NamedTuple):
    """What is there while a Clerk runs."""

    driver: Driver
    listener: Driver
    counter: Driver
    feed: Feed
    windows: RedisWindows
    name: str

    def keys(self, delivery: str) -> tuple[str, str, str]:
        """Who has a delivery in hand, who had it last, and which handlers are through with it."""
        held, holder, handlers = (
            f"{self.name}:{kind}:{delivery}" for kind in ("delivery", "holder", "handlers")
        )
        return held, holder, handlers


def _checked(url: str) -> str:
    if not isinstance(url, str) or not url.startswith(_SCHEMES):
        raise ConfigurationError(_NO_URL)
    try:
        Driver(url)
    except ValueError:
        is_malformed = True
    else:
        is_malformed = False
    if is_malformed:  # outside of the except clause: the error may hold the URL, and so a password
        raise ConfigurationError(_NO_URL)
    return url


def _by(owner: str) -> str:
    return f"by:{owner}"  # and so nobody is called "done"


def _milliseconds(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
