"""Where somebody is signed in, for programs: a user's own sessions, and an end to any of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, status

from clerk_fastapi.protocol.events import Session, SessionActivity
from example_app.guards import SignedIn
from example_app.models import SessionOut
from example_app.services import ClerkDep

router = APIRouter(prefix="/me/sessions", tags=["sessions"])


async def _mine(auth: SignedIn, clerk: ClerkDep) -> list[SessionOut]:
    sessions = await clerk.sessions.of_user(auth.user_id)
    return [_described(each, is_this_one=each.id == auth.session_id) for each in sessions]


MySessions = Annotated[list[SessionOut], Depends(_mine)]
"""The sessions in which the user is signed in, as Clerk knows them now, newest first."""


@router.get("")
async def list_sessions(sessions: MySessions) -> list[SessionOut]:
    """Every browser and program in which the user is signed in."""
    return sessions


@router.delete("/{session_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_session(session_id: str, auth: SignedIn, clerk: ClerkDep) -> None:
    """End one. From now on its tokens are refused; those of somebody else are not found."""
    await clerk.sessions.revoke(session_id, of=auth.user_id)


def _described(session: Session, *, is_this_one: bool) -> SessionOut:
    seen = session.latest_activity or SessionActivity()
    version = (seen.browser_version or "").partition(".")[0]
    return SessionOut(
        id=session.id,
        is_this_one=is_this_one,
        browser=_joined(seen.browser_name, version),
        device=seen.device_type or "",
        address=seen.ip_address or "",
        place=_joined(seen.city, seen.country, between=", "),
        created_at=_seconds(session.created_at),
        last_active_at=_seconds(session.last_active_at),
    )


def _joined(*parts: str | None, between: str = " ") -> str:
    return between.join(part for part in parts if part)


def _seconds(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds // 1000
