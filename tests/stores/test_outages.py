"""Redis goes away, comes back with its data or without, hangs, is emptied: nothing is missed."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable
from clerk_fastapi.stores import driver
from clerk_fastapi.stores.driver import Driver
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.stores.store import OnOutage
from tests.engine.clock import NOW, Clock
from tests.redis_server import RedisServer
from tests.stores.conftest import NAMESPACE, Hire
from tests.stores.workers import Heard, Worker, ended, until

pytestmark = pytest.mark.anyio

LATER = NOW + 3_600
STREAM = f"clerk_fastapi:{{{NAMESPACE}}}:revocations"


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
    monkeypatch.setattr(driver, "_PATIENCE", 60.0)
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


async def test_redis_that_took_over_older_data_is_noticed(
    hire: Hire, redis_server: RedisServer
) -> None:
    """It was a replica for a while: the same server, the same marker, and less in the stream."""
    worker = await hire()
    await worker.revoke(ended("sess_0", LATER), ended("sess_1", LATER))
    redis_server.command("REPLICAOF", "127.0.0.1", "1")
    redis_server.command("REPLICAOF", "NO", "ONE")
    redis_server.command("XTRIM", STREAM, "MAXLEN", "1")
    await until(lambda: entries(redis_server) == 2)
    newcomer = await hire()
    assert newcomer.ledger.has_revoked("sess_0")


async def test_redis_that_may_not_be_listened_to_is_not_back(
    hire: Hire, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, and not that it is back and lost again, over and over."""
    caplog.set_level(logging.INFO, "clerk_fastapi")
    redis_server.command("ACL", "SETUSER", "default", "-xread")
    worker = await hire()
    for _ in range(3):
        redis_server.command("CONFIG", "RESETSTAT")
        await until(lambda: b"cmdstat_eval" in redis_server.command("INFO", "commandstats"))
        assert worker.store.is_behind
    redis_server.command("ACL", "SETUSER", "default", "+xread")
    await until(lambda: not worker.store.is_behind)
    lost, found = [record.getMessage() for record in caplog.records]
    assert "Redis is lost (NoPermissionError)" in lost
    assert "back" in found


