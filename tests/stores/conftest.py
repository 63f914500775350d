"""Stores of every kind, with two workers each and a clock to turn."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.redis import RedisStore
from tests.engine.clock import Clock
from tests.redis_server import RedisServer
from tests.stores.workers import Heard, Worker

NAMESPACE = "clerk.example.com"

Hire = Callable[..., Any]


@dataclass
class World:
    """A store, two workers that meet in it, and the passing of time."""

    here: Worker
    there: Worker
    clock: Clock
    pass_time: Callable[[float], None]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy is no outage, unless that is what a test is about."""
    monkeypatch.setattr("clerk_fastapi.stores.driver._PATIENCE", 60.0)
    monkeypatch.setattr("clerk_fastapi.stores.windows._A_MOMENT", 60.0)


@pytest.fixture(params=["memory", "redis"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """One of all kinds of store, which must behave alike."""
    clock = Clock()
    if request.param == "memory":
        worker = Worker(MemoryStore(), Heard(clock))  # in one process both are the same
        await worker.store.open(NAMESPACE, worker.ledger)

        def pass_time(seconds: float) -> None:
            clock.now += seconds

        yield World(worker, worker, clock, pass_time)
        await worker.store.close()
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    here, there = (Worker(RedisStore(server.url), Heard(clock)) for _ in range(2))
    for each in (here, there):
        await each.store.open(NAMESPACE, each.ledger)

    def pass_redis_time(seconds: float) -> None:
        clock.now += seconds
        server.pass_time(seconds)

    yield World(here, there, clock, pass_redis_time)
    await here.store.close()
    await there.store.close()


@pytest.fixture
async def hire(redis_server: RedisServer) -> AsyncIterator[Hire]:
    """Return a function that starts one more worker on the same Redis."""
    hired: list[Worker] = []

    async def start(
        clock: Clock | None = None, namespace: str = NAMESPACE, **options: Any
    ) -> Worker:
        worker = Worker(RedisStore(redis_server.url, **options), Heard(clock or Clock()))
        hired.append(worker)
        await worker.store.open(namespace, worker.ledger)
        return worker

    yield start
    for worker in hired:
        await worker.store.close()
