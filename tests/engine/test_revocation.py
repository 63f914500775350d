"""Who is refused at once, for how long, and what becomes of requests while nobody can know."""

from typing import Any, cast

import pytest

from clerk_fastapi import Clerk, ConfigurationError, MemoryStore, RedisStore, SignedIn, SignedOut
from clerk_fastapi.errors import SessionEnded, StoreUnavailable, TokenExpired
from clerk_fastapi.protocol.revocation import FOREVER
from clerk_fastapi.stores.store import OnOutage
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.testing.records import Session
from tests.engine.clock import Clock
from tests.engine.connections import bearer
from tests.engine.revoking import revocations
from tests.redis_server import RedisServer

pytestmark = pytest.mark.anyio

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def clock() -> Clock:
    """A clock to turn."""
    return Clock()


@pytest.fixture
def local(clock: Clock) -> LocalClerk:
    """An instance that shares it."""
    return LocalClerk(clock=clock)


@pytest.fixture
def session(local: LocalClerk) -> Session:
    """Ada, signed in."""
    return local.sign_in(local.add_user("ada@example.com"))


async def reason(clerk: Clerk, token: str) -> str:
    """What becomes of a session token in the header."""
    state = await clerk.authenticate(bearer(token))
    return state.status if isinstance(state, SignedIn) else state.error.code


async def test_ended_session_is_refused_at_once(local: LocalClerk, session: Session) -> None:
    """Though its token is good for almost a minute, and was believed a moment ago."""
    clerk, token = Clerk(**local.settings()), local.token(session)
    assert await reason(clerk, token) == "signed-in"
    await clerk.revocations.end_session(session.id)
    assert await reason(clerk, token) == "session-ended"
    other = local.token(local.sign_in(session.user))
    assert await reason(clerk, other) == "signed-in"


