"""Sessions are listed, looked at and ended, here and everywhere, and nobody else's by guessing."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clerk_fastapi import Auth, Clerk, ConfigurationError
from clerk_fastapi.errors import (
    BackendError,
    ResourceNotFound,
    SessionEnded,
    StoreUnavailable,
)
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.testing import LocalClerk, Session, User
from tests.engine.clock import Clock
from tests.engine.failing import Failing

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


@pytest.fixture
async def running(make_clerk: MakeClerk) -> AsyncIterator[Clerk[Any]]:
    """A Clerk that was started."""
    async with make_clerk() as clerk:
        yield clerk


@pytest.fixture
def ada(session: Session) -> User:
    """Whose session it is."""
    return session.user


@pytest.fixture
def bob(local: LocalClerk) -> User:
    """Somebody else."""
    return local.add_user("bob@example.com")


async def is_refused(clerk: Clerk[Any], token: str) -> bool:
    """Whether a token that is still good is refused."""
    try:
        await clerk.verify_token(token)
    except SessionEnded:
        return True
    return False


async def who(clerk: Clerk[Any], local: LocalClerk, session: Session) -> Auth[Any]:
    """Who a request of a session is from."""
    return await clerk.verify_token(local.token(session))


async def test_sessions_of_a_user_are_listed_with_their_activity(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, bob: User, clock: Clock
) -> None:
    """Newest first, nobody else's, and only those that are active."""
    local.sign_in(bob)
    local.end_session(local.sign_in(ada))
    clock.now += 60
    newer = local.sign_in(ada, actor={"sub": "user_support"})
    page = await running.sessions.list(user_id=ada.id)
    assert [each.id for each in page.items] == [newer.id, session.id]
    assert page.next_offset is None
    assert page.items[0].actor is not None
    listed = page.items[1]
    assert (listed.user_id, listed.client_id, listed.status) == (
        ada.id,
        session.browser.id,
        "active",
    )
    assert listed.last_active_at == session.last_active_at * 1_000
    assert session.organization is not None
    assert listed.last_active_organization_id == session.organization.id
    activity = listed.latest_activity
    assert activity is not None
    assert activity.id == session.activity.id


async def test_sessions_of_a_browser_are_listed_whoever_they_belong_to(
    running: Clerk[Any], local: LocalClerk, session: Session, bob: User
) -> None:
    """Users with two accounts are signed in to both."""
    second = local.sign_in(bob, browser=session.browser)
    pending = local.sign_in(bob, browser=session.browser, status="pending")
    local.end_session(local.sign_in(bob, browser=session.browser))
    local.sign_in(bob)
    auth = await who(running, local, session)
    found = await running.sessions.of_browser(auth)
    assert [each.id for each in found] == [pending.id, second.id, session.id]


async def test_session_in_no_browser_is_by_itself(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """Clerk can make one for a server; others of that kind are not in one browser with it."""
    auth = await who(running, local, session)
    session.browser.id = ""
    local.sign_in(session.user).browser.id = ""
    assert [each.id for each in await running.sessions.of_browser(auth)] == [session.id]


async def test_pending_sessions_are_signed_in_as_well(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User
) -> None:
    """Clerk does not choose by that status, so that it is looked for."""
    pending = local.sign_in(ada, status="pending")
    local.end_session(local.sign_in(ada), "expired")
    found = await running.sessions.of_user(ada.id)
    assert [each.id for each in found] == [pending.id, session.id]
    everything = [each async for each in running.sessions.list(user_id=ada.id, status=None)]
    assert len(everything) == 3


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 500])
async def test_all_pages_are_gone_through(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, limit: int
) -> None:
    """Each session comes once, however long a page is."""
    for _ in range(6):
        local.sign_in(ada)
    expected = [each.id for each in reversed(local.sessions.values())]
    listing = running.sessions.list(user_id=ada.id, limit=limit)
    assert [each.id async for each in listing] == expected
    first = await listing
    assert [each.id for each in first.items] == expected[:limit]
    assert first.next_offset == (limit if limit <= 7 else None)
    rest = running.sessions.list(user_id=ada.id, limit=limit, offset=2)
    assert [each.id async for each in rest] == expected[2:]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"user_id": ""},
        {"user_id": "u", "limit": 0},
        {"user_id": "u", "limit": 501},
        {"user_id": "u", "limit": True},
        {"user_id": "u", "offset": -1},
        {"user_id": "u", "offset": 1.0},
    ],
)
async def test_listing_what_cannot_be_is_a_mistake(
    running: Clerk[Any], wrong: dict[str, Any]
) -> None:
    """Without whom it would be everybody's."""
    with pytest.raises(ConfigurationError):
        running.sessions.list(**wrong)


