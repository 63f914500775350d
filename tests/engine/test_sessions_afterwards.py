"""No end of a session is forgotten, whatever Clerk answers: the others are ended, and it later."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.engine import errands
from clerk_fastapi.engine.errands import Errands
from clerk_fastapi.errors import (
    BackendError,
    BackendRateLimited,
    BackendUnavailable,
    ResourceNotFound,
    SecretKeyRefused,
    StoreUnavailable,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.publisher import settle
from tests.engine.clock import Clock
from tests.engine.failing import Failing
from tests.engine.test_sessions import Unreachable, is_refused, who

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


@pytest.fixture
async def running(make_clerk: MakeClerk) -> AsyncIterator[Clerk[Any]]:
    """A Clerk that was started."""
    async with make_clerk() as clerk:
        yield clerk


@pytest.fixture
def failing(running: Clerk[Any], monkeypatch: pytest.MonkeyPatch) -> Failing:
    """What Clerk fails at."""
    return Failing(running, monkeypatch)


@pytest.fixture
def sessions(local: LocalClerk, session: Session, clock: Clock) -> list[Session]:
    """A dozen of one user; the oldest, from which everything is asked, was active last."""
    others = [local.sign_in(session.user) for _ in range(11)]
    session.last_active_at = clock.now + 60
    return [session, *others]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried without a pause."""
    monkeypatch.setattr(errands, "_PAUSES", (0,) * 10_000)


async def test_one_failure_does_not_keep_the_others_signed_in(
    running: Clerk[Any], local: LocalClerk, sessions: list[Session], failing: Failing
) -> None:
    """It may be about that session alone; which is refused here, and can be asked for again."""
    stuck = sessions[5]
    failing.failures[stuck.id] = BackendUnavailable(retry_after=7)
    tokens = [local.token(each) for each in sessions]
    with pytest.raises(BackendUnavailable) as failure:
        await running.sessions.sign_out_everywhere(stuck.user.id)
    assert failure.value.retry_after == 7
    assert [each for each in sessions if each.is_live] == [stuck]
    assert all([await is_refused(running, token) for token in tokens])


async def test_session_that_was_active_last_is_ended_last(
    running: Clerk[Any], sessions: list[Session], failing: Failing
) -> None:
    """Most likely it is that of who asks, and who asks may have to ask again."""
    await running.sessions.sign_out_everywhere(sessions[0].user.id)
    assert len(failing.asked) == len(sessions)
    assert failing.asked[-1] == sessions[0].id


