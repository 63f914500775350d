"""Every handler is through with a delivery once, whoever gets it and whatever happens meanwhile."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from clerk_fastapi.engine.deliveries import PACE, Pace
from clerk_fastapi.stores.ledger import Ledger
from tests.engine.clock import Clock
from tests.engine.deliveries import DELIVERY, Diary, FickleStore, outcome, worker

pytestmark = pytest.mark.anyio

KEY = DELIVERY.key
AGAIN = replace(DELIVERY, timestamp=DELIVERY.timestamp + 5)  # as the sender tries again
HASTY = Pace(pauses=(0, 0), ask_again=0)


@pytest.fixture
def clock() -> Clock:
    """The time by which the store remembers."""
    return Clock()


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[FickleStore]:
    """A store that is there until it is told to go away."""
    store = FickleStore()
    await store.open("clerk.example.com", Ledger(clock))
    yield store
    await store.close()


@pytest.fixture
async def diary() -> Diary:
    """What handlers did."""
    return Diary()


async def test_handlers_run_one_by_one_and_once(store: FickleStore, diary: Diary) -> None:
    """A delivery that comes again later, anywhere, is acknowledged and no more."""
    here, there = worker(store), worker(store)
    assert await outcome(here, diary.handlers("b", "a")) == "done"
    assert await outcome(here, diary.handlers("b", "a"), AGAIN) == "done"
    assert await outcome(there, diary.handlers("b", "a"), replace(AGAIN, timestamp=3)) == "done"
    assert diary.ran == ["b", "a"]
    assert (await store.claim(KEY, "anybody", lease=60)).status == "done"


async def test_attempt_that_was_acknowledged_is_refused_when_it_comes_again(
    store: FickleStore, diary: Diary
) -> None:
    """Clerk signs each one anew: whoever sends the same twice has recorded it."""
    here, there = worker(store), worker(store)
    diary.failing = {"a"}
    assert await outcome(here, diary.handlers("a")) == "webhook-handler-failed"
    diary.failing = set()
    assert await outcome(there, diary.handlers("a")) == "done"
    for each in (here, there):
        assert await outcome(each, diary.handlers("a")) == "webhook-replayed"
    assert await outcome(there, diary.handlers("a"), AGAIN) == "done"
    assert await outcome(here, diary.handlers("a"), AGAIN) == "webhook-replayed"
    assert diary.ran == ["a", "a"]


async def test_fifty_at_once_on_two_workers_run_the_handler_once(
    store: FickleStore, diary: Diary
) -> None:
    """All of them learn that it was done, after it was."""
    workers = [worker(store), worker(store)] * 25
    handlers = diary.handlers("slow")
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(outcome(each, handlers)) for each in workers]
        await store.was_asked("claim", 20)
        assert not any(task.done() for task in asked)
        diary.leave.set()
    assert [task.result() for task in asked] == ["done"] * 50
    assert diary.ran == ["slow"]


async def test_deliveries_do_not_wait_for_others(store: FickleStore, diary: Diary) -> None:
    """One id is one delivery; another is handled meanwhile, and so is the copy of an endpoint."""
    here = worker(store)
    slow = asyncio.create_task(outcome(here, diary.handlers("slow")))
    await diary.begun.wait()
    for other in (replace(DELIVERY, id="msg_2"), replace(DELIVERY, endpoint="other")):
        assert await outcome(here, diary.handlers("quick"), other) == "done"
    diary.leave.set()
    assert await slow == "done"
    assert diary.ran == ["slow", "quick", "quick"]


async def test_handler_that_raises_gets_the_delivery_again(
    store: FickleStore, diary: Diary
) -> None:
    """On any worker, until it does not raise; the others are through and do not run again."""
    here, there = worker(store), worker(store)
    handlers = diary.handlers("first", "bad", "last")
    diary.failing = {"bad"}
    assert await outcome(here, handlers) == "webhook-handler-failed"
    assert diary.ran == ["first", "bad", "last"]
    assert await outcome(there, handlers) == "webhook-handler-failed"
    assert diary.ran[3:] == ["bad"]
    diary.failing = set()
    assert await outcome(here, handlers) == "done"
    assert await outcome(there, handlers, AGAIN) == "done"
    assert diary.ran[4:] == ["bad"]


async def test_doubles_of_a_failed_delivery_fail_with_it(store: FickleStore, diary: Diary) -> None:
    """In one process: nobody acknowledges what was not done."""
    here = worker(store)
    diary.failing = {"slow"}
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(outcome(here, diary.handlers("slow"))) for _ in range(5)]
        await diary.begun.wait()
        diary.leave.set()
    assert [task.result() for task in asked] == ["webhook-handler-failed"] * 5
    assert diary.ran == ["slow"]


@pytest.mark.parametrize("error", [asyncio.CancelledError, TimeoutError, GeneratorExit])
async def test_whatever_a_handler_raises_is_a_failure(
    store: FickleStore, error: type[BaseException]
) -> None:
    """Also what usually means that somebody was told to stop."""

    async def handle() -> None:
        raise error

    assert await outcome(worker(store), {"handler": handle}) == "webhook-handler-failed"


async def test_failure_is_logged_with_its_traceback(
    store: FickleStore, diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    """By the name of the handler, and without what was delivered."""
    diary.failing = {"app.hooks.bad"}
    await outcome(worker(store), diary.handlers("app.hooks.bad"), replace(DELIVERY, body=b"secret"))
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("clerk_fastapi", logging.ERROR)
    assert record.getMessage() == "webhook handler app.hooks.bad failed; it gets msg_1 again"
    assert record.exc_info is not None
    assert record.exc_info[0] is ValueError
    assert "secret" not in caplog.text


async def test_waiting_for_a_double_has_an_end(store: FickleStore, diary: Diary) -> None:
    """Whoever delivers is told to come again, in the same process and in another."""
    here, there = worker(store, HASTY), worker(store, HASTY)
    slow = asyncio.create_task(outcome(here, diary.handlers("slow")))
    await diary.begun.wait()
    assert await outcome(here, diary.handlers("slow")) == "webhook-busy"
    assert await outcome(there, diary.handlers("slow")) == "webhook-busy"
    diary.leave.set()
    assert await slow == "done"
    assert await outcome(there, diary.handlers("slow"), AGAIN) == "done"
    assert diary.ran == ["slow"]


def test_answers_come_before_the_sender_gives_up() -> None:
    """It waits 15 seconds; and tries for 28 hours, in which nothing is forgotten."""
    assert 5 < PACE.patience < 12
    assert len(PACE.pauses) < 20  # the store is not asked all the time
    assert PACE.lease > 2 * PACE.patience
    assert PACE.remember > 28 * 3_600


async def test_dead_worker_loses_what_it_had_in_hand(
    store: FickleStore, diary: Diary, clock: Clock
) -> None:
    """Not before its lease is over; then whoever gets the delivery runs what is left."""
    await store.claim(KEY, "dead", lease=PACE.lease)
    await store.finish(KEY, "first", remember=PACE.remember)
    there = worker(store, HASTY)
    assert await outcome(there, diary.handlers("first", "second")) == "webhook-busy"
    clock.now += PACE.lease
    assert await outcome(there, diary.handlers("first", "second")) == "done"
    assert diary.ran == ["second"]


async def test_lease_is_renewed_while_a_handler_runs(
    store: FickleStore, diary: Diary, clock: Clock
) -> None:
    """However long it takes, and whether the store is always there or not."""
    here, there = worker(store, HASTY._replace(lease=0.06)), worker(store, HASTY)
    slow = asyncio.create_task(outcome(here, diary.handlers("slow")))
    await diary.begun.wait()
    for _ in range(3):
        store.away = {"claim"}
        await store.was_asked("claim", len(store.asked) + 1)
        store.away = set()
        clock.now += 0.05
        await store.was_asked("claim", store.asked.count("claim") + 2)
        assert await outcome(there, diary.handlers("slow")) == "webhook-busy"
    diary.leave.set()
    assert await slow == "done"
    assert diary.ran == ["slow"]


async def test_renewal_that_failed_is_tried_again_soon(store: FickleStore, diary: Diary) -> None:
    """The lease of a store that was away is kept as soon as it is back, not at the next turn."""
    here = worker(store, HASTY._replace(lease=1.0, ask_again=0))  # renewed each tenth of a second
    slow = asyncio.create_task(outcome(here, diary.handlers("slow")))
    await diary.begun.wait()
    store.away = {"claim"}
    await store.was_asked("claim", 1_000)
    store.away = set()
    diary.leave.set()
    assert await slow == "done"


async def test_who_lost_the_lease_goes_no_further(
    store: FickleStore, diary: Diary, clock: Clock
) -> None:
    """A process that stood still for too long leaves the rest to whoever has it now."""
    here = worker(store, HASTY)
    slow = asyncio.create_task(outcome(here, diary.handlers("slow", "next")))
    await diary.begun.wait()
    clock.now += PACE.lease
    assert (await store.claim(KEY, "other", lease=60)).status == "taken"
    diary.leave.set()
    assert await slow == "webhook-busy"
    assert diary.ran == ["slow"]
    assert (await store.claim(KEY, "another", lease=60)).status == "busy"  # still the other's
    assert "slow" in (await store.claim(KEY, "other", lease=60)).finished


async def test_who_lost_the_lease_believes_that_it_was_done(
    store: FickleStore, diary: Diary, clock: Clock
) -> None:
    """Others may have finished all of it meanwhile."""
    slow = asyncio.create_task(outcome(worker(store), diary.handlers("slow", "next")))
    await diary.begun.wait()
    clock.now += PACE.lease
    await store.claim(KEY, "other", lease=60)
    await store.settle(KEY, "other", done=True, remember=60)
    diary.leave.set()
    assert await slow == "done"
    assert diary.ran == ["slow"]


async def test_caller_that_hangs_up_loses_nothing(store: FickleStore, diary: Diary) -> None:
    """What was begun goes on; those who come later, or wait, learn what became of it."""
    here = worker(store)
    first = asyncio.create_task(outcome(here, diary.handlers("slow", "next")))
    await diary.begun.wait()
    second = asyncio.create_task(outcome(here, diary.handlers("slow", "next")))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    diary.leave.set()
    assert await second == "done"
    assert await outcome(worker(store), diary.handlers("slow", "next"), AGAIN) == "done"
    assert diary.ran == ["slow", "next"]


async def test_handler_may_finish_before_the_end(store: FickleStore, diary: Diary) -> None:
    """Shutting down waits for those that nobody waits for any more."""
    here = worker(store)
    asked = asyncio.create_task(outcome(here, diary.handlers("slow")))
    await diary.begun.wait()
    asked.cancel()
    closing = asyncio.create_task(here.close())
    await asyncio.sleep(0)
    diary.leave.set()
    await closing
    assert await outcome(worker(store), diary.handlers("slow")) == "done"
    assert diary.ran == ["slow"]


async def test_handler_that_hangs_is_broken_off_at_the_end(
    store: FickleStore, diary: Diary
) -> None:
    """Its delivery is nobody's then, and comes again."""
    here = worker(store, Pace(grace=0.05))
    asked = asyncio.create_task(outcome(here, diary.handlers("first", "slow")))
    await diary.begun.wait()
    await here.close()
    assert await asked == "webhook-busy"
    diary.leave.set()
    assert await outcome(worker(store, HASTY), diary.handlers("first", "slow")) == "done"
    assert Counter(diary.ran) == {"first": 1, "slow": 2}
    await here.close()


