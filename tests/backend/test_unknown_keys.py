"""Whoever invents key names causes next to no fetches, and a rotation is noticed all the same."""

import asyncio
import gc
import json
import weakref

import pytest
from anyio.lowlevel import checkpoint

from clerk_fastapi import Clerk, TokenError
from clerk_fastapi.backend.jwks import JwksCache
from clerk_fastapi.errors import BackendUnavailable, KeyIdMismatch
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.signing import base64url
from tests.backend.clock import Clock
from tests.backend.publisher import Publisher, settle

pytestmark = pytest.mark.anyio


async def refuse(cache: JwksCache, kid: str) -> None:
    """No such key is published."""
    with pytest.raises(KeyIdMismatch):
        await cache.key_for(kid)


@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
async def test_10000_unknown_kids_in_a_minute_make_at_most_two_fetches(
    cache: JwksCache, publisher: Publisher, clock: Clock, warm: bool
) -> None:
    """One to fill the cache, one to look for the first of them."""
    if warm:
        await cache.key_for("ins_1")
    for number in range(10_000):
        await refuse(cache, f"ins_unknown_{number}")
        clock.now += 0.0059
    assert publisher.fetches <= 2


async def test_10000_requests_with_unknown_kids_make_at_most_two_fetches(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """The same through the whole of a ``Clerk``: tokens with invented names, all refused."""
    good = local.token(session, expires_in=120)
    rest = good.partition(".")[2]
    async with Clerk(**local.settings()) as clerk:
        await clerk.verify_token(good)
        for round_ in range(100):
            heads = ({"alg": "RS256", "kid": f"ins_{round_}_{number}"} for number in range(100))
            tokens = [f"{base64url(json.dumps(head).encode())}.{rest}" for head in heads]
            outcomes = await asyncio.gather(
                *map(clerk.verify_token, tokens), return_exceptions=True
            )
            assert {getattr(outcome, "code", None) for outcome in outcomes} == {"jwk-kid-mismatch"}
            assert (await clerk.verify_token(good)).user_id == session.user.id
            clock.now += 0.59
    assert local.jwks_requests <= 2


async def test_unknown_kid_is_looked_up_again_after_the_cool_down(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """A minute later one more fetch may be made, and no more."""
    await cache.key_for("ins_1")
    for minute in range(3):
        for _ in range(50):
            await refuse(cache, "ins_unknown")
            clock.now += 0.4
        assert publisher.fetches == 2 + minute
        clock.now += 40


async def test_unknown_kids_at_once_share_one_look_up(
    cache: JwksCache, publisher: Publisher
) -> None:
    """500 of them in the same moment wait for the same fetch."""
    await cache.key_for("ins_1")
    with publisher.holding() as release:
        waiting = [asyncio.create_task(cache.key_for(f"ins_{n}_unknown")) for n in range(500)]
        await settle()
        release.set()
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {KeyIdMismatch}
    assert publisher.fetches == 2


async def test_negative_cache_is_bounded(cache: JwksCache, publisher: Publisher) -> None:
    """Of 5,000 unknown names that came at once, at most about a thousand are remembered."""

    class Name(str):
        """Text whose lifetime can be watched."""

        __slots__ = ("__weakref__",)

    names = [Name(f"ins_unknown_{number}") for number in range(5_000)]
    watched = [weakref.ref(name) for name in names]
    with publisher.holding() as release:
        waiting = [asyncio.create_task(cache.key_for(name)) for name in names]
        await settle()
        release.set()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert publisher.fetches == 2
    del names, waiting
    await settle()
    gc.collect()
    assert sum(reference() is not None for reference in watched) <= 1_100


async def test_unknown_kids_do_not_delay_known_ones(cache: JwksCache, publisher: Publisher) -> None:
    """While a look-up is under way, known keys are ready without waiting."""
    await cache.key_for("ins_1")
    with publisher.holding():
        waiter = asyncio.create_task(cache.key_for("ins_unknown"))
        await settle()
        assert cache.ready("ins_1") is not None
        assert (await cache.key_for("ins_1")).kid == "ins_1"
        assert not waiter.done()
    await asyncio.gather(waiter, return_exceptions=True)


async def test_failed_look_up_counts_for_nothing(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """An outage in the moment of a rotation does not cost a whole cool-down."""
    await cache.key_for("ins_1")
    publisher.kids, publisher.failure = ["ins_1", "ins_2"], BackendUnavailable()
    with pytest.raises(BackendUnavailable):
        await cache.key_for("ins_2")
    publisher.failure = None
    clock.now += 1
    assert (await cache.key_for("ins_2")).kid == "ins_2"


async def test_first_token_after_a_rotation_works(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """A new key is found at once, although the set at hand is fresh."""
    await cache.key_for("ins_1")
    clock.now += 5
    publisher.kids = ["ins_1", "ins_2"]
    assert (await cache.key_for("ins_2")).kid == "ins_2"
    assert publisher.fetches == 2


async def test_50_first_tokens_after_a_rotation_all_work(
    local: LocalClerk, session: Session
) -> None:
    """They all wait for the one look-up, and all get in."""
    async with Clerk(**local.settings()) as clerk:
        await clerk.verify_token(local.token(session))
        local.rotate_keys()
        tokens = [local.token(session) for _ in range(50)]
        signed_in = await asyncio.gather(*map(clerk.verify_token, tokens))
    assert {auth.user_id for auth in signed_in} == {session.user.id}
    assert local.jwks_requests == 2


async def test_rotation_is_noticed_after_a_cool_down_at_the_latest(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """Even if a stranger's invented name has just used up the look-up."""
    await cache.key_for("ins_1")
    await refuse(cache, "ins_unknown")
    publisher.kids = ["ins_2"]
    clock.now += 59
    await refuse(cache, "ins_2")
    clock.now += 1
    assert (await cache.key_for("ins_2")).kid == "ins_2"


async def test_first_token_after_a_rotation_works_while_older_keys_are_on_their_way(
    cache: JwksCache, publisher: Publisher, clock: Clock
) -> None:
    """A renewal that was answered before the rotation says nothing about the new key."""
    await cache.key_for("ins_1")
    clock.now += 240
    with publisher.holding() as release:
        cache.ready("ins_1")
        await settle()
        publisher.kids = ["ins_1", "ins_2"]
        first = asyncio.create_task(cache.key_for("ins_2"))
        await settle()
        release.set()
        assert (await first).kid == "ins_2"


@pytest.mark.parametrize(
    "steps",
    [
        0,
        *range(1, 8),
    ],
)
async def test_first_token_after_a_rotation_works_whenever_it_comes(
    cache: JwksCache, publisher: Publisher, clock: Clock, steps: int
) -> None:
    """Also in the very moment in which older keys arrive, whatever of it is over already."""
    await cache.key_for("ins_1")
    clock.now += 240
    with publisher.holding() as release:
        cache.ready("ins_1")
        await settle()
        publisher.kids = ["ins_1", "ins_2"]
        release.set()
        for _ in range(steps):
            await checkpoint()
        assert (await cache.key_for("ins_2")).kid == "ins_2"


async def test_tokens_of_a_withdrawn_key_are_refused_once_that_is_known(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A token that was remembered goes with its key."""
    old = local.token(session, expires_in=3_600)
    async with Clerk(**local.settings()) as clerk:
        await clerk.verify_token(old)
        local.rotate_keys(keep_old=False)
        assert (await clerk.verify_token(old)).user_id == session.user.id
        await clerk.verify_token(local.token(session))
        with pytest.raises(TokenError) as refusal:
            await clerk.verify_token(old)
    assert refusal.value.code == "jwk-kid-mismatch"


async def test_tokens_stay_remembered_when_the_set_is_renewed(
    local: LocalClerk, session: Session, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unchanged key keeps its tokens: a renewal is no thundering herd of verifications."""
    verified = []
    verify = VerificationKey.verify

    def counted(key: VerificationKey, signing_input: bytes, signature: bytes) -> bool:
        verified.append(key)
        return verify(key, signing_input, signature)

    monkeypatch.setattr(VerificationKey, "verify", counted)
    token = local.token(session, expires_in=3_600)
    async with Clerk(**local.settings()) as clerk:
        for _ in range(5):
            await clerk.verify_token(token)
            await settle()
            clock.now += 240
    assert local.jwks_requests == 5
    assert len(verified) == 1
