"""Windows in Redis: by its clock, in one question each, and not for ever."""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from typing import Any

import pytest
from redis.asyncio.connection import Connection
from redis.exceptions import ConnectionError as Disconnected

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.stores.store import Hit
from clerk_fastapi.stores.windows import RedisWindows
from tests.engine.clock import NOW, Clock
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def windows(redis_server: RedisServer) -> AsyncIterator[RedisWindows]:
    """Windows in a Redis of this test's own."""
    driver = Driver(redis_server.url)
    windows = RedisWindows(driver, "limits")
    yield windows
    await windows.close()
    await driver.close()


async def test_clocks_of_workers_do_not_matter_in_redis(redis_server: RedisServer) -> None:
    """Machines never agree about the time, so that Redis alone tells it."""
    found = []
    for wrong in (0, 5_000, -5_000):
        store = RedisStore(redis_server.url)
        await store.open("clerk", Ledger(Clock(NOW + wrong)))
        found.append(await store.hit("ada", limit=2, seconds=60))
        await store.close()
    assert [hit.is_allowed for hit in found] == [True, True, False]


async def test_redis_forgets_no_window_that_counts_and_keeps_none_for_ever(
    redis_server: RedisServer, windows: RedisWindows
) -> None:
    """Keys live a moment longer than their windows, of which Redis rounds off the end."""
    begun = milliseconds(redis_server)
    await windows.hit("ada", limit=2, seconds=60)
    ended = milliseconds(redis_server)
    (key,) = keys(redis_server)
    assert begun + 60_100 < milliseconds(redis_server, until=key) <= ended + 61_000
    assert "ada" not in key


async def test_redis_is_asked_once(redis_server: RedisServer, windows: RedisWindows) -> None:
    """For those that are refused as well: being refused costs no more."""
    await windows.hit("ada", limit=2, seconds=60)
    redis_server.command("CONFIG", "RESETSTAT")
    for _ in range(5):
        await windows.hit("ada", limit=2, seconds=60)
    said = redis_server.command("INFO", "commandstats").decode()
    assert "cmdstat_evalsha:calls=5," in said
    assert "cmdstat_get:" not in said


async def test_hit_whose_answer_is_lost_is_counted_once(
    monkeypatch: pytest.MonkeyPatch, windows: RedisWindows
) -> None:
    """The driver asks again, and so does whoever asked the driver: it is the same request."""
    read, losing = Connection.read_response, cycle([True, False, True, True, False])

    async def lose(self: Connection, *args: Any, **options: Any) -> Any:
        answer = await read(self, *args, **options)
        if isinstance(answer, list) and next(losing):
            await self.disconnect()
            raise Disconnected
        return answer

    monkeypatch.setattr(Connection, "read_response", lose)
    found = [await windows.hit("ada", limit=10, seconds=3_600) for _ in range(12)]
    assert [hit.remaining for hit in found] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0]
    assert [hit.is_allowed for hit in found] == [True] * 10 + [False] * 2


async def test_hit_that_is_asked_again_when_its_window_is_over_is_counted_anew(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, windows: RedisWindows
) -> None:
    """It is handled now, and then it counts now."""
    monkeypatch.setattr("clerk_fastapi.stores.windows.randbelow", lambda most: most - 1)
    assert (await windows.hit("ada", limit=2, seconds=60)).remaining == 1
    assert (await windows.hit("ada", limit=2, seconds=60)).remaining == 1
    (key,) = keys(redis_server)
    redis_server.command("LSET", key, "0", f"1.000000{10**12 - 1}")
    assert (await windows.hit("ada", limit=2, seconds=60)).remaining == 1
    assert redis_server.command("LLEN", key).startswith(b":2")


async def test_redis_that_is_away_is_said(redis_server: RedisServer, windows: RedisWindows) -> None:
    """At once if it is gone; and when it is back, with its data, counting goes on."""
    assert (await windows.hit("ada", limit=2, seconds=3_600)).remaining == 1
    redis_server.kill()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await windows.hit("ada", limit=2, seconds=3_600)
    redis_server.start()
    assert (await windows.hit("ada", limit=2, seconds=3_600)).remaining == 0


async def test_connections_from_before_a_restart_refuse_nobody(
    redis_server: RedisServer, windows: RedisWindows
) -> None:
    """Redis was away while nobody asked, and is there when somebody does."""
    for each in (10, 1):
        hits = (windows.hit("ada", limit=30, seconds=3_600) for _ in range(each))
        assert all(hit.is_allowed for hit in await asyncio.gather(*hits))
    redis_server.kill()
    redis_server.start()
    for _ in range(15):
        assert (await windows.hit("ada", limit=30, seconds=3_600)).is_allowed