async def test_sessions_are_ended_a_few_at_a_time(
    running: Clerk[Any], sessions: list[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a slow Clerk takes a fraction of the time, and is not flooded either."""
    part: Any = running.backend.sessions
    revoke, under_way = part.revoke_async, 0
    most: list[int] = []

    async def counted(*, session_id: str) -> Any:
        nonlocal under_way
        under_way += 1
        await settle()
        most.append(under_way)
        under_way -= 1
        return await revoke(session_id=session_id)

    monkeypatch.setattr(part, "revoke_async", counted)
    await running.sessions.sign_out_everywhere(sessions[0].user.id)
    assert (max(most), most[-1]) == (8, 1)


async def test_outage_is_not_waited_for_again_and_again(
    running: Clerk[Any], local: LocalClerk, sessions: list[Session], failing: Failing
) -> None:
    """All are refused, also those that Clerk was not asked about."""
    tokens = [local.token(each) for each in sessions]
    for each in sessions:
        failing.failures[each.id] = BackendUnavailable()
    with pytest.raises(BackendUnavailable):
        await running.sessions.sign_out_everywhere(sessions[0].user.id)
    assert len(failing.asked) == 8
    assert all([await is_refused(running, token) for token in tokens])


@pytest.mark.usefixtures("at_once")
async def test_outage_forgets_nobody(
    running: Clerk[Any], sessions: list[Session], failing: Failing
) -> None:
    """All are ended when it is over, also those that Clerk was not asked about."""
    for each in sessions[-3:]:
        failing.failures[each.id] = BackendUnavailable()
    with pytest.raises(BackendUnavailable):
        await running.sessions.sign_out_everywhere(sessions[0].user.id)
    failing.failures.clear()
    while any(each.is_live for each in sessions):
        await settle()


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("refusal", [BackendRateLimited(), SecretKeyRefused()])
async def test_whoever_is_told_to_come_back_later_can(
    running: Clerk[Any],
    local: LocalClerk,
    sessions: list[Session],
    failing: Failing,
    refusal: BackendError,
) -> None:
    """Clerk says no to everything for now: what goes on goes on here, too, to ask from there."""
    tokens = [local.token(each) for each in sessions]
    failing.failures[sessions[-1].id] = refusal
    with pytest.raises(type(refusal)):
        await running.sessions.sign_out_everywhere(sessions[0].user.id)
    await settle()
    assert len(failing.asked) == 8
    refused = [await is_refused(running, token) for token in tokens]
    assert refused == [not each.is_live for each in sessions]
    assert sessions[0].is_live


@pytest.mark.usefixtures("at_once")
async def test_end_that_met_an_outage_is_made_up_for(
    running: Clerk[Any], local: LocalClerk, session: Session, failing: Failing
) -> None:
    """Who has signed out cannot do so again: that session is refused."""
    failing.failures[session.id] = BackendUnavailable()
    auth = await who(running, local, session)
    with pytest.raises(BackendUnavailable):
        await running.sessions.sign_out(auth)
    failing.failures.clear()
    while session.is_live:
        await settle()


async def test_refusal_lasts_for_as_long_as_it_is_tried(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is made known anew each time, though workers cannot be told; giving up is logged."""
    monkeypatch.setattr(errands, "_PAUSES", (0, 0, 0))
    async with make_clerk(store=Unreachable()) as clerk:
        failing = Failing(clerk, monkeypatch)
        failing.failures[session.id] = BackendUnavailable()
        known: list[str] = []
        end_session = clerk.revocations.end_session

        async def noted(session_id: str) -> None:
            known.append(session_id)
            await end_session(session_id)

        monkeypatch.setattr(clerk.revocations, "end_session", noted)
        auth = await who(clerk, local, session)
        with pytest.raises(BackendUnavailable):
            await clerk.sessions.sign_out(auth)
        while not caplog.records:
            await settle()
    assert failing.asked == [session.id] * 4
    assert known == [session.id] * 7
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert session.id not in caplog.text


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("outcome", [None, ResourceNotFound(), StoreUnavailable()])
async def test_what_is_done_is_not_tried_again(outcome: BackendError | None) -> None:
    """Ended, gone, or ended with nobody told: Clerk knows."""
    tries: list[None] = []

    async def attempt() -> None:
        tries.append(None)
        if len(tries) == 1:
            raise BackendUnavailable
        if outcome is not None:
            raise outcome

    Errands().try_afterwards("sess_1", attempt)
    await settle()
    await settle()
    assert len(tries) == 2


async def test_one_thing_is_tried_once_at_a_time_and_a_thousand_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And no longer than the application runs."""
    monkeypatch.setattr(errands, "_MOST_AFTERWARDS", 2)
    monkeypatch.setattr(errands, "_PAUSES", (0,))
    tried: list[str] = []

    def named(name: str) -> Callable[[], Any]:
        async def attempt() -> None:
            tried.append(name)
            await asyncio.Event().wait()

        return attempt

    kept = Errands()
    for name in ("a", "a", "b", "c"):
        kept.try_afterwards(name, named(name))
    await settle()
    assert tried == ["a", "b"]
    await kept.close()
    kept.try_afterwards("a", named("a"))
    await settle()
    assert tried == ["a", "b", "a"]
    await kept.close()


def test_it_is_tried_for_an_hour() -> None:
    """With pauses that grow, and are shorter than any memory of the end of a session."""
    pauses = errands._PAUSES
    assert list(pauses) == sorted(pauses)
    assert max(pauses) <= 60
    assert 3_500 < sum(pauses) <= 3_600
