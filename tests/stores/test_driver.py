"""Redis is asked within bounds that a storm of questions, or a busy process, does not use up."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.stores.driver import _TURNS, Driver
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

PATIENCE = "clerk_fastapi.stores.driver._PATIENCE"


@pytest.fixture
async def driver(redis_server: RedisServer) -> AsyncIterator[Driver]:
    """A driver of this test's own."""
    driver = Driver(redis_server.url)
    yield driver
    await driver.close()


async def test_whoever_waits_for_a_turn_waits_as_long_as_redis_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five rounds of questions, each of which takes half of the patience to answer."""
    loop, driver = asyncio.get_running_loop(), Driver("redis://127.0.0.1:1/0")
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    monkeypatch.setattr(PATIENCE, 1.0)
    questions = [asyncio.create_task(driver.ask(asyncio.sleep, 0.5)) for _ in range(5 * _TURNS)]
    while not all(question.done() for question in questions):
        now += 0.01
        await asyncio.sleep(0)
    assert [question.result() for question in questions] == [None] * 5 * _TURNS
    monkeypatch.undo()
    await driver.close()


async def test_whoever_waits_for_a_turn_gives_up_when_redis_falls_silent(
    driver: Driver, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not try one after the other; whoever comes afterwards tries anew."""
    asked = 0

    async def ping() -> Any:
        nonlocal asked
        asked += 1
        return await driver.redis.ping()

    redis_server.freeze()
    monkeypatch.setattr(PATIENCE, 0.2)
    questions = (driver.ask(ping) for _ in range(5 * _TURNS))
    found = await asyncio.gather(*questions, return_exceptions=True)
    assert [type(each) for each in found] == [StoreUnavailable] * 5 * _TURNS
    assert asked == _TURNS
    redis_server.thaw()
    monkeypatch.setattr(PATIENCE, 60.0)
    assert await driver.ask(ping)


async def test_process_that_was_held_up_has_not_lost_redis(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it was busy with: Redis has answered meanwhile."""
    assert await driver.ask(driver.redis.ping)
    monkeypatch.setattr(PATIENCE, 1.0)
    loop = asyncio.get_running_loop()
    loop.call_later(0.05, hold_up, loop.time() + 1.5)
    assert await driver.ask(driver.redis.blpop, ["nothing"], 0.2) is None


async def test_silence_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """When patience is over it is over: another attempt would last as long as the first."""
    monkeypatch.setattr(PATIENCE, 0.2)
    is_silent = False
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while said := await reader.read(4_096):
            if not is_silent:
                writer.write(b"+OK\r\n" * said.count(b"*"))
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        driver = Driver(f"redis://{host}:{port}?protocol=2")
        assert await driver.ask(driver.redis.execute_command, "ANYTHING")
        is_silent = True
        with pytest.raises(StoreUnavailable):
            await driver.ask(driver.redis.execute_command, "ANYTHING")
        await driver.close()
    assert connections == 1


def hold_up(until: float) -> None:
    """Work without a break."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        hashlib.sha256(b"work").digest()
