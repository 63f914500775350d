"""Two processes and a real Redis: a delivery is handled once, whoever gets it and whoever dies."""

import asyncio
import itertools
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk
from tests.redis.workers import workers
from tests.redis_server import RedisServer
from tests.stores.workers import until

pytestmark = pytest.mark.anyio

LEASE = 30
ONCE = {"quick": 1, "slow": 1, "last": 1}


class Pair:
    """Two workers that receive what Clerk delivers to one endpoint."""

    def __init__(self, local: LocalClerk, secret: str, diary: Path) -> None:
        self.endpoint = local.add_webhook_endpoint("http://test/webhooks", secret=secret)
        self._clock = local.clock
        self._diary = diary

    async def open(self, urls: list[str]) -> None:
        """Connect to both."""
        limits = httpx.Limits(max_connections=None)
        self.here, self.there = (
            httpx.AsyncClient(base_url=url, timeout=60, limits=limits) for url in urls
        )

    async def close(self) -> None:
        """Hang up."""
        await self.here.aclose()
        await self.there.aclose()

    async def deliver(
        self, to: httpx.AsyncClient, type: str = "user.created", *, later: int = 0
    ) -> int:
        """Deliver one message, signed anew, as some seconds later; how it was answered."""
        body = json.dumps({"object": "event", "type": type, "data": {"id": "user_1"}})
        timestamp = int(self._clock()) + later
        headers = self.endpoint.sign(body, id=f"msg_{type}", timestamp=timestamp)
        return (await to.post("/webhooks", content=body, headers=headers)).status_code

    async def deliver_until_taken(self, to: httpx.AsyncClient) -> None:
        """Deliver again and again, as Clerk does."""
        attempts = itertools.count(1)
        async with asyncio.timeout(60):
            while (status := await self.deliver(to, later=next(attempts) % 300)) != 204:
                assert status == 503

    async def begins(self) -> int:
        """Wait until one of them runs the slow handler; which process it is."""
        asked = [asyncio.create_task(each.get("/begun")) for each in (self.here, self.there)]
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return int(done.pop().result().text)

    async def give_leave(self, *workers: httpx.AsyncClient) -> None:
        """Let handlers go on."""
        for each in workers:
            await each.post("/leave")

    def ran(self) -> Counter[str]:
        """How often each handler was called, in both."""
        return Counter(self._diary.read_text().split())


def is_over(server: RedisServer) -> bool:
    """Whether a lease is over, and whoever has had it is waited for."""
    script = (
        "for _, key in ipairs(redis.call('KEYS', '*:delivery:*')) do "
        "if redis.call('GET', key) == 'over' then return 1 end end return 0"
    )
    return server.command("EVAL", script, "0").startswith(b":1")


@pytest.fixture
async def pair(redis_server: RedisServer, tmp_path: Path) -> AsyncIterator[Pair]:
    """Two workers on one Redis."""
    local = LocalClerk()
    secret = local.add_webhook_endpoint("http://test/webhooks").secret
    diary = tmp_path / "diary"
    environment = {
        "CLERK_PUBLISHABLE_KEY": local.publishable_key,
        "CLERK_JWT_KEY": local.jwt_key,
        "CLERK_WEBHOOK_SIGNING_SECRET": secret,
        "REDIS_URL": redis_server.url,
        "DIARY": str(diary),
    }
    with workers("tests.redis.receiver:app", 2, environment) as urls:
        pair = Pair(local, secret, diary)
        await pair.open(urls)
        yield pair
        await pair.close()


async def test_fifty_at_once_run_each_handler_once(pair: Pair) -> None:
    """Half of them here and half there; all are acknowledged once it is done."""
    asked: list[Awaitable[int]] = []
    for number in range(50):
        to = pair.there if number % 2 else pair.here
        asked.append(asyncio.create_task(pair.deliver(to, later=number)))
    await pair.begins()
    await pair.give_leave(pair.here, pair.there)
    assert await asyncio.gather(*asked) == [204] * 50
    assert pair.ran() == ONCE


