"""Keys are remembered for a bounded time, renewed before it ends, and outlive an outage a while."""

import asyncio

import pytest

from clerk_fastapi.backend.jwks import JwksCache
from clerk_fastapi.errors import BackendUnavailable, KeyIdMismatch, SecretKeyRefused
from clerk_fastapi.testing import SigningKey
from tests.backend.clock import Clock
from tests.backend.publisher import Publisher, settle

pytestmark = pytest.mark.anyio


async def test_keys_are_fetched_once_within_their_time_to_live(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """Until it is time to renew them, known keys cost no fetch."""
    for seconds in (0, 1, 120, 118.9):
        clock.now += seconds
        assert (await cache.key_for("ins_1")).kid == "ins_1"
    await settle()
    assert publisher.fetches == 1


async def test_keys_are_renewed_in_the_background_before_they_run_out(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """Nobody waits for the renewal: the old key serves while it is under way."""
    await cache.key_for("ins_1")
    clock.now += 240
    with publisher.holding():
        assert cache.ready("ins_1") is not None
        assert (await cache.key_for("ins_1")).kid == "ins_1"
        await settle()
        assert publisher.fetches == 2
    await settle()
    clock.now += 200  # the old set would have run out
    assert cache.ready("ins_1") is not None
    assert publisher.fetches == 2


async def test_background_renewal_is_one_fetch_whoever_asks(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """A hundred requests at the moment of renewal cause one fetch."""
    await cache.key_for("ins_1")
    clock.now += 240
    with publisher.holding():
        for _ in range(100):
            assert cache.ready("ins_1") is not None
            await settle()
    assert publisher.fetches == 2


async def test_keys_that_ran_out_are_fetched_before_they_are_used(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """After a quiet time the first request waits for a new set, and a key that has gone is gone."""
    publisher.kids = ["ins_1", "ins_2"]
    await cache.key_for("ins_1")
    publisher.kids = ["ins_2"]
    clock.now += 300
    assert cache.ready("ins_1") is None
    assert cache.ready("ins_2") is None
    with pytest.raises(KeyIdMismatch):
        await cache.key_for("ins_1")
    assert (await cache.key_for("ins_2")).kid == "ins_2"
    assert publisher.fetches == 2


async def test_key_that_has_gone_is_refused_after_the_renewal(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """A withdrawn key serves no longer than until the set is renewed."""
    publisher.kids = ["ins_1", "ins_2"]
    await cache.key_for("ins_1")
    publisher.kids = ["ins_2"]
    clock.now += 240
    assert cache.ready("ins_2") is not None
    await settle()
    assert cache.ready("ins_1") is None
    with pytest.raises(KeyIdMismatch):
        await cache.key_for("ins_1")


async def test_unchanged_key_stays_the_same_object(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """What was remembered under a key survives the renewal of the set."""
    before = await cache.key_for("ins_1")
    clock.now += 300
    assert await cache.key_for("ins_1") is before
    assert publisher.fetches == 2


async def test_other_key_under_the_same_name_replaces_the_old_one(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """A name vouches for nothing: what counts is the key that is published now."""
    before = await cache.key_for("ins_1")
    publisher.signing_key = SigningKey.generate()
    clock.now += 300
    after = await cache.key_for("ins_1")
    assert after is not before
    assert after.modulus == publisher.signing_key.jwk["n"]


async def test_old_keys_serve_for_a_bounded_time_during_an_outage_and_then_503(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """Known keys go on for an hour beyond their time, to the second."""
    key = await cache.key_for("ins_1")
    publisher.failure = BackendUnavailable()
    for seconds in (300, 1_800, 1_799.9):
        clock.now += seconds
        assert await cache.key_for("ins_1") is key
        await settle()
    clock.now += 0.1
    with pytest.raises(BackendUnavailable) as refusal:
        await cache.key_for("ins_1")
    assert refusal.value.status == 503
    assert refusal.value.retry_after >= 1


async def test_unknown_key_during_an_outage_is_503_and_not_401(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """Whether a new key exists cannot be found out: that is not the caller's fault."""
    await cache.key_for("ins_1")
    publisher.failure = BackendUnavailable()
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_2")
    clock.now += 600
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_2")


async def test_nobody_waits_for_an_endpoint_that_is_known_to_fail(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """In an outage old keys serve at once, and the endpoint is tried in the background."""
    key = await cache.key_for("ins_1")
    publisher.failure = BackendUnavailable()
    clock.now += 300
    await cache.key_for("ins_1")
    clock.now += 60
    with publisher.holding():
        async with asyncio.timeout(60):
            assert await cache.key_for("ins_1") is key
        await settle()
        assert publisher.fetches == 3
    await settle()


async def test_failed_background_renewal_is_tried_again_before_the_keys_run_out(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """One failed renewal costs nobody anything."""
    await cache.key_for("ins_1")
    publisher.failure = BackendUnavailable()
    clock.now += 240
    assert cache.ready("ins_1") is not None
    await settle()
    publisher.failure = None
    clock.now += 1
    assert cache.ready("ins_1") is not None
    await settle()
    clock.now += 150
    assert cache.ready("ins_1") is not None
    assert publisher.fetches == 3


async def test_failed_background_renewals_are_further_and_further_apart(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """Known keys in use do not hammer an endpoint that fails."""
    await cache.key_for("ins_1")
    publisher.failure = BackendUnavailable()
    clock.now += 240
    for _ in range(40):
        assert cache.ready("ins_1") is not None
        await settle()
        clock.now += 0.5
    assert publisher.fetches == 1 + 5


async def test_keys_come_back_as_soon_as_an_outage_ends(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """The first attempt after the outage brings the new set."""
    publisher.failure = BackendUnavailable()
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_1")
    publisher.failure = None
    clock.now += 1
    assert (await cache.key_for("ins_1")).kid == "ins_1"


async def attempts_in(cache: JwksCache, publisher: Publisher, clock: Clock, seconds: int) -> int:
    """Ask twice a second, without success, and count the fetches."""
    before = publisher.fetches
    for _ in range(2 * seconds):
        with pytest.raises(BackendUnavailable):
            await cache.key_for("ins_1")
        clock.now += 0.5
    return publisher.fetches - before


async def test_attempts_are_further_and_further_apart(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """After failures the pauses are 1, 2, 4, 8, 16 and 32 seconds, and a minute from then on."""
    publisher.failure = BackendUnavailable()
    assert await attempts_in(cache, publisher, clock, 63) == 6
    assert await attempts_in(cache, publisher, clock, 600) == 10


async def test_between_attempts_callers_are_told_how_long_to_wait(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """``retry_after`` is the time until the next attempt, in whole seconds."""
    publisher.failure = BackendUnavailable(retry_after=20)
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_1")
    clock.now += 7.5
    with pytest.raises(BackendUnavailable) as refusal:
        await cache.key_for("ins_1")
    assert refusal.value.retry_after == 13
    assert publisher.fetches == 1


async def test_retry_after_is_honoured(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """An endpoint that asks for 20 seconds is left alone for 20 seconds."""
    publisher.failure = BackendUnavailable(retry_after=20)
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_1")
    publisher.failure = None
    clock.now += 19
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_1")
    clock.now += 1
    assert (await cache.key_for("ins_1")).kid == "ins_1"


async def test_retry_after_is_not_honoured_for_ever(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """One absurd answer does not keep an application signed out until it is restarted."""
    publisher.failure = BackendUnavailable(retry_after=10**12)
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_1")
    publisher.failure = None
    clock.now += 86_400
    assert (await cache.key_for("ins_1")).kid == "ins_1"


async def test_refused_secret_key_is_still_called_so_between_attempts(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """The operator's mistake keeps its own code, however often it is met."""
    publisher.failure = SecretKeyRefused(retry_after=60)
    for _ in range(3):
        with pytest.raises(SecretKeyRefused):
            await cache.key_for("ins_1")
        clock.now += 10
    assert publisher.fetches == 1


async def test_token_without_a_key_name_asks_nobody(cache: JwksCache, publisher: Publisher) -> None:
    """A missing ``kid`` names no key, whatever is published."""
    assert cache.ready(None) is None
    with pytest.raises(KeyIdMismatch):
        await cache.key_for(None)
    assert publisher.fetches == 0