async def test_limits_hold_up_no_revocations(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests are being counted, or for how long."""
    monkeypatch.setattr(driver, "_TURNS", 1)
    worker = await hire()
    counting: Driver = worker.store._open.windows._driver
    flood = asyncio.create_task(counting.ask(counting.redis.blpop, ["nothing"], 0))
    await until(lambda: counting._turns.locked())
    async with asyncio.timeout(30):
        await worker.revoke(ended("sess_1", LATER))
        assert (await worker.store.claim("msg_1", "first", lease=60)).status == "taken"
    assert not flood.done()
    flood.cancel()
    await asyncio.wait([flood])


async def test_announcement_is_one_question(hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tidying up included: whoever signs everybody out asks a hundred thousand of them."""
    worker = await hire()
    asked = 0

    async def ask(self: Driver, *question: Any, **options: Any) -> Any:
        nonlocal asked
        asked += self is worker.store._open.driver
        return await known(self, *question, **options)

    known = Driver.ask
    monkeypatch.setattr(Driver, "ask", ask)
    await worker.revoke(ended("sess_1", LATER))
    assert asked == 1


async def test_stream_that_is_lost_between_two_announcements_is_filled_again(
    hire: Hire, redis_server: RedisServer
) -> None:
    """A cache that is short of memory takes whole keys; the next announcement makes a new one."""
    here, there = await hire(), await hire()
    await here.revoke(ended("sess_1", LATER))
    await there.hears_of("sess_1")
    redis_server.command("DEL", STREAM)
    await there.revoke(ended("sess_2", LATER))
    await until(lambda: entries(redis_server) >= 2)
    newcomer = await hire()
    assert newcomer.ledger.has_revoked("sess_1")


async def test_another_server_is_noticed_though_no_connection_broke(
    hire: Hire, redis_server: RedisServer
) -> None:
    """The driver connects again by itself; what the new server lacks is added all the same."""
    worker = await hire()
    await worker.revoke(ended("sess_1", LATER))
    marker = redis_server.command("GET", f"{STREAM}:marker").split(b"\r\n")[1].decode()
    redis_server.kill()
    redis_server.forget()
    redis_server.start()  # the worker has not had a moment to notice
    redis_server.command("SET", f"{STREAM}:marker", marker)
    redis_server.command("XADD", STREAM, "*", "r", f"sess_0 1 {2**53 - 1} {LATER}")
    await until(lambda: entries(redis_server) == 2)
    assert worker.ledger.has_revoked("sess_0")


async def test_redis_that_is_full_can_still_be_read(
    hire: Hire, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever could not tell the others is not the one who is behind; they are told later."""
    here, there = await hire(), await hire()
    await here.revoke(ended("sess_0", LATER))
    redis_server.command("CONFIG", "SET", "maxmemory", "1")
    await revoke_in_vain(here, "sess_1")
    await until(lambda: "OutOfMemoryError" in caplog.text)
    assert not here.store.is_behind
    late = await hire()
    assert not late.store.is_behind
    redis_server.command("CONFIG", "SET", "maxmemory", "0")
    await there.hears_of("sess_1")
    await late.hears_of("sess_1")


async def test_many_questions_at_once_wait_for_their_turn(
    hire: Hire, redis_server: RedisServer
) -> None:
    """A mass sign-out is no outage, and keeps nobody from listening."""
    here, there = await hire(), await hire()
    await asyncio.gather(*(here.revoke(ended(f"sess_{n}", LATER)) for n in range(400)))
    assert not here.store.is_behind
    for number in range(400):
        await there.hears_of(f"sess_{number}")


@pytest.mark.parametrize("nonsense", [b":abc\r\n", b"*x\r\n", b"$-5\r\n", b"?\r\n"])
async def test_nonsense_in_place_of_redis_is_an_outage(hire: Hire, nonsense: bytes) -> None:
    """A proxy, or a server that is half started; when it makes sense again, all goes on."""
    connected = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(4_096):
                writer.write(nonsense)
                connected.set()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    store, ledger = RedisStore(f"redis://{host}:{port}"), Heard(Clock())
    await store.open(NAMESPACE, ledger)
    assert store.is_behind
    connected.clear()
    await asyncio.wait_for(connected.wait(), 60)  # it is asked again
    await store.close()
    server.close()


async def test_start_that_is_given_up_leaves_nothing_behind(
    redis_server: RedisServer,
) -> None:
    """The store can be opened again."""
    redis_server.freeze()
    store, ledger = RedisStore(redis_server.url), Heard(Clock())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.open(NAMESPACE, ledger), 0.1)
    redis_server.thaw()
    await store.open(NAMESPACE, ledger)
    assert not store.is_behind
    await store.close()


async def test_filling_again_adds_only_what_is_missing(
    hire: Hire, redis_server: RedisServer
) -> None:
    """Redis does not grow with every restart."""
    here, there = await hire(), await hire()
    for number in range(20):
        await here.revoke(ended(f"sess_{number}", LATER))
    await there.hears_of("sess_19")
    written = entries(redis_server)
    assert written < 30
    for _ in range(3):
        redis_server.kill()
        await until(lambda: here.store.is_behind and there.store.is_behind)
        redis_server.start()
        await until(lambda: not here.store.is_behind and not there.store.is_behind)
    assert entries(redis_server) == written


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
    await worker.revoke(*(ended(f"user_{number}", LATER) for number in range(150)))
    for number in range(300):
        clock.now = NOW + number
        await worker.revoke(ended(f"sess_{number}", NOW + number + 10))
        assert entries(redis_server) <= 150 + 25


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


async def test_nonsense_about_what_was_tidied_up_keeps_nobody_from_announcing(
    hire: Hire, redis_server: RedisServer
) -> None:
    """It begins from the front."""
    worker = await hire()
    redis_server.command("SET", f"{STREAM}:swept", "nonsense")
    for number in range(2):
        await worker.revoke(ended(f"sess_{number}", LATER))
    assert worker.ledger.has_revoked("sess_1")
    assert entries(redis_server) == 2


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
    assert "Redis is lost (ConnectionError)" in lost
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