async def test_blocked_user_is_refused_in_all_sessions(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Whichever browser they use, until they are welcome again."""
    clerk = Clerk(**local.settings())
    tokens = [local.token(session), local.token(local.sign_in(session.user))]
    await clerk.revocations.block_user(session.user.id)
    assert [await reason(clerk, token) for token in tokens] == ["session-ended"] * 2
    clock.now += 1
    await clerk.revocations.unblock_user(session.user.id)
    assert [await reason(clerk, token) for token in tokens] == ["signed-in"] * 2


async def test_block_by_hand_is_lifted_by_hand_alone(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Whoever is blocked could make Clerk report a change of their name."""
    clerk = Clerk(**local.settings())
    await clerk.revocations.block_user(session.user.id)
    clock.now += 10
    later = int(clock.now * 1_000)
    await clerk.revocations.report_user(session.user.id, is_shut_out=False, version=later)
    assert await reason(clerk, local.token(session)) == "session-ended"
    await clerk.revocations.unblock_user(session.user.id)
    assert await reason(clerk, local.token(session)) == "signed-in"


async def test_ban_is_not_lifted_by_hand(local: LocalClerk, session: Session, clock: Clock) -> None:
    """Nobody here can take back what Clerk says."""
    clerk = Clerk(**local.settings())
    now = int(clock.now * 1_000)
    await clerk.revocations.report_user(session.user.id, is_shut_out=True, version=now)
    clock.now += 10
    await clerk.revocations.unblock_user(session.user.id)
    assert await reason(clerk, local.token(session)) == "session-ended"


async def test_user_whom_clerk_lets_in_again_is_accepted(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A ban can be taken back."""
    clerk = Clerk(**local.settings())
    now = int(clock.now * 1_000)
    await clerk.revocations.report_user(session.user.id, is_shut_out=True, version=now)
    await clerk.revocations.report_user(session.user.id, is_shut_out=False, version=now + 1)
    assert await reason(clerk, local.token(session)) == "signed-in"


async def test_lock_ends_when_clerk_said_it_would(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """No event tells, and nobody is kept out any longer."""
    clerk = Clerk(**local.settings())
    now, until = int(clock.now * 1_000), clock.now + 90
    report = clerk.revocations.report_user
    await report(session.user.id, is_shut_out=True, version=now, until=until)
    clock.now += 89
    assert await reason(clerk, local.token(session)) == "session-ended"
    clock.now += 2
    assert await reason(clerk, local.token(session)) == "signed-in"
    await report(session.user.id, is_shut_out=True, version=now + 1, until=until)
    assert await reason(clerk, local.token(session)) == "signed-in"


async def test_lock_outlasts_other_memories(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """A week, if Clerk says so: locked users keep their sessions there."""
    clerk = Clerk(**local.settings())
    now, until = int(clock.now * 1_000), clock.now + 7 * 86_400
    await clerk.revocations.report_user(session.user.id, is_shut_out=True, version=now, until=until)
    clock.now += 6 * 86_400
    await clerk.revocations.block_user("user_other")
    assert await reason(clerk, local.token(local.sign_in(session.user))) == "session-ended"


async def test_removed_user_does_not_come_back(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Whatever is said of them afterwards, of whatever date."""
    clerk = Clerk(**local.settings())
    await clerk.revocations.remove_user(session.user.id)
    report = clerk.revocations.report_user
    await report(session.user.id, is_shut_out=False, version=FOREVER)
    assert await reason(clerk, local.token(session)) == "session-ended"


async def test_older_report_does_not_undo_a_newer_one(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Webhooks arrive in any order."""
    clerk = Clerk(**local.settings())
    now = int(clock.now * 1_000)
    await clerk.revocations.report_user(session.user.id, is_shut_out=True, version=now)
    await clerk.revocations.report_user(session.user.id, is_shut_out=False, version=now - 1)
    assert await reason(clerk, local.token(session)) == "session-ended"


async def test_report_that_comes_days_late_changes_nothing(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """When the end of a ban has been forgotten, its beginning must not be heard of as news."""
    clerk = Clerk(**local.settings())
    banned_at = int(clock.now * 1_000)
    report = clerk.revocations.report_user
    await report(session.user.id, is_shut_out=False, version=banned_at + 60_000)
    clock.now += 90_000
    await report(session.user.id, is_shut_out=True, version=banned_at)
    assert await reason(clerk, local.token(local.sign_in(session.user))) == "signed-in"


async def test_impersonator_who_is_shut_out_is_refused(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Whoever acts in the place of another is no better than they are."""
    clerk = Clerk(**local.settings())
    acting = local.sign_in(session.user, actor={"sub": "user_support"})
    assert await reason(clerk, local.token(acting)) == "signed-in"
    await clerk.revocations.block_user("user_support")
    assert await reason(clerk, local.token(acting)) == "session-ended"
    assert await reason(clerk, local.token(session)) == "signed-in"


async def test_oauth_token_of_a_user_who_is_gone_stays_refused(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """It is good for a day, and asked about by nobody."""
    clerk = Clerk(**local.settings())
    token = local.create_oauth_token(session.user, client_id="client", token_format="jwt")
    acting = local.create_oauth_token(
        local.add_user("bob@example.com"),
        client_id="client",
        token_format="jwt",
        actor={"sub": session.user.id},
    )
    await clerk.revocations.remove_user(session.user.id)
    for _ in range(24):
        for each in (token, acting):
            state = await clerk.authenticate(bearer(each.token), accepts_token="oauth_token")
            assert state.reason in ("session-ended", "token-verification-failed")
        clock.now += 3_600
        await clerk.revocations.end_session("sess_other")


async def test_state_that_was_decided_before_is_looked_at_again(
    local: LocalClerk, session: Session
) -> None:
    """A WebSocket that asks again learns that its session has ended."""
    clerk = Clerk(**local.settings())
    connection = bearer(local.token(session))
    assert (await clerk.authenticate(connection)).status == "signed-in"
    await clerk.revocations.end_session(session.id)
    state = await clerk.authenticate(connection)
    assert state.reason == "session-ended"


async def test_token_without_a_request_is_refused_too(local: LocalClerk, session: Session) -> None:
    """As one that came with another protocol."""
    clerk = Clerk(**local.settings())
    await clerk.revocations.end_session(session.id)
    with pytest.raises(SessionEnded):
        await clerk.verify_token(local.token(session))


async def test_api_key_of_a_blocked_user_is_refused(local: LocalClerk, session: Session) -> None:
    """What is in the name of somebody is no better than they are."""
    clerk = Clerk(**local.settings())
    key = local.create_api_key(session.user)
    await clerk.revocations.block_user(session.user.id)
    connection = bearer(key.token)
    state = await clerk.authenticate(connection, accepts_token="api_key")
    assert (state.status, state.reason) == ("signed-out", "session-ended")


async def test_kept_machine_is_looked_at_again(local: LocalClerk, session: Session) -> None:
    """Between two guards of one request its owner may have been blocked."""
    clerk = Clerk(**local.settings())
    connection = bearer(local.create_api_key(session.user).token)
    assert (await clerk.authenticate(connection, accepts_token="api_key")).status == "signed-in"
    await clerk.revocations.block_user(session.user.id)
    state = await clerk.authenticate(connection, accepts_token="api_key")
    assert (state.status, state.reason) == ("signed-out", "session-ended")


async def test_instances_do_not_share_revocations(local: LocalClerk, session: Session) -> None:
    """Two Clerk objects have nothing in common."""
    one, other = Clerk(**local.settings()), Clerk(**local.settings())
    await one.revocations.end_session(session.id)
    assert await reason(other, local.token(session)) == "signed-in"


@pytest.mark.parametrize("subject", ["", "a b", "a\nb", "ä", "x" * 257, None, 5], ids=repr)
async def test_no_id_changes_nothing(clock: Clock, subject: object) -> None:
    """And it says so: a misspelt revocation must not pass for one."""
    with pytest.raises(ConfigurationError):
        await revocations(clock).end_session(cast("str", subject))


# --- for how long ---------------------------------------------------------------------------------


async def test_token_older_than_revocations_are_remembered_is_refused(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Nobody could know any more whether its session was revoked."""
    clerk = Clerk(**local.settings(), store=MemoryStore(), longest_token=600)
    async with clerk:
        token = local.token(session, expires_in=86_400)
        clock.now += 600
        assert await reason(clerk, token) == "signed-in"
        clock.now += 1
        assert await reason(clerk, token) == "token-expired"


async def test_without_a_store_old_tokens_are_accepted(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Nobody asked for more than what Clerk's own SDKs do."""
    clerk = Clerk(**local.settings(), longest_token=600)
    token = local.token(session, expires_in=86_400)
    clock.now += 601
    assert await reason(clerk, token) == "signed-in"


async def test_revocation_outlives_every_token(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """There is no moment at which it is forgotten and a token still good."""
    clerk = Clerk(**local.settings(), store=MemoryStore(), longest_token=600, clock_skew=30)
    async with clerk:
        clock.now += 30  # Clerk's clock may be ahead
        token = local.token(session, expires_in=86_400)
        clock.now -= 30
        await clerk.revocations.end_session(session.id)
        await clerk.revocations.block_user(session.user.id)
        for _ in range(640):
            clock.now += 1
            await clerk.revocations.end_session("sess_other")  # makes room
            assert await reason(clerk, token) in ("session-ended", "token-expired")


async def test_end_of_a_session_is_known_by_any_clock(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """How old a token is cannot be known by a wrong one, but whether its session has ended can."""
    who = (await Clerk(**local.settings()).verify_token(local.token(session))).identity
    clock.now += 601
    found = revocations(clock, longest_token=600)
    found.check_ended(who)
    with pytest.raises(TokenExpired):
        found.check(who)
    await found.end_session(session.id)
    with pytest.raises(SessionEnded):
        found.check_ended(who)


# --- while nobody can know ------------------------------------------------------------------------


@pytest.mark.parametrize("on_outage", ["refuse", "continue"])
async def test_operator_chooses_what_an_outage_means(
    local: LocalClerk, session: Session, on_outage: OnOutage
) -> None:
    """Nobody is let in on a guess, unless that was asked for."""
    clerk = Clerk(**local.settings(), store=RedisStore(NOWHERE, on_outage=on_outage))
    async with clerk:
        assert clerk.revocations.is_behind
        if on_outage == "refuse":
            with pytest.raises(StoreUnavailable) as raised:
                await reason(clerk, local.token(session))
            assert raised.value.status == 503
        else:
            assert await reason(clerk, local.token(session)) == "signed-in"


@pytest.mark.parametrize("on_outage", ["refuse", "continue"])
async def test_what_is_revoked_in_an_outage_is_refused_here(
    local: LocalClerk, session: Session, on_outage: OnOutage
) -> None:
    """As what it is, even if the others can only be told later, which is said."""
    clerk = Clerk(**local.settings(), store=RedisStore(NOWHERE, on_outage=on_outage))
    async with clerk:
        with pytest.raises(StoreUnavailable):
            await clerk.revocations.end_session(session.id)
        assert await reason(clerk, local.token(session)) == "session-ended"


async def test_bad_token_is_the_callers_fault_in_an_outage_too(local: LocalClerk) -> None:
    """Strangers learn nothing about the state of this server."""
    clerk = Clerk(**local.settings(), store=RedisStore(NOWHERE))
    async with clerk:
        assert await reason(clerk, "nonsense") == "token-invalid"


async def test_workers_of_one_instance_meet(
    local: LocalClerk, session: Session, redis_server: RedisServer
) -> None:
    """However they are told of their instance, by the same keys they find each other."""
    store = RedisStore(redis_server.url)
    here = Clerk(**local.settings(), store=store)
    async with here:
        await here.revocations.end_session(session.id)
        there = Clerk(**local.settings(), store=RedisStore(redis_server.url))
        async with there:
            assert await reason(there, local.token(session)) == "session-ended"


@pytest.mark.parametrize("key", ["secret_key", "jwt_key"])
def test_workers_find_each_other_by_the_publishable_key(local: LocalClerk, key: str) -> None:
    """Not by a secret, which may be replaced in one after the other."""
    settings = {key: getattr(local, key), "issuer": local.issuer}
    Clerk(**cast(Any, settings), store=MemoryStore())
    with pytest.raises(ConfigurationError, match="CLERK_PUBLISHABLE_KEY"):
        Clerk(**cast(Any, settings), store=RedisStore(NOWHERE))


async def test_api_key_is_told_why_it_is_refused(local: LocalClerk, session: Session) -> None:
    """Programs cannot sign in again."""
    clerk = Clerk(**local.settings())
    key = local.create_api_key(session.user)
    await clerk.revocations.block_user(session.user.id)
    state = await clerk.authenticate(bearer(key.token), accepts_token="api_key")
    assert isinstance(state, SignedOut)
    assert "sign in" not in state.error.message


def test_store_is_a_store(local: LocalClerk) -> None:
    """A URL alone is none."""
    with pytest.raises(ConfigurationError, match="RedisStore"):
        Clerk(**local.settings(), store=cast(Any, NOWHERE))


@pytest.mark.parametrize("longest", [0, -1, float("inf"), None], ids=repr)
def test_longest_token_is_a_time(local: LocalClerk, longest: Any) -> None:
    """Forever is none: nobody could remember so long."""
    with pytest.raises(ConfigurationError, match="longest_token"):
        Clerk(**local.settings(), longest_token=longest)
