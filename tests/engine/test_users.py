"""Users are looked up, shut out at once and let in again; organizations only if they are active."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from clerk_fastapi import AccessDenied, Clerk
from clerk_fastapi.errors import (
    BackendError,
    BackendUnavailable,
    ResourceNotFound,
    SessionEnded,
    StoreUnavailable,
)
from clerk_fastapi.testing import LocalClerk, Session, User
from tests.backend.publisher import settle
from tests.engine.clock import Clock
from tests.engine.instead import Instead
from tests.engine.test_sessions import Unreachable, is_refused, who

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]

REFUSALS = [
    httpx.Response(404, html="<h1>nginx</h1>"),
    httpx.Response(403, json={}),
    httpx.Response(302),
    httpx.Response(429, headers={"retry-after": "60"}),
    httpx.Response(401, json={"errors": [{"code": "clerk_key_invalid", "message": ""}]}),
]


@pytest.fixture
async def running(make_clerk: MakeClerk) -> AsyncIterator[Clerk[Any]]:
    """A Clerk that was started."""
    async with make_clerk() as clerk:
        yield clerk


@pytest.fixture
def ada(local: LocalClerk, session: Session) -> User:
    """A user with something to hide."""
    return local.update_user(session.user, private_metadata={"card": "4111-1111"})


async def test_user_is_looked_up(running: Clerk[Any], ada: User) -> None:
    """With names and metadata; what is private has to be asked for by name."""
    found = await running.users.get(ada.id)
    assert (found.id, found.primary_email_address) == (ada.id, "ada@example.com")
    assert found.public_metadata == {"plan": "pro"}
    assert found.private_metadata == {"card": "4111-1111"}
    shown = [found.model_dump_json(), repr(found), json.dumps(dict(found), default=repr)]
    assert not any("4111" in text for text in shown)


@pytest.mark.parametrize("made_up", ["user_unknown", "", "..", "../organizations", "%252e%252e"])
async def test_unknown_user_is_not_found(
    running: Clerk[Any], local: LocalClerk, made_up: str
) -> None:
    """By whichever method, and nobody else is shut out by it."""
    users = running.users
    for ask in (users.get, users.ban, users.unban, users.lock, users.unlock):
        with pytest.raises(ResourceNotFound):
            await ask(made_up)
    assert {seen.path for seen in local.requests} <= {
        f"/v1/users/user_unknown{action}" for action in ("", "/ban", "/unban", "/lock", "/unlock")
    }


@pytest.mark.parametrize(("out", "back"), [("ban", "unban"), ("lock", "unlock")])
async def test_user_who_is_shut_out_is_refused_at_once(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, out: str, back: str
) -> None:
    """And accepted again as soon as they are let in."""
    token = local.token(session)
    shut_out = await getattr(running.users, out)(ada.id)
    assert shut_out.banned or shut_out.locked
    assert await is_refused(running, token)
    local.clock.now += 1  # type: ignore[attr-defined]  # the test's
    let_in = await getattr(running.users, back)(ada.id)
    assert not let_in.banned
    assert not let_in.locked
    assert not await is_refused(running, token)


async def test_user_who_is_banned_and_locked_has_to_be_let_in_twice(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, clock: Clock
) -> None:
    """Unlocking does not undo a ban."""
    token = local.token(session)
    for action, refused in (("ban", True), ("lock", True), ("unlock", True), ("unban", False)):
        clock.now += 1
        await getattr(running.users, action)(ada.id)
        assert await is_refused(running, token) is refused


async def test_what_clerk_decided_later_counts(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, clock: Clock
) -> None:
    """A report that was on its way for long does not undo what came after it."""
    clock.now += 1
    banned = await running.users.ban(ada.id)
    assert banned.updated_at == int(clock.now * 1_000)
    assert banned.updated_at is not None
    await running.revocations.report_user(
        ada.id, is_shut_out=False, version=banned.updated_at - 500
    )
    assert await is_refused(running, local.token(session))


@pytest.mark.parametrize("wrong", [-3, 3])
async def test_clerks_clock_dates_what_clerk_decides(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User, clock: Clock, wrong: int
) -> None:
    """That of this machine may be ahead or behind."""
    token = local.token(session)
    async with make_clerk(clock=lambda: clock() + wrong) as clerk:
        for action, undo in (("ban", False), ("unban", True)):
            clock.now += 1
            user = await getattr(clerk.users, action)(ada.id)
            assert await is_refused(clerk, token) is not undo
            later = user.updated_at + 1
            await clerk.revocations.report_user(ada.id, is_shut_out=undo, version=later)
            assert await is_refused(clerk, token) is undo


async def test_deleted_user_is_refused_for_good(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User
) -> None:
    """Also if somebody else has deleted them before."""
    token, auth = local.token(session), await who(running, local, session)
    await running.users.delete(ada.id)
    assert ada.id not in local.users
    assert await is_refused(running, token)
    with pytest.raises(SessionEnded):
        await auth.get_token("supabase")
    with pytest.raises(ResourceNotFound):
        await running.users.delete(ada.id)


async def test_deleting_again_makes_it_known(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User
) -> None:
    """The first time, the answer may have got lost."""
    token = local.token(session)
    local.delete_user(ada)
    with pytest.raises(ResourceNotFound):
        await running.users.delete(ada.id)
    assert await is_refused(running, token)


async def test_clerk_is_told_though_other_workers_cannot_be(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User
) -> None:
    """This worker knows at once, and says that the others may not."""
    async with make_clerk(store=Unreachable()) as clerk:
        with pytest.raises(StoreUnavailable):
            await clerk.users.ban(ada.id)
        assert ada.banned
        assert await is_refused(clerk, local.token(session))


@pytest.mark.parametrize("action", ["ban", "lock", "delete"])
async def test_outage_shuts_out_whom_it_was_to_shut_out(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, clock: Clock, action: str
) -> None:
    """Nobody knows whether Clerk has done it, and whoever asked is told so; a later word counts."""
    await running.official.ready()
    with local.outage("unreachable"), pytest.raises(BackendUnavailable):
        await getattr(running.users, action)(ada.id)
    token = local.token(session)
    assert await is_refused(running, token)
    clock.now += 1
    await running.users.unban(ada.id)
    assert not await is_refused(running, token)


@pytest.mark.parametrize("action", ["unban", "unlock", "get"])
async def test_outage_lets_nobody_in(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User, action: str
) -> None:
    """Nor by an answer that makes no sense."""
    await running.users.ban(ada.id)
    for outage in ("unreachable", "html"):
        with local.outage(outage), pytest.raises(BackendError):
            await getattr(running.users, action)(ada.id)
    assert await is_refused(running, local.token(session))


@pytest.mark.parametrize("action", ["ban", "lock", "delete"])
@pytest.mark.parametrize("answer", REFUSALS)
async def test_clear_refusal_changes_nothing(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    ada: User,
    action: str,
    answer: httpx.Response,
) -> None:
    """Clerk has not done it, and a web page that is not there says nothing of users."""
    async with make_clerk(transport=Instead(local, answer), jwt_key=local.jwt_key) as clerk:
        with pytest.raises(BackendError):
            await getattr(clerk.users, action)(ada.id)
        assert not await is_refused(clerk, local.token(session))


@pytest.mark.parametrize("action", ["ban", "lock", "delete"])
async def test_answer_that_is_lost_leaves_nobody_inside(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User, action: str
) -> None:
    """Clerk has done it, or may have: also if what it says of it makes no sense."""
    token = local.token(session)
    for after in (httpx.ReadError("reset"), httpx.Response(504), httpx.Response(200, text="?")):
        transport = Instead(local, after, carried_out=True)
        async with make_clerk(transport=transport, jwt_key=local.jwt_key) as clerk:
            with pytest.raises(BackendError) as failure:
                await getattr(clerk.users, action)(ada.id)
            assert failure.type is not ResourceNotFound
            assert await is_refused(clerk, token)
        if action == "delete":
            break


async def test_new_words_of_clerks_do_no_harm(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User
) -> None:
    """Whom Clerk has banned is refused, and whoever is signed in can be looked up."""
    verified = {"status": "verified", "strategy": "brand_new", "attempts": 1, "expire_at": 1}
    address = {"id": "idn_1", "email_address": "ada@example.com", "verification": verified}
    transport = Instead(local, edit={"email_addresses": [address]})
    async with make_clerk(transport=transport) as clerk:
        assert (await clerk.users.get(ada.id)).email_addresses[0].verification is not None
        assert (await clerk.users.ban(ada.id)).banned
        assert await is_refused(clerk, local.token(session))


@pytest.mark.parametrize("dated", [-7_200, -61, 61, 7_200, None])
async def test_what_was_done_just_now_counts_from_now_on(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    ada: User,
    clock: Clock,
    dated: int | None,
) -> None:
    """Nobody promises that a lock changes the date of a user."""
    token = local.token(session)
    for action, refused in (("lock", True), ("unlock", False)):
        clock.now += 1
        date = None if dated is None else int((clock.now + dated) * 1_000)
        async with make_clerk(transport=Instead(local, edit={"updated_at": date})) as clerk:
            earlier = int(clock.now * 1_000) - 500
            await clerk.revocations.report_user(ada.id, is_shut_out=not refused, version=earlier)
            await getattr(clerk.users, action)(ada.id)
            assert await is_refused(clerk, token) is refused


async def test_lock_ends_by_itself(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User, clock: Clock
) -> None:
    """When Clerk says; a ban does not, though the user is locked as well."""
    transport = Instead(local, edit={"lockout_expires_in_seconds": 30})
    async with make_clerk(transport=transport) as clerk:
        await clerk.users.lock(ada.id)
        assert await is_refused(clerk, local.token(session))
        clock.now += 40
        assert not await is_refused(clerk, local.token(session))
        await clerk.users.ban(ada.id)
        clock.now += 40
        assert await is_refused(clerk, local.token(session))


@pytest.mark.parametrize(("action", "refused"), [("ban", True), ("unban", False)])
async def test_what_clerk_leaves_out_is_not_guessed(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    ada: User,
    action: str,
    refused: bool,
) -> None:
    """Who was to be shut out is; who was to be let in stays as they were, if Clerk does not say."""
    transport = Instead(local, edit={"banned": None, "locked": None})
    async with make_clerk(transport=transport) as clerk:
        await getattr(clerk.users, action)(ada.id)
        assert await is_refused(clerk, local.token(session)) is refused


@pytest.mark.parametrize("action", ["ban", "lock", "delete"])
async def test_whoever_gives_up_waiting_does_not_stop_it(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User, action: str
) -> None:
    """Clerk does it, and the workers are told, before the application ends at the latest."""
    token, held = local.token(session), asyncio.Event()
    async with make_clerk(transport=Instead(local, held=held), jwt_key=local.jwt_key) as clerk:
        await clerk.official.ready()
        asking = asyncio.create_task(getattr(clerk.users, action)(ada.id))
        await settle()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert not await is_refused(clerk, token)
        held.set()
    assert await is_refused(clerk, token)


@pytest.mark.parametrize("made_up", [5, None, "", "..", "x" * 300])
async def test_what_is_no_id_is_not_found(
    running: Clerk[Any], local: LocalClerk, made_up: Any
) -> None:
    """And sent nowhere."""
    users, sessions = running.users, running.sessions
    for ask in (users.get, users.ban, users.unban, users.lock, users.delete, sessions.get):
        with pytest.raises(ResourceNotFound):
            await ask(made_up)
    assert local.requests == []


@pytest.mark.parametrize("made_up", ["a b", "größe"])
async def test_what_clerk_does_not_know_is_not_found(
    running: Clerk[Any], session: Session, made_up: str
) -> None:
    """It is not an id of which anything could be remembered either."""
    with pytest.raises(ResourceNotFound):
        await running.users.delete(made_up)
    with pytest.raises(ResourceNotFound):
        await running.sessions.revoke(made_up, of=None)


async def test_user_that_makes_no_sense_is_an_error_without_values(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, ada: User
) -> None:
    """What the official client lets pass may still be wrong."""
    async with make_clerk() as clerk:
        said = json.loads((await clerk.users.get(ada.id)).model_dump_json())
        answers: Any = {**said, "object": "user", "created_at": -4111}

    transport = httpx.MockTransport(lambda request: httpx.Response(200, json=answers))
    async with make_clerk(transport=transport, jwt_key=local.jwt_key) as clerk:
        with pytest.raises(BackendError) as failure:
            await clerk.users.get(ada.id)
    assert "4111" not in str(failure.value) + repr(vars(failure.value))
    assert failure.value.__context__ is None


async def test_active_organization_is_looked_up_with_its_members(
    running: Clerk[Any], local: LocalClerk, session: Session, ada: User
) -> None:
    """In pages, or all of them."""
    bob = local.add_user("bob@example.com")
    local.add_member("acme", bob, private_metadata={"card": "4111-1111"})
    auth = await who(running, local, session)
    found = await running.organizations.get(auth)
    assert (found.id, found.slug) == (auth.org_id, "acme")
    page = await running.organizations.members(auth, limit=1)
    assert len(page.items) == 1
    assert page.next_offset == 1
    members = [each async for each in running.organizations.members(auth, limit=1)]
    assert {each.user_id for each in members} == {ada.id, bob.id}
    assert not any("4111" in each.model_dump_json() for each in members)
    rest = await running.organizations.members(auth, offset=1)
    assert len(rest.items) == 1


async def test_without_an_active_organization_there_is_none(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """403, before anybody is asked."""
    local.switch_organization(session, None)
    auth = await who(running, local, session)
    local.requests.clear()
    with pytest.raises(AccessDenied):
        await running.organizations.get(auth)
    with pytest.raises(AccessDenied):
        running.organizations.members(auth)
    assert local.requests == []
