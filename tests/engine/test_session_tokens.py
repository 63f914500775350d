"""Tokens for other services: asked for once, remembered until late, and never anybody else's."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from clerk_fastapi import Auth, Clerk, ConfigurationError
from clerk_fastapi.errors import SessionEnded, TemplateNotFound
from clerk_fastapi.protocol.tokens import peek, peek_claims
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.server import serve
from tests.backend.publisher import settle
from tests.engine.clock import Clock
from tests.engine.instead import Instead

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


@pytest.fixture
def local(local: LocalClerk) -> LocalClerk:
    """An instance with templates, one of them signed with a shared secret."""
    claims = {"email": "{{user.primary_email_address}}", "org": "{{org.slug}}"}
    local.add_jwt_template("supabase", claims=claims, lifetime=600)
    local.add_jwt_template("hasura", claims=claims, lifetime=600, signing_key="x" * 32)
    return local


@pytest.fixture
async def running(make_clerk: MakeClerk) -> AsyncIterator[Clerk[Any]]:
    """A Clerk that was started."""
    async with make_clerk() as clerk:
        yield clerk


def jwt_claims(token: str) -> Any:
    """What a token says, whoever signed it."""
    return peek_claims(peek(token.encode())[1])


def minted(local: LocalClerk) -> list[str]:
    """The paths at which tokens were asked for, below the session."""
    return [seen.path.partition("/tokens")[2] for seen in local.requests if "/tokens" in seen.path]


async def signed_in(clerk: Clerk[Any], local: LocalClerk, session: Session) -> Auth[Any]:
    """Who a request with a new token of a session is from."""
    return await clerk.verify_token(local.token(session))


async def test_current_token_costs_no_call(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """It is the one that came."""
    token = local.token(session)
    auth = await running.verify_token(token)
    assert await auth.get_token() == token
    assert minted(local) == []


async def test_current_token_of_a_revoked_session_is_handed_out_no_more(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """Like any other token of it; a handler may take longer than the session."""
    auth = await signed_in(running, local, session)
    await running.revocations.end_session(session.id)
    with pytest.raises(SessionEnded):
        await auth.get_token()


@pytest.mark.parametrize("way", ["in process", "over HTTP"])
async def test_100_who_ask_at_once_make_one_call(
    way: str, make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Over HTTP as well, and they all get the same token."""
    with serve(local.app) as url:
        more = {} if way == "in process" else {"transport": None, "api_url": url}
        async with make_clerk(**more) as clerk:
            auths = [await signed_in(clerk, local, session) for _ in range(100)]
            tokens = await asyncio.gather(*(auth.get_token("supabase") for auth in auths))
    assert len(set(tokens)) == 1
    assert minted(local) == ["/supabase"]