async def test_handler_that_will_not_stop_keeps_nobody_from_stopping(store: FickleStore) -> None:
    """It is told more than once, and then left alone."""
    told: list[str] = []
    begun, over = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        begun.set()
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                told.append("stop")

    here = worker(store, Pace(grace=0.01))
    asked = asyncio.create_task(outcome(here, {"stubborn": stubborn}))
    await begun.wait()
    await here.close()
    assert len(told) > 1
    over.set()
    assert await asked in ("done", "webhook-busy")


async def test_nothing_is_done_while_the_store_is_away(store: FickleStore, diary: Diary) -> None:
    """Nobody could know whether it was done already; it comes again."""
    here = worker(store)
    store.away = {"claim"}
    assert await outcome(here, diary.handlers("handler")) == "store-unavailable"
    assert diary.ran == []
    store.away = set()
    assert await outcome(here, diary.handlers("handler")) == "done"
    assert diary.ran == ["handler"]


async def test_what_was_done_is_noted_when_the_store_is_back(
    store: FickleStore, diary: Diary
) -> None:
    """The sender has to come again, and finds that it was; the handler does not run again."""
    here, there = worker(store), worker(store, HASTY)
    store.away = {"finish"}
    assert await outcome(here, diary.handlers("handler", "next")) == "store-unavailable"
    assert await outcome(here, diary.handlers("handler", "next")) == "store-unavailable"
    assert await outcome(there, diary.handlers("handler", "next")) == "webhook-busy"
    assert diary.ran == ["handler"]
    store.away = set()
    await store.was_asked("settle", 1)
    assert await outcome(there, diary.handlers("handler", "next")) == "done"
    assert diary.ran == ["handler", "next"]
    await here.close()