async def test_clerk_chooses_by_its_own_words_alone(running: Clerk[Any], ada: User) -> None:
    """Pending sessions cannot be chosen; the words that can are named."""
    for word in ("pending", "bogus"):
        with pytest.raises(ConfigurationError, match="abandoned, active"):
            running.sessions.list(user_id=ada.id, status=word)  # type: ignore[arg-type]  # wrong


async def test_session_is_looked_up(
    running: Clerk[Any], session: Session, local: LocalClerk
) -> None:
    """Or is unknown."""
    assert (await running.sessions.get(session.id)).id == session.id
    for unknown in ("sess_unknown", "", "..", "../users", "%252e%252e"):
        local.requests.clear()
        with pytest.raises(ResourceNotFound):
            await running.sessions.get(unknown)
        assert len(local.requests) == (unknown == "sess_unknown")


async def test_revoked_session_is_refused_at_once(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User
) -> None:
    """Though its token is good for a minute yet; the other sessions go on."""
    other = local.sign_in(ada)
    token = local.token(session)
    await running.verify_token(token)
    await running.sessions.revoke(session.id, of=ada.id)
    assert session.status == "revoked"
    assert await is_refused(running, token)
    assert not await is_refused(running, local.token(other))


@pytest.mark.parametrize("status", ["ended", "expired", "revoked", "removed"])
async def test_revoking_what_has_ended_makes_it_known(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, status: Any
) -> None:
    """Clerk is not asked to end it again."""
    token = local.token(session)
    local.end_session(session, status)
    await running.sessions.revoke(session.id, of=ada.id)
    assert session.status == status
    assert await is_refused(running, token)
    assert [seen.method for seen in local.requests if "/sessions" in seen.path] == ["GET"]


async def test_nobody_revokes_the_session_of_somebody_else(
    running: Clerk[Any], local: LocalClerk, session: Session, bob: User
) -> None:
    """Knowing its id is not enough, and it looks like one that does not exist."""
    with pytest.raises(ResourceNotFound) as foreign:
        await running.sessions.revoke(session.id, of=bob.id)
    with pytest.raises(ResourceNotFound) as unknown:
        await running.sessions.revoke("sess_unknown", of=bob.id)
    assert str(foreign.value) == str(unknown.value)
    assert session.is_live
    assert not await is_refused(running, local.token(session))


@pytest.mark.parametrize("made_up", ["", "..", "../users/u", "%2e%2e", "%252e%252e", "x/revoke"])
async def test_made_up_ids_reach_nothing(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, made_up: str
) -> None:
    """Neither Clerk nor what this process knows."""
    local.requests.clear()
    for of in (ada.id, None):
        with pytest.raises(ResourceNotFound):
            await running.sessions.revoke(made_up, of=of)
    assert local.requests == []


