"""Redis goes away, comes back with its data or without, hangs, is emptied: nothing is missed."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable
from clerk_fastapi.stores import driver
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.stores.store import OnOutage
from tests.engine.clock import NOW, Clock
from tests.redis_server import RedisServer
from tests.stores.conftest import NAMESPACE
from tests.stores.workers import Heard, Worker, ended, until

pytestmark = pytest.mark.anyio

LATER = NOW + 3_600
STREAM = f"clerk_fastapi:{{{NAMESPACE}}}:revocations"

Hire = Callable[..., Any]


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


async def revoke_in_vain(worker: Worker, subject: str) -> None:
    """Revoke while nobody else can be told."""
    with pytest.raises(StoreUnavailable):
        await worker.revoke(ended(subject, LATER))
    assert worker.ledger.has_revoked(subject)


def entries(server: RedisServer) -> int:
    """How many there are in the stream."""
    return int(server.command("XLEN", STREAM).strip(b":\r\n"))


async def test_loss_is_noticed_at_once(hire: Hire, redis_server: RedisServer) -> None:
    """A connection that breaks says so by itself."""
    worker = await hire()
    redis_server.kill()
    await until(lambda: worker.store.is_behind)


async def test_redis_that_hangs_is_lost(
    hire: Hire, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is open and silent says nothing; patience ends."""
    monkeypatch.setattr(driver, "_PATIENCE", 0.7)  # longer than Redis may take to say nothing
    worker = await hire()
    redis_server.freeze()
    await until(lambda: worker.store.is_behind)
    await revoke_in_vain(worker, "sess_1")
    redis_server.thaw()
    await until(lambda: not worker.store.is_behind)


@pytest.mark.parametrize("with_its_data", [True, False], ids=["with data", "empty"])
async def test_revocation_in_an_outage_reaches_the_others(
    hire: Hire, redis_server: RedisServer, with_its_data: bool
) -> None:
    """As soon as Redis is back; and what was known before is still known to newcomers."""
    here, there = await hire(), await hire()
    await here.revoke(ended("sess_before", LATER))
    await there.hears_of("sess_before")
    redis_server.kill()
    await until(lambda: here.store.is_behind and there.store.is_behind)
    await revoke_in_vain(here, "sess_here")
    await revoke_in_vain(there, "sess_there")
    if not with_its_data:
        redis_server.forget()
    redis_server.start()
    await here.hears_of("sess_there")
    await there.hears_of("sess_here")
    await until(lambda: not here.store.is_behind and not there.store.is_behind)
    newcomer = await hire()
    assert {"sess_before", "sess_here", "sess_there"} == {
        each.subject for each in newcomer.ledger.live()
    }


