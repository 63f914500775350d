"""One fetch at a time, whoever asks, whoever gives up, and whichever loop they ask in."""

import asyncio

import httpx
import pytest

from clerk_fastapi import Clerk, TokenError
from clerk_fastapi.backend.jwks import JwksCache
from clerk_fastapi.errors import BackendUnavailable
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.backend.clock import Clock
from tests.backend.publisher import Publisher, settle


@pytest.mark.anyio
async def test_200_cold_concurrent_requests_make_one_fetch(
    local: LocalClerk, session: Session
) -> None:
    """A cold start under load asks Clerk once, and everybody gets in."""
    tokens = [local.token(session) for _ in range(200)]
    async with Clerk(**local.settings()) as clerk:
        signed_in = await asyncio.gather(*map(clerk.verify_token, tokens))
    assert {auth.user_id for auth in signed_in} == {session.user.id}
    assert local.jwks_requests == 1


@pytest.mark.anyio
async def test_failure_is_one_fetch_and_reaches_everybody(
    cache: JwksCache, publisher: Publisher
) -> None:
    """200 requests that wait for a fetch that fails are all told so, by that one fetch."""
    publisher.failure = BackendUnavailable()
    with publisher.holding() as release:
        waiting = [asyncio.create_task(cache.key_for("ins_1")) for _ in range(200)]
        await settle()
        release.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {BackendUnavailable}
    assert publisher.fetches == 1


@pytest.mark.anyio
async def test_cancelled_waiter_does_not_cancel_the_fetch_for_the_others(
    cache: JwksCache, publisher: Publisher
) -> None:
    """The client that caused the fetch hangs up, and the next one still gets its key."""
    with publisher.holding() as release:
        first, second = (asyncio.create_task(cache.key_for("ins_1")) for _ in range(2))
        await settle()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        release.set()
        assert (await second).kid == "ins_1"
    assert first.cancelled()
    assert publisher.fetches == 1


@pytest.mark.anyio
async def test_fetch_that_everybody_gave_up_serves_the_next_request(
    cache: JwksCache, publisher: Publisher
) -> None:
    """What was asked for once is not asked for again."""
    with publisher.holding():
        waiter = asyncio.create_task(cache.key_for("ins_1"))
        await settle()
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
    await settle()
    assert cache.ready("ins_1") is not None
    assert publisher.fetches == 1


@pytest.mark.anyio
async def test_failure_that_nobody_waits_for_makes_no_noise(
    cache: JwksCache, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio complains of exceptions that nobody looked at; there are none."""
    publisher.failure = BackendUnavailable()
    with publisher.holding():
        waiter = asyncio.create_task(cache.key_for("ins_1"))
        await settle()
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
    await settle()
    assert not caplog.records


@pytest.mark.anyio
async def test_close_ends_a_fetch_that_is_under_way(cache: JwksCache, publisher: Publisher) -> None:
    """Shutting down leaves no task behind, and closing twice does no harm."""
    before = asyncio.all_tasks()
    with publisher.holding():
        waiter = asyncio.create_task(cache.key_for("ins_1"))
        await settle()
        await cache.close()
        await cache.close()
        await asyncio.gather(waiter, return_exceptions=True)
        assert asyncio.all_tasks() == before
    assert (await cache.key_for("ins_1")).kid == "ins_1"
    assert publisher.fetches == 2


@pytest.mark.anyio
async def test_close_tells_those_who_wait_that_keys_cannot_be_had(
    cache: JwksCache, publisher: Publisher
) -> None:
    """Nobody cancelled the waiting request, so it must not look cancelled."""
    with publisher.holding():
        waiter = asyncio.create_task(cache.key_for("ins_1"))
        await settle()
        await cache.close()
        (outcome,) = await asyncio.gather(waiter, return_exceptions=True)
    assert isinstance(outcome, BackendUnavailable)


def test_two_event_loops_one_after_the_other(publisher: Publisher, clock: Clock) -> None:
    """Nothing is bound to the loop in which it was first used, not even a fetch left behind."""
    cache = publisher.cache(clock)

    async def leave_behind() -> None:
        waiter = asyncio.create_task(cache.key_for("ins_1"))
        await settle()
        assert not waiter.done()

    async def use() -> None:
        assert (await cache.key_for("ins_1")).kid == "ins_1"
        clock.now += 240
        assert cache.ready("ins_1") is not None
        await settle()

    with publisher.holding():
        asyncio.run(leave_behind())
    asyncio.run(use())
    asyncio.run(use())
    assert publisher.fetches == 4


def test_clerk_lives_in_two_event_loops_one_after_the_other(
    local: LocalClerk, session: Session
) -> None:
    """Started and stopped twice, as two test clients do; keys and tokens are remembered."""
    clerk = Clerk(**local.settings())

    async def use() -> str:
        async with clerk:
            return (await clerk.verify_token(local.token(session))).user_id

    assert asyncio.run(use()) == asyncio.run(use()) == session.user.id
    assert local.jwks_requests == 1


@pytest.mark.anyio
async def test_two_clerks_share_nothing(
    clock: Clock, local: LocalClerk, session: Session, signing_key: SigningKey
) -> None:
    """Each fetches for itself, and the other's tokens are refused even under the same ``kid``."""
    other_key = SigningKey(signing_key.kid, SigningKey.generate().private)
    other = LocalClerk(clock=clock, host="other-0.clerk.accounts.dev", signing_key=other_key)
    stranger = other.sign_in(other.add_user("eve@example.com"))
    async with Clerk(**local.settings()) as ours, Clerk(**other.settings()) as theirs:
        assert (await ours.verify_token(local.token(session))).user_id == session.user.id
        assert (await theirs.verify_token(other.token(stranger))).user_id == stranger.user.id
        for clerk, token in ((ours, other.token(stranger)), (theirs, local.token(session))):
            with pytest.raises(TokenError) as refusal:
                await clerk.verify_token(token)
            assert refusal.value.code == "token-invalid-signature"
    assert (local.jwks_requests, other.jwks_requests) == (1, 1)


@pytest.mark.anyio
async def test_two_clerks_of_one_instance_fetch_separately(
    local: LocalClerk, session: Session
) -> None:
    """Nothing is global: the second one does not profit from the first."""
    for _ in range(2):
        async with Clerk(**local.settings()) as clerk:
            await clerk.verify_token(local.token(session))
    assert local.jwks_requests == 2


@pytest.mark.anyio
async def test_clerk_that_is_not_running_leaves_no_connection_open(
    local: LocalClerk, session: Session
) -> None:
    """Before start-up and after shutdown a call makes a client of its own, and closes it."""
    closed = []

    class Transport(httpx.ASGITransport):
        async def aclose(self) -> None:
            closed.append(self)

    transport = Transport(local.app)
    clerk = Clerk(**local.settings() | {"transport": transport})
    await clerk.verify_token(local.token(session))
    assert closed == [transport]
    async with clerk:
        assert closed == [transport]
    assert closed == [transport] * 2
