"""A delivery stays with whoever is at it, though Redis was away for longer than their lease."""

import pytest

from tests.redis_server import RedisServer
from tests.stores.conftest import Hire

pytestmark = pytest.mark.anyio


async def test_delivery_is_kept_for_who_had_it_before_an_outage(
    hire: Hire, redis_server: RedisServer
) -> None:
    """A lease that ran out meanwhile is theirs for a moment, if they are still there."""
    here, there = (await hire(), await hire())
    for message in ("kept", "lost"):
        assert (await here.store.claim(message, "first", lease=60)).status == "taken"
    redis_server.kill()
    redis_server.start()
    redis_server.pass_time(61)
    for message in ("kept", "lost"):
        assert (await there.store.claim(message, "second", lease=60)).status == "busy"
    assert (await here.store.claim("kept", "first", lease=60)).status == "taken"
    redis_server.pass_time(11)
    assert (await there.store.claim("kept", "second", lease=60)).status == "busy"
    assert (await there.store.claim("lost", "second", lease=60)).status == "taken"
    assert (await here.store.claim("lost", "first", lease=60)).status == "busy"


async def test_delivery_that_was_put_back_after_its_lease_is_nobodys(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Nobody waits for a worker that has said that it is not at it any more."""
    worker = await hire()
    for asks in (False, True):
        await worker.store.claim("msg_1", "first", lease=60)
        redis_server.pass_time(61)
        if asks:
            assert (await worker.store.claim("msg_1", "second", lease=60)).status == "busy"
        await worker.store.settle("msg_1", "first", done=False, remember=60)
        assert (await worker.store.claim("msg_1", "second", lease=60)).status == "taken"
        await worker.store.settle("msg_1", "second", done=False, remember=60)


async def test_what_is_done_leaves_one_key(hire: Hire, redis_server: RedisServer) -> None:
    """Which handlers were through matters no longer, nor who it was."""
    worker = await hire()
    await worker.store.claim("msg_1", "first", lease=60)
    await worker.store.finish("msg_1", "app.one", remember=60)
    await worker.store.settle("msg_1", "first", done=True, remember=60)
    assert redis_server.command("KEYS", "*msg_1").count(b"msg_1") == 1