async def test_store_that_goes_away_between_handlers(store: FickleStore, diary: Diary) -> None:
    """Those that ran do not run again, and the others do not run before it is back."""
    here = worker(store)
    asked = asyncio.create_task(outcome(here, diary.handlers("slow", "next")))
    await diary.begun.wait()
    store.away = {"claim", "settle"}
    diary.leave.set()
    assert await asked == "store-unavailable"
    store.away = set()
    store._leases.clear()
    assert await outcome(here, diary.handlers("slow", "next")) == "done"
    assert diary.ran == ["slow", "next"]


async def test_all_that_was_noted_is_enough(store: FickleStore, diary: Diary, clock: Clock) -> None:
    """A delivery is acknowledged once every handler is through, and stays so."""
    store.away = {"settle"}
    assert await outcome(worker(store), diary.handlers("a", "b")) == "done"
    clock.now += PACE.lease
    assert await outcome(worker(store), diary.handlers("a", "b")) == "done"
    assert diary.ran == ["a", "b"]


async def test_renewal_never_comes_after_the_end(store: FickleStore, diary: Diary) -> None:
    """What failed is nobody's at once, so that the next delivery of it is handled."""
    here = worker(store, HASTY._replace(lease=0.003))
    diary.failing = {"slow"}
    asked = asyncio.create_task(outcome(here, diary.handlers("slow")))
    await diary.begun.wait()
    store.there.clear()
    await store.was_asked("claim", 4)
    diary.leave.set()
    for _ in range(50):
        await asyncio.sleep(0)
    assert store.asked[-1] == "claim"  # it is on its way still
    store.there.set()
    assert await asked == "webhook-handler-failed"
    assert store.asked[-1] == "settle"
    assert KEY not in store._leases
    assert here._attempts == {}