async def test_fifty_copies_run_each_handler_once(pair: Pair) -> None:
    """Of the very same attempt; those that come when all is over are refused."""
    asked: list[Awaitable[int]] = []
    for _ in range(25):
        asked += [asyncio.create_task(pair.deliver(each)) for each in (pair.here, pair.there)]
    await pair.begins()
    await pair.give_leave(pair.here, pair.there)
    answers = await asyncio.gather(*asked)
    assert 204 in answers
    assert set(answers) <= {204, 400}
    assert pair.ran() == ONCE


async def test_handler_that_failed_here_runs_again_there(pair: Pair) -> None:
    """Until it is through; then nowhere any more."""
    assert await pair.deliver(pair.here, "user.updated") == 500
    await pair.give_leave(pair.there)
    assert await pair.deliver(pair.there, "user.updated") == 204
    assert await pair.deliver(pair.here, "user.updated", later=60) == 204
    assert pair.ran() == {"moody": 2}


async def test_what_a_killed_worker_had_in_hand_is_handled(
    pair: Pair, redis_server: RedisServer
) -> None:
    """A moment after its lease is over; handlers that were through are not called again."""
    lost = asyncio.create_task(pair.deliver(pair.here))
    process = await pair.begins()
    os.kill(process, signal.SIGKILL)
    with pytest.raises(httpx.TransportError):
        await lost
    redis_server.pass_time(LEASE)
    await pair.give_leave(pair.there)
    again = asyncio.create_task(pair.deliver(pair.there))
    await until(lambda: is_over(redis_server))
    redis_server.pass_time(LEASE / 6)
    assert await again == 204
    assert pair.ran() == {"quick": 1, "slow": 2, "last": 1}


async def test_caller_that_hangs_up_loses_nothing(pair: Pair) -> None:
    """What was begun is finished, and known to be when it comes again."""
    lost = asyncio.create_task(pair.deliver(pair.here))
    await pair.begins()
    lost.cancel()
    with pytest.raises(asyncio.CancelledError):
        await lost
    await pair.give_leave(pair.here)
    await pair.deliver_until_taken(pair.there)
    assert pair.ran() == ONCE


async def test_redis_that_dies_in_the_middle_makes_nothing_happen_twice(
    pair: Pair, redis_server: RedisServer
) -> None:
    """What was done meanwhile is noted when it is back; nothing is acknowledged before."""
    asked = asyncio.create_task(pair.deliver(pair.here))
    await pair.begins()
    redis_server.kill()
    await pair.give_leave(pair.here)
    assert await asked == 503
    assert await pair.deliver(pair.here) == 503
    assert await pair.deliver(pair.there) == 503
    redis_server.start()
    await pair.deliver_until_taken(pair.there)
    assert pair.ran() == ONCE


async def test_redis_that_is_away_for_longer_than_a_lease_makes_nothing_happen_twice(
    pair: Pair, redis_server: RedisServer
) -> None:
    """Whoever is at a message has it again before another worker gets it."""
    asked = asyncio.create_task(pair.deliver(pair.here))
    await pair.begins()
    redis_server.kill()
    redis_server.start()
    redis_server.pass_time(LEASE)
    again = asyncio.create_task(pair.deliver(pair.there, later=30))
    await until(lambda: is_over(redis_server))
    await until(lambda: not is_over(redis_server))
    await pair.give_leave(pair.here, pair.there)
    assert await again == 204
    assert await asked == 204
    assert pair.ran() == ONCE


async def test_without_redis_nothing_is_handled(pair: Pair, redis_server: RedisServer) -> None:
    """It comes again, and is handled when Redis is back."""
    redis_server.kill()
    assert await pair.deliver(pair.here) == 503
    redis_server.start()
    await pair.give_leave(pair.here)
    await pair.deliver_until_taken(pair.here)
    assert pair.ran() == ONCE
