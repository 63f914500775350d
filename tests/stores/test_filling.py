"""A Redis that came back empty is filled again: once, whoever dies in the middle, and soon."""

import pytest

from clerk_fastapi.errors import StoreUnavailable
from tests.engine.clock import NOW
from tests.redis_server import RedisServer
from tests.stores.conftest import NAMESPACE, Hire
from tests.stores.workers import Worker, ended, until

pytestmark = pytest.mark.anyio

LATER = NOW + 3_600
STREAM = f"clerk_fastapi:{{{NAMESPACE}}}:revocations"
MANY = 6_500  # more than any worker adds or reads in one go


async def crowd(hire: Hire, size: int) -> list[Worker]:
    """Workers that all know of many sessions that have ended."""
    workers = [await hire() for _ in range(size)]
    await workers[0].revoke(*(ended(f"sess_{number}", LATER) for number in range(MANY)))
    await until(lambda: all(len(each.ledger) == MANY for each in workers))
    return workers


async def come_back_empty(server: RedisServer, workers: list[Worker]) -> None:
    """Let Redis go away, which everybody notices, and come back without its data."""
    server.kill()
    await until(lambda: all(each.store.is_behind for each in workers))
    server.forget()
    server.start()


def entries(server: RedisServer) -> int:
    """How many there are in the stream."""
    return int(server.command("XLEN", STREAM).strip(b":\r\n"))


async def test_one_of_many_workers_fills_it(hire: Hire, redis_server: RedisServer) -> None:
    """Redis need not hold what all of them know as often as there are workers."""
    workers = await crowd(hire, 6)
    await come_back_empty(redis_server, workers)
    await until(lambda: not any(each.store.is_behind for each in workers))
    assert entries(redis_server) == MANY


async def test_what_only_one_worker_knows_is_added_as_well(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Though it is the turn of another one."""
    workers = await crowd(hire, 3)
    redis_server.kill()
    await until(lambda: all(each.store.is_behind for each in workers))
    for number, each in enumerate(workers):
        each.ledger.add([ended(f"sess_of_{number}", LATER)])  # announced to the Redis that was
    redis_server.forget()
    redis_server.start()
    await until(lambda: entries(redis_server) == MANY + 3)
    await until(lambda: all(len(each.ledger) == MANY + 3 for each in workers))


async def test_worker_that_dies_while_it_fills_leaves_the_rest_to_others(
    hire: Hire, redis_server: RedisServer
) -> None:
    """It has added a part, and its turn is over soon."""
    workers = await crowd(hire, 4)
    await come_back_empty(redis_server, workers)
    await until(lambda: entries(redis_server) > 0)
    for worker in workers[1:]:
        await worker.store.close()
    await until(lambda: entries(redis_server) >= MANY)
    newcomer = await hire()
    assert len(newcomer.ledger) == MANY


async def test_turn_of_a_dead_worker_is_over_soon(hire: Hire, redis_server: RedisServer) -> None:
    """Nobody waits for it longer than that."""
    workers = await crowd(hire, 1)
    await come_back_empty(redis_server, workers)
    redis_server.command("SET", f"{STREAM}:turn", "dead", "PX", "500")
    await until(lambda: entries(redis_server) == MANY)


async def test_what_was_announced_in_vain_comes_first(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Nobody waits for their turn with what the others cannot know."""
    here, there = await crowd(hire, 2)
    redis_server.kill()
    await until(lambda: here.store.is_behind and there.store.is_behind)
    with pytest.raises(StoreUnavailable):
        await here.revoke(ended("sess_new", LATER))
    await come_back_empty(redis_server, [here, there])
    redis_server.command("SET", f"{STREAM}:turn", "somebody", "PX", "600000")
    await there.hears_of("sess_new")
    assert entries(redis_server) == 1


async def test_what_was_announced_in_vain_is_all_that_is_announced_again(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Redis has the rest, and was there all the time."""
    here, there = await crowd(hire, 2)
    redis_server.command("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable):
        await here.revoke(ended("sess_new", LATER))
    redis_server.command("CONFIG", "SET", "maxmemory", "0")
    await there.hears_of("sess_new")
    assert entries(redis_server) == MANY + 1
