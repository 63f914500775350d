"""What belongs to an answer is collected while a request is served, by whichever Clerk decides."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from clerk_fastapi import Clerk, Handshake, SignedIn, SignedOut
from clerk_fastapi.engine.answer import ANSWER, Answer
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.clock import Clock
from tests.engine.connections import bearer, request
from tests.engine.pages import DOCUMENT, page

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


async def collected(clerk: Clerk[Any], connection: HTTPConnection, **options: Any) -> Answer:
    """What a Clerk has to say about the answer to a request."""
    answer = connection.scope[ANSWER] = Answer()
    await clerk.authenticate(connection, **options)
    return answer


def test_nothing_is_known_at_first() -> None:
    """Neither a state nor cookies, and nothing to explain."""
    answer = Answer()
    assert (answer.state, answer.cookies) == (None, [])
    assert (answer.in_development, answer.is_explained) == (False, False)


def test_cookie_is_added_once() -> None:
    """Whoever asks again is told the same, and others in their order."""
    answer = Answer()
    for cookies in (("a=1",), ("a=1", "b=2"), (), ("b=2",)):
        answer.add(cookies)
    assert answer.cookies == ["a=1", "b=2"]


async def test_state_is_told(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """Whatever it is, each time that somebody asks."""
    signed_in, signed_out = bearer(local.token(session)), bearer("junk")
    assert isinstance((await collected(clerk, signed_in)).state, SignedIn)
    answer = await collected(clerk, signed_out)
    assert isinstance(answer.state, SignedOut)
    assert answer.state.error.code == "token-invalid"
    assert isinstance((await collected(clerk, page("/", None, DOCUMENT))).state, Handshake)
    again = await collected(clerk, signed_in)
    assert isinstance(again.state, SignedIn)


async def test_kind_of_instance_is_told(clerk: Clerk, production: LocalClerk) -> None:
    """For what is said in development only."""
    assert (await collected(clerk, request())).in_development is True
    live = Clerk(**production.settings())
    assert (await collected(live, request())).in_development is False


async def test_cookies_of_a_renewed_session_are_told_once(
    clerk: Clerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """However often it is asked for."""
    jar = local.cookies(session, refresh=True)
    clock.now += 3_600
    connection = page("/", jar)
    answer = await collected(clerk, connection)
    assert len(answer.cookies) == 3
    await clerk.authenticate(connection)
    assert len(answer.cookies) == 3


async def test_cookies_of_a_handshake_are_not(clerk: Clerk) -> None:
    """They belong to the redirect alone."""
    answer = await collected(clerk, page("/", None, DOCUMENT))
    assert isinstance(answer.state, Handshake)
    assert answer.state.cookies
    assert answer.cookies == []


async def test_what_was_decided_earlier_is_handed_over(
    clerk: Clerk, make_clerk: MakeClerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """To an answer that somebody sees to only now; a Clerk that was not asked has nothing."""
    jar = local.cookies(session, refresh=True)
    clock.now += 3_600
    connection = page("/", jar)
    await clerk.authenticate(connection)
    answer = connection.scope[ANSWER] = Answer()
    make_clerk().hand_over(connection.scope)
    assert answer.cookies == []
    clerk.hand_over(connection.scope)
    assert len(answer.cookies) == 3


async def test_nobody_is_told_where_nobody_listens(clerk: Clerk) -> None:
    """Nor is what stands in place of an answer."""
    connection = request()
    connection.scope[ANSWER] = "answer"
    await clerk.authenticate(connection)
    assert connection.scope[ANSWER] == "answer"