async def test_operators_revoke_without_naming_the_user(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """They have to say that they mean it."""
    await running.sessions.revoke(session.id, of=None)
    assert await is_refused(running, local.token(session))
    with pytest.raises(ResourceNotFound):
        await running.sessions.revoke("sess_unknown", of=None)


async def test_signing_out_ends_the_session_of_the_request(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User
) -> None:
    """And no other; doing it again does no harm."""
    other, auth = local.sign_in(ada), await who(running, local, session)
    for _ in range(2):
        await running.sessions.sign_out(auth)
        assert await is_refused(running, local.token(session))
    assert not await is_refused(running, local.token(other))
    del local.sessions[session.id]
    await running.sessions.sign_out(auth)


async def test_signing_out_everywhere_leaves_no_session(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, bob: User
) -> None:
    """Pending ones are ended, too; other users stay."""
    sessions = [session, local.sign_in(ada), local.sign_in(ada, status="pending")]
    tokens = [local.token(each) for each in sessions]
    stranger = local.sign_in(bob)
    assert await running.sessions.sign_out_everywhere(ada.id) == 3
    assert [await is_refused(running, token) for token in tokens] == [True] * 3
    assert not await is_refused(running, local.token(stranger))
    assert await running.sessions.sign_out_everywhere(ada.id) == 0


async def test_signing_out_everywhere_else_keeps_one(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User
) -> None:
    """The one that asks for it."""
    other = local.sign_in(ada)
    assert await running.sessions.sign_out_everywhere(ada.id, keep=session.id) == 1
    assert (session.is_live, other.is_live) == (True, False)
    assert not await is_refused(running, local.token(session))


async def test_session_that_begins_meanwhile_is_ended_as_well(
    running: Clerk[Any], local: LocalClerk, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever signs in at that moment with a stolen password is out again."""
    late: list[Session] = []
    end = local.end_session

    def end_and_begin(session: Session, status: Any = "ended") -> None:
        end(session, status)
        if not late:
            late.append(local.sign_in(ada))

    monkeypatch.setattr(local, "end_session", end_and_begin)
    assert await running.sessions.sign_out_everywhere(ada.id) == 2
    assert not late[0].is_live


async def test_failure_on_the_way_leaves_what_was_done(
    running: Clerk[Any],
    local: LocalClerk,
    session: Session,
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are ended and made known, and calling again finishes."""
    failing = Failing(running, monkeypatch)
    last, middle = local.sign_in(ada), local.sign_in(ada)
    failing.failures[middle.id] = BackendError(backend_status=409)
    with pytest.raises(BackendError) as failure:
        await running.sessions.sign_out_everywhere(ada.id)
    assert failure.value.backend_status == 409
    assert [each.is_live for each in (session, middle, last)] == [False, True, False]
    assert await is_refused(running, local.token(session))
    assert not await is_refused(running, local.token(middle))
    failing.failures.clear()
    assert await running.sessions.sign_out_everywhere(ada.id) == 1
    assert await is_refused(running, local.token(middle))


class Unreachable(MemoryStore):
    """Cannot tell anybody."""

    async def announce(self, revocations: Any) -> None:
        raise StoreUnavailable


async def test_clerk_is_told_though_other_workers_cannot_be(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User
) -> None:
    """This worker knows at once, and says that the others may not."""
    other = local.sign_in(ada)
    async with make_clerk(store=Unreachable()) as clerk:
        with pytest.raises(StoreUnavailable):
            await clerk.sessions.sign_out_everywhere(ada.id)
        assert [session.status, other.status] == ["revoked", "revoked"]
        assert await is_refused(clerk, local.token(session))
        assert await is_refused(clerk, local.token(other))


async def test_session_that_goes_on_matters_more_than_who_knows(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    ada: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two things that went wrong the worse is raised."""
    local.sign_in(ada)
    async with make_clerk(store=Unreachable()) as clerk:
        failing = Failing(clerk, monkeypatch)
        failing.failures[session.id] = BackendError(backend_status=409)
        with pytest.raises(BackendError) as failure:
            await clerk.sessions.sign_out_everywhere(ada.id)
    assert failure.value.backend_status == 409