async def test_nobody_waits_for_a_redis_that_hangs(
    redis_server: RedisServer, windows: RedisWindows
) -> None:
    """But for those who were first; and all go on when it answers."""
    await windows.hit("ada", limit=100, seconds=3_600)
    redis_server.freeze()
    with impatience(0.2):
        for _ in range(2):  # one asks in vain, one tries whether it is back
            with pytest.raises(StoreUnavailable):
                await windows.hit("ada", limit=100, seconds=3_600)
        for _ in range(1_000):
            with pytest.raises(StoreUnavailable):
                at_once(windows.hit("ada", limit=100, seconds=3_600))
    redis_server.thaw()
    assert windows._trying is not None
    await asyncio.wait([windows._trying])
    assert (await windows.hit("ada", limit=100, seconds=3_600)).is_allowed
    assert (await windows.hit("ada", limit=100, seconds=3_600)).is_allowed


async def test_nobody_tries_any_more_when_it_is_closed(
    redis_server: RedisServer, windows: RedisWindows
) -> None:
    """An application that stops waits for no Redis that hangs."""
    redis_server.freeze()
    with impatience(0.2), pytest.raises(StoreUnavailable):
        await windows.hit("ada", limit=5, seconds=60)
    trying = windows._trying
    await windows.close()
    assert trying is not None
    assert trying.cancelled()


async def test_redis_is_tried_again_and_again(
    redis_server: RedisServer, windows: RedisWindows
) -> None:
    """It may take longer than any patience, and whoever gives up waiting changes nothing."""
    redis_server.freeze()
    with impatience(0.02), pytest.raises(StoreUnavailable):
        await windows.hit("ada", limit=5, seconds=60)
    tried: set[object] = set()
    with impatience(0.02):
        while len(tried) < 3:
            asking = asyncio.create_task(windows.hit("ada", limit=5, seconds=60))
            await asyncio.wait([asking], timeout=0.001)
            asking.cancel()
            await asyncio.wait([asking])
            tried |= {windows._trying} - {None}
    redis_server.thaw()
    await until_counted(windows)


async def test_all_who_come_when_it_is_back_are_counted(
    redis_server: RedisServer, windows: RedisWindows
) -> None:
    """Somebody finds that out, and whoever came at the same moment may be told that it is away."""
    redis_server.kill()
    with pytest.raises(StoreUnavailable):
        await windows.hit("ada", limit=50, seconds=60)
    redis_server.start()
    hits = (windows.hit("ada", limit=50, seconds=60) for _ in range(20))
    found = await asyncio.gather(*hits, return_exceptions=True)
    assert {type(hit) for hit in found} <= {Hit, StoreUnavailable}
    assert isinstance(found[0], Hit)
    hits = (windows.hit("ada", limit=50, seconds=60) for _ in range(20))
    assert all(hit.is_allowed for hit in await asyncio.gather(*hits))


async def test_connections_are_bounded(redis_server: RedisServer, windows: RedisWindows) -> None:
    """A burst opens no connection for each of its requests."""
    hits = (windows.hit(f"user {number}", limit=1, seconds=60) for number in range(500))
    assert all(hit.is_allowed for hit in await asyncio.gather(*hits))
    clients = redis_server.command("CLIENT", "LIST").decode().count(" addr=127.0.0.1")
    assert clients <= 32 + 1


async def test_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, windows: RedisWindows
) -> None:
    """At the latest when somebody counts; limits that can be seen miss it at the start."""
    monkeypatch.setitem(sys.modules, "limits.aio.storage.redis.bridge", None)
    with pytest.raises(ConfigurationError, match=r"clerk-fastapi\[ratelimit\]"):
        await windows.hit("ada", limit=1, seconds=60)


@contextmanager
def impatience(seconds: float) -> Iterator[None]:
    """Let Redis be given up soon."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clerk_fastapi.stores.driver._PATIENCE", seconds)
        patch.setattr("clerk_fastapi.stores.windows._A_MOMENT", 0.05)
        yield


def at_once(asking: Coroutine[Any, Any, Hit]) -> None:
    """Run something that waits for nothing."""
    try:
        asking.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


async def until_counted(windows: RedisWindows) -> None:
    """Ask until Redis has been found to be back."""
    async with asyncio.timeout(60):
        while True:
            with suppress(StoreUnavailable):
                await windows.hit("ada", limit=5, seconds=60)
                return
            await asyncio.sleep(0)


def keys(server: RedisServer) -> list[str]:
    """All keys that a server holds."""
    return [line for line in server.command("KEYS", "*").decode().split("\r\n")[2::2] if line]


def milliseconds(server: RedisServer, *, until: str = "") -> int:
    """What the clock of a server says, or will say when a key expires."""
    script = "local t, left = redis.call('TIME'), redis.call('PTTL', ARGV[1]) "
    script += "return t[1] * 1000 + math.floor(t[2] / 1000) + math.max(left, 0)"
    return int(server.command("EVAL", script, "0", until).decode().strip(":\r\n"))
