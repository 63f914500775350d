"""What every store has to do, whether it is in this process or in Redis."""

import asyncio

import pytest

from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.stores.store import Claim, Store
from tests.engine.clock import NOW
from tests.stores.conftest import World
from tests.stores.workers import ended

pytestmark = pytest.mark.anyio

TAKEN, BUSY, DONE = Claim("taken"), Claim("busy"), Claim("done")
LATER = NOW + 3_600


async def test_other_workers_hear_of_a_revocation(world: World) -> None:
    """Nobody has to ask for it."""
    await world.here.revoke(ended("sess_1", LATER))
    await world.there.hears_of("sess_1")
    assert not world.there.ledger.has_revoked("sess_2")


async def test_several_revocations_are_told_at_once(world: World) -> None:
    """Signing out everywhere ends many sessions in one go."""
    many = [ended(f"sess_{number}", LATER) for number in range(4_500)]
    await world.here.revoke(*many)
    await world.there.hears_of("sess_4499")
    assert all(world.there.ledger.has_revoked(each.subject) for each in many)


async def test_later_report_about_a_user_counts(world: World) -> None:
    """A user who was unblocked is welcome, even if the news of the block comes after."""
    await world.here.revoke(Revocation("user_1", False, 2_000, LATER))
    await world.here.revoke(Revocation("user_1", True, 1_000, LATER))
    await world.here.revoke(ended("sess_1", LATER))
    await world.there.hears_of("sess_1")
    assert not world.there.ledger.has_revoked("user_1")


async def test_a_store_that_runs_is_not_behind(world: World) -> None:
    """Requests may be judged by what the ledger knows."""
    assert not world.here.store.is_behind
    assert not world.there.store.is_behind


async def test_delivery_is_in_one_hand(world: World) -> None:
    """Two workers never handle the same one at the same time."""
    assert await world.here.store.claim("msg_1", "first", lease=60) == TAKEN
    assert await world.there.store.claim("msg_1", "second", lease=60) == BUSY
    assert await world.there.store.claim("msg_2", "second", lease=60) == TAKEN


async def test_one_of_many_who_ask_at_once_gets_a_delivery(world: World) -> None:
    """There is no moment between looking and taking."""
    workers = [world.here, world.there] * 25
    claims = [
        worker.store.claim("msg_1", f"owner {number}", lease=60)
        for number, worker in enumerate(workers)
    ]
    found = await asyncio.gather(*claims)
    assert sorted(claim.status for claim in found) == ["busy"] * 49 + ["taken"]


async def test_lease_is_over_some_time(world: World) -> None:
    """A worker that has died keeps nothing."""
    await world.here.store.claim("msg_1", "first", lease=60)
    world.pass_time(59)
    assert await world.there.store.claim("msg_1", "second", lease=60) == BUSY
    world.pass_time(2)
    await world.there.store.claim("msg_1", "second", lease=60)  # it may have to wait for a moment
    world.pass_time(11)
    assert await world.there.store.claim("msg_1", "second", lease=60) == TAKEN
    assert await world.here.store.claim("msg_1", "first", lease=60) == BUSY


async def test_owner_of_a_lease_that_is_over_may_claim_it_again(world: World) -> None:
    """Nobody else has asked for it."""
    await world.here.store.claim("msg_1", "first", lease=60)
    world.pass_time(1_000)
    assert await world.here.store.claim("msg_1", "first", lease=60) == TAKEN
    assert await world.there.store.claim("msg_1", "second", lease=60) == BUSY


async def test_lease_lasts_longer_if_its_owner_asks(world: World) -> None:
    """Handlers may take their time."""
    await world.here.store.claim("msg_1", "first", lease=60)
    world.pass_time(50)
    assert await world.here.store.claim("msg_1", "first", lease=60) == TAKEN
    world.pass_time(50)
    assert await world.there.store.claim("msg_1", "second", lease=60) == BUSY


async def test_delivery_that_is_done_is_handled_by_nobody(world: World) -> None:
    """Not even by whoever was late to hear of it."""
    await world.here.store.claim("msg_1", "first", lease=60)
    await world.here.store.settle("msg_1", "first", done=True, remember=3_600)
    assert await world.there.store.claim("msg_1", "second", lease=60) == DONE
    assert await world.here.store.claim("msg_1", "first", lease=60) == DONE
    world.pass_time(3_599)
    assert await world.there.store.claim("msg_1", "second", lease=60) == DONE
    world.pass_time(2)
    assert await world.there.store.claim("msg_1", "second", lease=60) == TAKEN


async def test_delivery_stays_done_whoever_is_late(world: World) -> None:
    """A worker that lost its lease finishes after the one that took over."""
    await world.here.store.claim("msg_1", "first", lease=60)
    world.pass_time(61)
    await world.there.store.claim("msg_1", "second", lease=60)
    world.pass_time(11)
    await world.there.store.claim("msg_1", "second", lease=60)
    await world.there.store.settle("msg_1", "second", done=True, remember=3_600)
    await world.here.store.finish("msg_1", "app.one", remember=3_600)
    await world.here.store.settle("msg_1", "first", done=False, remember=3_600)
    assert await world.there.store.claim("msg_1", "third", lease=60) == DONE


async def test_delivery_that_was_put_back_can_be_taken(world: World) -> None:
    """By whoever gets it delivered again."""
    await world.here.store.claim("msg_1", "first", lease=60)
    await world.here.store.settle("msg_1", "first", done=False, remember=3_600)
    assert await world.there.store.claim("msg_1", "second", lease=60) == TAKEN


async def test_nobody_puts_back_what_another_has(world: World) -> None:
    """A worker whose lease was over cannot take it from the next one."""
    await world.here.store.claim("msg_1", "first", lease=60)
    await world.there.store.settle("msg_1", "second", done=False, remember=3_600)
    assert await world.there.store.claim("msg_1", "second", lease=60) == BUSY


async def test_handlers_that_are_through_are_named(world: World) -> None:
    """So that the next attempt runs the others only."""
    await world.here.store.claim("msg_1", "first", lease=60)
    await world.here.store.finish("msg_1", "app.one", remember=3_600)
    await world.here.store.finish("msg_1", "app.two", remember=3_600)
    await world.here.store.settle("msg_1", "first", done=False, remember=3_600)
    claim = await world.there.store.claim("msg_1", "second", lease=60)
    assert claim == Claim("taken", frozenset({"app.one", "app.two"}))
    world.pass_time(3_601)
    assert await world.here.store.claim("msg_1", "third", lease=60) == TAKEN


async def test_names_of_owners_mean_nothing(world: World) -> None:
    """Whatever somebody is called, it is no state."""
    assert await world.here.store.claim("msg_1", "done", lease=60) == TAKEN
    assert await world.there.store.claim("msg_1", "by:done", lease=60) == BUSY


@pytest.mark.parametrize("store", [MemoryStore(), RedisStore("redis://127.0.0.1:1")], ids=repr)
async def test_store_that_does_not_run_has_nothing_to_say(store: Store) -> None:
    """An application without a lifespan neither doubles nor loses anything."""
    with pytest.raises(StoreUnavailable):
        await store.claim("msg_1", "first", lease=60)
