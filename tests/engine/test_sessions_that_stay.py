"""Signing out everywhere has an end, though Clerk goes on listing sessions, and says why."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.errors import BackendError
from clerk_fastapi.testing import LocalClerk, Session, User

pytestmark = pytest.mark.anyio


@pytest.fixture
async def running(make_clerk: Callable[..., Clerk[Any]]) -> AsyncIterator[Clerk[Any]]:
    """A Clerk that was started."""
    async with make_clerk() as clerk:
        yield clerk


@pytest.fixture
def ada(session: Session) -> User:
    """Whose session it is."""
    return session.user


async def test_sessions_that_do_not_end_are_an_error(
    running: Clerk[Any], local: LocalClerk, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not tried for ever."""
    monkeypatch.setattr(local, "end_session", lambda session, status="ended": None)
    with pytest.raises(BackendError, match="signed in that it has ended"):
        await running.sessions.sign_out_everywhere(ada.id)
    assert len([seen for seen in local.requests if seen.path.endswith("/revoke")]) == 5


async def test_sessions_that_keep_beginning_are_an_error(
    running: Clerk[Any], local: LocalClerk, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever signs in all the time has to be kept from that first, which is said."""
    begun: list[Session] = []
    end = local.end_session

    def end_and_begin(session: Session, status: Any = "ended") -> None:
        end(session, status)
        begun.append(local.sign_in(ada))

    monkeypatch.setattr(local, "end_session", end_and_begin)
    with pytest.raises(BackendError, match="ban or lock the user first"):
        await running.sessions.sign_out_everywhere(ada.id)
    assert [session.is_live for session in begun] == [False] * 4 + [True]


async def test_session_that_is_listed_twice_is_counted_once(
    running: Clerk[Any], local: LocalClerk, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clerk's lists may lag behind what it has done."""
    end = local.end_session
    asked: list[Session] = []

    def end_late(session: Session, status: Any = "ended") -> None:
        asked.append(session)
        if len(asked) > 1:
            end(session, status)

    monkeypatch.setattr(local, "end_session", end_late)
    assert await running.sessions.sign_out_everywhere(ada.id) == 1
    assert len(asked) == 2