async def test_token_is_remembered_until_shortly_before_it_expires(
    running: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """However often session tokens are renewed meanwhile, from whichever page."""
    first = await (await signed_in(running, local, session)).get_token("supabase")
    for _ in range(9):
        clock.now += 60
        auth = await running.verify_token(local.token(session, azp="https://b.example.com"))
        assert await auth.get_token("supabase") == first
    clock.now += 50
    assert await (await signed_in(running, local, session)).get_token("supabase") != first
    assert minted(local) == ["/supabase"] * 2


async def test_every_template_and_lifetime_is_another_token(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """A token signed with a shared secret is remembered like the others."""
    auth = await signed_in(running, local, session)
    wanted: list[dict[str, Any]] = [
        {"template": "supabase"},
        {"template": "hasura"},
        {"template": "supabase", "expires_in_seconds": 30},
        {"expires_in_seconds": 30},
        {"expires_in_seconds": 40},
    ]
    tokens = [await auth.get_token(**each) for each in wanted]
    assert [await auth.get_token(**each) for each in wanted] == tokens
    assert len(set(tokens)) == 5
    assert minted(local) == ["/supabase", "/hasura", "/supabase", "", ""]


async def test_session_token_with_a_lifetime_signs_in(
    running: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """For as long as was asked."""
    token = await (await signed_in(running, local, session)).get_token(expires_in_seconds=300)
    clock.now += 299
    assert (await running.verify_token(token)).session_id == session.id


async def test_switching_the_organization_is_never_answered_with_the_old_one(
    running: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Neither on the way there nor on the way back."""
    acme = session.organization
    assert acme is not None
    tokens = []
    for organization in (acme, None, acme):
        local.switch_organization(session, organization)
        clock.now += 1
        tokens.append(await (await signed_in(running, local, session)).get_token("supabase"))
    assert len(set(tokens)) == 3
    assert len(minted(local)) == 3


async def test_switching_there_and_back_unseen_is_not_answered_with_the_other_one(
    running: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Clerk minted it for where the user was, whatever an old session token still said."""
    acme, old = session.organization, await signed_in(running, local, session)
    clock.now += 5
    local.switch_organization(session, None)
    elsewhere = await old.get_token("supabase")
    assert await old.get_token("supabase") == elsewhere
    clock.now += 5
    local.switch_organization(session, acme)
    back = await signed_in(running, local, session)
    token = await back.get_token("supabase")
    assert [jwt_claims(each)["org"] for each in (elsewhere, token)] == [None, "acme"]
    clock.now += 5
    assert await (await signed_in(running, local, session)).get_token("supabase") == token


async def test_newer_session_token_does_not_wait_for_what_an_older_one_asked_for(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """The user may have come back in between."""
    held = asyncio.Event()
    async with make_clerk(transport=Instead(local, held=held, to=frozenset({"POST"}))) as clerk:
        old = await signed_in(clerk, local, session)
        clock.now += 5
        new = await signed_in(clerk, local, session)
        asking = [asyncio.create_task(auth.get_token("supabase")) for auth in (old, new)]
        await settle()
        held.set()
        await asyncio.gather(*asking)
    assert len(minted(local)) == 2


async def test_no_token_is_remembered_longer_than_revocations(
    running: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Whoever holds on to a request for longer is told by Clerk that the session is over."""
    local.add_jwt_template("lasting", claims={}, lifetime=7 * 86_400)
    auth = await signed_in(running, local, session)
    first = await auth.get_token("lasting")
    clock.now += 3_580
    assert await auth.get_token("lasting") == first
    local.end_session(session, "revoked")
    clock.now += 20
    with pytest.raises(SessionEnded):
        await auth.get_token("lasting")


async def test_changed_permissions_make_another_token(
    running: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """And so does metadata that the session token carries."""
    first = await (await signed_in(running, local, session)).get_token("supabase")
    clock.now += 1
    local.update_member("acme", session.user, role="org:member")
    second = await (await signed_in(running, local, session)).get_token("supabase")
    clock.now += 1
    local.update_user(session.user, public_metadata={"plan": "free"})
    third = await (await signed_in(running, local, session)).get_token("supabase")
    assert len({first, second, third}) == 3


async def test_users_and_instances_share_no_tokens(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Nor do the sessions of one user."""
    others = [local.sign_in(session.user, organization="acme")]
    others.append(local.sign_in(local.add_user("bob@example.com")))
    async with make_clerk() as one, make_clerk() as two:
        tokens = [
            await (await signed_in(clerk, local, each)).get_token("supabase")
            for clerk in (one, two)
            for each in (session, *others)
        ]
    assert len(set(tokens)) == len(minted(local)) == 6


async def test_who_gives_up_takes_the_token_from_nobody(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """The client that caused the call hangs up."""
    auth = await signed_in(running, local, session)
    first, second = (asyncio.create_task(auth.get_token("supabase")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await second == await auth.get_token("supabase")
    assert minted(local) == ["/supabase"]


@pytest.mark.parametrize("status", ["ended", "revoked", "expired", "removed"])
async def test_session_that_has_ended_is_a_clear_error(
    running: Clerk[Any], local: LocalClerk, session: Session, status: Any
) -> None:
    """401, as for any other request of that session, and what was remembered is dropped."""
    auth = await signed_in(running, local, session)
    await auth.get_token("supabase")
    local.end_session(session, status)
    with pytest.raises(SessionEnded):
        await auth.get_token("hasura")
    with pytest.raises(SessionEnded):
        await auth.get_token("supabase")
    with pytest.raises(SessionEnded):
        await auth.get_token(expires_in_seconds=30)


async def test_revoked_session_gets_no_remembered_token(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """From the moment on that this process knows."""
    auth = await signed_in(running, local, session)
    await auth.get_token("supabase")
    await running.revocations.end_session(session.id)
    with pytest.raises(SessionEnded):
        await auth.get_token("supabase")
    assert minted(local) == ["/supabase"]


async def test_token_of_a_session_that_is_revoked_meanwhile_is_withheld(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Clerk had minted it a moment before."""
    inner, held = local.transport(), asyncio.Event()

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            response = await inner.handle_async_request(request)
            if "/tokens" in request.url.path:
                await held.wait()
            return response

    async with make_clerk(transport=Slow()) as clerk:
        auth = await signed_in(clerk, local, session)
        waiting = asyncio.create_task(auth.get_token("supabase"))
        await settle()
        await clerk.revocations.end_session(session.id)
        held.set()
        with pytest.raises(SessionEnded):
            await waiting


async def test_unknown_template_is_a_clear_error(
    running: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """It is the developer's, not the user's, and asked for again it may be there."""
    auth = await signed_in(running, local, session)
    with pytest.raises(TemplateNotFound) as failure:
        await auth.get_token("convex")
    assert (failure.value.status, failure.value.errors[0].code) == (502, "resource_not_found")
    local.add_jwt_template("convex", claims={})
    assert await auth.get_token("convex")


@pytest.mark.parametrize(
    "wrong",
    [
        {"template": ""},
        {"template": 5},
        {"template": "../supabase"},
        {"template": "%252e%252e"},
        {"template": "supabase/x"},
        {"expires_in_seconds": 0},
        {"expires_in_seconds": -1},
        {"expires_in_seconds": 1.5},
        {"expires_in_seconds": True},
        {"expires_in_seconds": "60"},
        {"expires_in_seconds": 3_601},
    ],
)
async def test_what_cannot_be_is_a_mistake(
    running: Clerk[Any], local: LocalClerk, session: Session, wrong: dict[str, Any]
) -> None:
    """Said with the cure, before anybody is asked."""
    auth = await signed_in(running, local, session)
    with pytest.raises(ConfigurationError):
        await auth.get_token(**wrong)
    assert minted(local) == []


async def test_tokens_that_live_longer_than_revocations_are_remembered_need_leave(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """A revoked session must not come to life again; those of templates sign nobody in here."""
    async with make_clerk(longest_token=7_200) as clerk:
        auth = await signed_in(clerk, local, session)
        assert await auth.get_token(expires_in_seconds=7_200)
        with pytest.raises(ConfigurationError, match="longest_token"):
            await auth.get_token(expires_in_seconds=7_201)
        assert await auth.get_token("supabase", expires_in_seconds=86_400)


async def test_without_a_secret_key_the_cure_is_named(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """The current token is there all the same."""
    async with make_clerk(secret_key="", jwt_key=local.jwt_key) as clerk:
        auth = await signed_in(clerk, local, session)
        assert await auth.get_token()
        with pytest.raises(ConfigurationError, match="CLERK_SECRET_KEY"):
            await auth.get_token("supabase")


@pytest.mark.parametrize("jwt", ["opaque", "a.b.c", "eyJhIjoxfQ.eyJhIjoxfQ.AAAA"])
async def test_token_that_says_no_expiry_is_not_remembered(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, jwt: str
) -> None:
    """It is passed on as it is."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"jwt": jwt})

    transport = httpx.MockTransport(answer)
    async with make_clerk(transport=transport, jwt_key=local.jwt_key) as clerk:
        auth = await signed_in(clerk, local, session)
        assert [await auth.get_token("supabase") for _ in range(2)] == [jwt, jwt]
    assert len(asked) == 2
