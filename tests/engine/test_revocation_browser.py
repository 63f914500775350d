"""Browsers of sessions that are refused here, though Clerk goes on renewing them."""

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.clock import Clock
from tests.engine.pages import DOCUMENT, directives, page, told, with_token

pytestmark = pytest.mark.anyio


async def test_cookies_of_an_ended_session_are_refused(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """At once, and without a redirect: asking Clerk would bring nothing better."""
    jar = local.cookies(session)
    await clerk.revocations.end_session(session.id)
    assert told(await clerk.authenticate(page("/", jar, DOCUMENT))) == "signed-out session-ended"


async def test_session_that_is_refreshed_is_refused_still(
    clerk: Clerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Whoever is blocked by hand learns that, and not that a token has expired."""
    jar = local.cookies(session, refresh=True)
    clock.now += 120
    await clerk.revocations.block_user(session.user.id)
    assert told(await clerk.authenticate(page("/", jar, DOCUMENT))) == "signed-out session-ended"
    assert len(local.requests) == 2  # the keys and one refresh


async def test_session_that_comes_home_is_refused_still(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Another round would bring the same."""
    await clerk.revocations.block_user(session.user.id)
    target = with_token(local.handshake_token(directives(local, session)))
    state = await clerk.authenticate(page(target))
    assert told(state) == "signed-out session-ended"
    assert state.cookies == ()
