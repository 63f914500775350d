"""What events mean for those who are signed in: sessions that are over, users who are shut out."""

from __future__ import annotations

from typing import Any, Final

from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.protocol.events import Event, SessionEvent, UserDeletedEvent, UserEvent

__all__ = ["take_consequences"]

_OVER: Final = ("session.ended", "session.removed", "session.revoked")


async def take_consequences(event: Event[Any], revocations: Revocations) -> None:
    """Revoke what an event says is over; taken twice, or in another order, it comes to the same.

    :raises StoreUnavailable: if other workers can only be told later; this one knows already.
    """
    match event:
        case SessionEvent(type=kind, data=session) if kind in _OVER:
            await revocations.end_session(session.id)
        case UserDeletedEvent(data=gone):
            await revocations.remove_user(gone.id)
        case UserEvent(data=user):
            version = event.timestamp if user.updated_at is None else user.updated_at
            if user.banned or user.locked:
                await revocations.report_user(user.id, is_shut_out=True, version=version)
            elif user.banned is False and user.locked is False:
                await revocations.report_user(user.id, is_shut_out=False, version=version)