async def test_revocation_made_elsewhere_in_an_outage_of_ones_own_is_caught_up_with(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Only the connection of one worker broke; the others went on."""
    here, there = await hire(), await hire()
    redis_server.command("CLIENT", "KILL", "TYPE", "normal")
    await here.revoke(ended("sess_1", LATER))
    await there.hears_of("sess_1")
    await until(lambda: not there.store.is_behind)


@pytest.mark.parametrize("command", ["FLUSHALL", "DEL"])
async def test_redis_that_was_emptied_is_filled_again(
    hire: Hire, redis_server: RedisServer, command: str
) -> None:
    """Somebody cleaned up, and no connection broke."""
    worker = await hire()
    await worker.revoke(ended("sess_1", LATER))
    redis_server.command(*([command, STREAM] if command == "DEL" else [command]))
    assert entries(redis_server) == 0
    await until(lambda: entries(redis_server) == 1)
    newcomer = await hire()
    assert newcomer.ledger.has_revoked("sess_1")


async def test_filling_again_adds_only_what_is_missing(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Redis does not grow with every restart."""
    here, there = await hire(), await hire()
    for number in range(20):
        await here.revoke(ended(f"sess_{number}", LATER))
    await there.hears_of("sess_19")
    for _ in range(3):
        redis_server.kill()
        await until(lambda: here.store.is_behind and there.store.is_behind)
        redis_server.start()
        await until(lambda: not here.store.is_behind and not there.store.is_behind)
    assert entries(redis_server) == 20


async def test_worker_that_starts_without_redis_catches_up(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Applications start in any order."""
    first = await hire()
    await first.revoke(ended("sess_1", LATER))
    redis_server.kill()
    late = await hire()
    assert late.store.is_behind
    redis_server.start()
    await late.hears_of("sess_1")
    await until(lambda: not late.store.is_behind)


async def test_redis_does_not_keep_what_has_expired(hire: Hire, redis_server: RedisServer) -> None:
    """The stream holds what is live, and little more."""
    clock = Clock()
    worker = await hire(clock)
    for number in range(300):
        clock.now = NOW + number
        await worker.revoke(ended(f"sess_{number}", NOW + number + 10))
        assert entries(redis_server) <= 11


async def test_what_others_wrote_into_the_stream_is_left_alone(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Neither does it stop anybody from being told."""
    worker = await hire()
    for fields in (["r", "nonsense"], ["r", "a b c d"], ["other", "x"], ["r", "\xff 1 1 1"]):
        redis_server.command("XADD", STREAM, "*", *fields)
    await worker.revoke(ended("sess_1", LATER))
    newcomer = await hire()
    assert [each.subject for each in newcomer.ledger.live()] == ["sess_1"]
    await worker.revoke(ended("sess_2", LATER))
    await newcomer.hears_of("sess_2")


async def test_something_else_under_the_name_of_the_stream_is_an_outage(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Redis refuses, and so nobody can know."""
    redis_server.command("SET", STREAM, "taken")
    worker = await hire()
    assert worker.store.is_behind
    redis_server.command("DEL", STREAM)
    await until(lambda: not worker.store.is_behind)


async def test_instances_share_nothing(hire: Hire, redis_server: RedisServer) -> None:
    """Two Clerk instances, or two prefixes, in one Redis."""
    one = await hire()
    others = [await hire(namespace="other.example.com"), await hire(prefix="other")]
    await one.revoke(ended("sess_1", LATER))
    await one.store.claim("msg_1", "first", lease=60)
    for other in others:
        await other.revoke(ended("sess_2", LATER))
        assert not other.ledger.has_revoked("sess_1")
        assert (await other.store.claim("msg_1", "second", lease=60)).status == "taken"
    assert not one.ledger.has_revoked("sess_2")


@pytest.mark.parametrize("on_outage", ["refuse", "continue"])
async def test_outage_is_told_once(
    hire: Hire, redis_server: RedisServer, on_outage: OnOutage, caplog: pytest.LogCaptureFixture
) -> None:
    """When it begins, with what follows from it, and when it is over."""
    caplog.set_level(logging.INFO, "clerk_fastapi")
    worker = await hire(on_outage=on_outage)
    redis_server.kill()
    await until(lambda: worker.store.is_behind)
    await revoke_in_vain(worker, "sess_1")
    redis_server.start()
    await until(lambda: not worker.store.is_behind)
    lost, found = [record.getMessage() for record in caplog.records]
    assert "cannot be reached" in lost
    assert ("503" in lost) == (on_outage == "refuse")
    assert "back" in found
    assert "sess_1" not in lost + found


async def test_store_belongs_to_one_clerk(hire: Hire) -> None:
    """Two would end each other's."""
    worker = await hire()
    with pytest.raises(ConfigurationError, match="one for each"):
        await worker.store.open(NAMESPACE, worker.ledger)


async def test_store_can_be_opened_again(hire: Hire) -> None:
    """Applications are started anew in tests."""
    worker = await hire()
    await worker.store.close()
    assert worker.store.is_behind
    await worker.store.open(NAMESPACE, worker.ledger)
    await worker.revoke(ended("sess_1", LATER))


@pytest.mark.parametrize(
    "url",
    ["", "localhost:6379", "http://localhost", "redis://:hunter2@host:port/0", 6379, None],
)
def test_malformed_url_stops_the_start_up(url: object) -> None:
    """With a sentence that does not repeat it: it may hold a password."""
    with pytest.raises(ConfigurationError, match="redis://") as raised:
        RedisStore(cast("str", url))
    told = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "arguments", [{"on_outage": "ignore"}, {"prefix": ""}, {"prefix": None}], ids=str
)
def test_wrong_argument_stops_the_start_up(arguments: dict[str, Any]) -> None:
    """Nobody guesses what was meant."""
    with pytest.raises(ConfigurationError):
        RedisStore("redis://localhost:6379/0", **arguments)


def test_password_is_not_shown() -> None:
    """Nor where Redis is."""
    assert repr(RedisStore("redis://:hunter2@host:1/0")) == "<RedisStore 'clerk_fastapi'>"
