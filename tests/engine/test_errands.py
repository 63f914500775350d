"""The end of a session is carried through, and what nobody knows is refused: the safe side."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.engine.errands import Errands
from clerk_fastapi.errors import BackendError, BackendUnavailable, ResourceNotFound
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.publisher import settle
from tests.engine.instead import Instead
from tests.engine.test_sessions import Unreachable, is_refused, who

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]

LOST: dict[str, httpx.Response | Exception] = {
    "lost": httpx.ReadError("reset"),
    "504": httpx.Response(504),
    "nonsense": httpx.Response(200, html="<h1>Welcome</h1>"),
}
POST = frozenset({"POST"})


@pytest.mark.parametrize("carried_out", [True, False])
@pytest.mark.parametrize("way", ["sign_out", "revoke", "everywhere"])
@pytest.mark.parametrize("manner", LOST)
async def test_session_of_which_nobody_knows_whether_it_goes_on_is_refused(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    manner: str,
    way: str,
    carried_out: bool,
) -> None:
    """Its end was wanted; the error says that Clerk's answer is missing, and it is tried again."""
    transport = Instead(local, LOST[manner], carried_out=carried_out, to=POST)
    async with make_clerk(transport=transport) as clerk:
        auth, token = await who(clerk, local, session), local.token(session)
        ways: dict[str, Callable[[], Awaitable[object]]] = {
            "sign_out": lambda: clerk.sessions.sign_out(auth),
            "revoke": lambda: clerk.sessions.revoke(session.id, of=auth.user_id),
            "everywhere": lambda: clerk.sessions.sign_out_everywhere(auth.user_id),
        }
        with pytest.raises(BackendError) as failure:
            await ways[way]()
        kind = BackendError if manner == "nonsense" else BackendUnavailable
        assert failure.type is kind
        assert session.is_live is not carried_out
        assert await is_refused(clerk, token)
    tries = [seen for seen in local.requests if seen.path.endswith("/revoke")]
    assert len(tries) == (0 if not carried_out else 1 if manner == "nonsense" else 3)


@pytest.mark.parametrize(
    "refusal",
    [
        httpx.Response(404, html="<h1>nginx</h1>"),
        httpx.Response(422, json={"errors": [{"code": "x", "message": ""}]}),
        httpx.Response(429, headers={"retry-after": "60"}),
        httpx.Response(401, json={"errors": [{"code": "clerk_key_invalid", "message": ""}]}),
    ],
)
async def test_session_that_clerk_does_not_end_goes_on(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, refusal: httpx.Response
) -> None:
    """A clear refusal changes nothing, and a page that is not there is not Clerk's."""
    async with make_clerk(transport=Instead(local, refusal, to=POST)) as clerk:
        auth = await who(clerk, local, session)
        with pytest.raises(BackendError) as failure:
            await clerk.sessions.sign_out(auth)
        assert failure.type is not ResourceNotFound
        assert not await is_refused(clerk, local.token(session))


async def test_answer_that_is_lost_once_is_asked_for_again(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """To revoke twice does no harm."""
    inner, lost = local.transport(), [httpx.ReadError("reset")]

    class Once(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            answer = await inner.handle_async_request(request)
            if request.method == "POST" and lost:
                raise lost.pop()
            return answer

    async with make_clerk(transport=Once()) as clerk:
        await clerk.sessions.sign_out(await who(clerk, local, session))
        assert await is_refused(clerk, local.token(session))


async def test_that_clerks_answer_is_lost_matters_more_than_who_knows(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Of two things that went wrong the worse is raised."""
    transport = Instead(local, LOST["lost"], to=POST)
    async with make_clerk(store=Unreachable(), transport=transport) as clerk:
        with pytest.raises(BackendUnavailable) as failure:
            await clerk.sessions.sign_out(await who(clerk, local, session))
        assert failure.type is BackendUnavailable
        assert await is_refused(clerk, local.token(session))


@pytest.mark.parametrize("status", ["brand_new", None])
async def test_session_in_a_new_state_is_signed_in_until_it_is_over(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, status: str | None
) -> None:
    """Clerk may come to use a word that nobody here knows."""
    edit = Instead(local, edit={"status": status, "client_id": None}, to=frozenset({"GET"}))
    async with make_clerk(transport=edit) as clerk:
        auth = await who(clerk, local, session)
        assert [each.id for each in await clerk.sessions.of_user(auth.user_id)] == [session.id]
        assert [each.id for each in await clerk.sessions.of_browser(auth)] == [session.id]
        await clerk.sessions.revoke(session.id, of=auth.user_id)
        assert session.status == "revoked"
        assert await is_refused(clerk, local.token(session))


async def test_new_words_in_the_answer_hide_no_end(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Clerk has ended the session, whatever it calls that now."""
    async with make_clerk(transport=Instead(local, edit={"status": "brand_new"}, to=POST)) as clerk:
        await clerk.sessions.sign_out(await who(clerk, local, session))
        assert await is_refused(clerk, local.token(session))


async def test_whoever_gives_up_waiting_does_not_stop_it(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Clerk ends the session, and this process knows, also if the request was cancelled."""
    token, held = local.token(session), asyncio.Event()
    async with make_clerk(transport=Instead(local, held=held, to=POST)) as clerk:
        auth = await who(clerk, local, session)
        await clerk.official.ready()
        leaving = asyncio.create_task(clerk.sessions.sign_out(auth))
        await settle()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (session.status, await is_refused(clerk, token)) == ("revoked", False)
        held.set()
    assert await is_refused(clerk, token)


async def test_failure_that_nobody_waits_for_is_not_loud(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """What went wrong is in the log already; the session is refused."""
    held = asyncio.Event()
    transport = Instead(local, httpx.Response(504), carried_out=True, held=held, to=POST)
    async with make_clerk(transport=transport) as clerk:
        auth, token = await who(clerk, local, session), local.token(session)
        await clerk.official.ready()
        leaving = asyncio.create_task(clerk.sessions.sign_out(auth))
        await settle()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        held.set()
    assert await is_refused(clerk, token)


async def test_end_of_the_event_loop_leaves_nobody_waiting() -> None:
    """It cancels whatever is under way; nobody knows what has become of it."""

    async def errand() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    errands = Errands()
    with pytest.raises(BackendUnavailable):
        await errands.run(errand())
    await errands.close()
