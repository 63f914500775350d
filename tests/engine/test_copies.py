"""Copies of one attempt that come together are doubles, also in two workers; later ones replays."""

import asyncio

import pytest

from clerk_fastapi.engine.deliveries import PACE
from clerk_fastapi.stores.ledger import Ledger
from tests.engine.clock import Clock
from tests.engine.deliveries import Diary, FickleStore, outcome, worker

pytestmark = pytest.mark.anyio

LINGERING = PACE._replace(linger=3_600)


async def test_copy_that_was_read_a_moment_later_is_a_double_in_another_worker_too() -> None:
    """The handlers are quick, and the copies were on their way when they began."""
    store, diary = FickleStore(), Diary()
    await store.open("clerk.example.com", Ledger(Clock()))
    here, there = worker(store, LINGERING), worker(store)
    first = asyncio.create_task(outcome(here, diary.handlers("a")))
    await store.was_asked("settle", 1)
    assert await outcome(there, diary.handlers("a")) == "done"
    assert not first.done()
    assert await outcome(there, diary.handlers("a")) == "webhook-replayed"
    assert diary.ran == ["a"]
    first.cancel()
    await asyncio.wait([first])
    await store.close()
