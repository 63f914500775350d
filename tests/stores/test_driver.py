"""Redis is asked within bounds that a storm of questions, or a busy process, does not use up."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import suppress
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


async def test_answers_are_those_to_the_question_whoever_gives_up(driver: Driver) -> None:
    """Cancelled in line, on the way there or back, once or twice: nobody gets another's answer."""
    chance = random.Random(5)

    async def echo(number: int) -> None:
        said = f"{number}"
        if number % 2:
            assert await driver.ask(driver.redis.echo, said) == said.encode()
            return
        async with driver.redis.pipeline(transaction=True) as both:
            both.echo(said)
            both.ping()
            assert await driver.ask(both.execute) == [said.encode(), True]

    asked: list[asyncio.Task[None]] = []
    for number in range(1_000):
        asked.append(asyncio.create_task(echo(number)))
        for _ in range(chance.randrange(4)):
            chance.choice(asked[-3 * _TURNS :]).cancel()
            await asyncio.sleep(0)
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in found} == {type(None), asyncio.CancelledError}
    assert await asyncio.gather(*(driver.ask(driver.redis.ping) for _ in range(_TURNS)))


@pytest.mark.parametrize(
    "nonsense", [b":abc\r\n", b"*x\r\n", b"$-5\r\n", b"?\r\n", b"HTTP/1.1 4\r\n"]
)
async def test_nonsense_is_no_answer(nonsense: bytes) -> None:
    """Something else than Redis is there, or something between."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(4_096):
                writer.write(nonsense)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        driver = Driver(f"redis://{host}:{port}")
        with pytest.raises(StoreUnavailable):
            await driver.ask(driver.redis.get, "anything")
        await driver.close()


async def test_connections_belong_to_one_event_loop(redis_server: RedisServer) -> None:
    """Whoever asks in another is refused with the reason, and does this one no harm."""
    driver = Driver(redis_server.url, asyncio.get_running_loop())

    def ask() -> None:
        asyncio.run(driver.ask(driver.redis.ping))

    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="event loop"):
            await asyncio.to_thread(ask)
        assert await driver.ask(driver.redis.ping)
    await driver.close()


async def test_closing_waits_for_what_is_under_way(redis_server: RedisServer) -> None:
    """A question that lost its connection would connect anew, and nobody would close that."""
    driver = Driver(redis_server.url)
    await driver.ask(driver.redis.ping)
    under_way = [
        asyncio.create_task(driver.ask(driver.redis.blpop, ["nothing"], 0.1)) for _ in range(5)
    ]
    in_line = [asyncio.create_task(driver.ask(driver.redis.ping)) for _ in range(_TURNS)]
    await asyncio.sleep(0)
    await driver.close()
    found = await asyncio.gather(*under_way, *in_line, return_exceptions=True)
    assert found[:5] == [None] * 5
    assert {type(each) for each in found[5:]} <= {bool, StoreUnavailable}
    with pytest.raises(StoreUnavailable):
        await driver.ask(driver.redis.ping)
    assert redis_server.command("CLIENT", "LIST").count(b"cmd=") == 1  # whoever asks that


async def test_closing_has_an_end(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever Redis does, and whatever does not let itself be ended."""
    monkeypatch.setattr(PATIENCE, 0.1)
    driver = Driver(redis_server.url)
    over = asyncio.Event()
    told = 0

    async def stubborn() -> None:
        nonlocal told
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                told += 1

    asked = asyncio.create_task(driver.ask(stubborn))
    await asyncio.sleep(0)
    await driver.close()
    assert not asked.done()
    over.set()
    await asked


def hold_up(until: float) -> None:
    """Work without a break."""
    loop = asyncio.get_running_loop()
    while loop.time() < until:
        hashlib.sha256(b"work").digest()
