"""What events mean for those who are signed in: sessions that are over, users who are shut out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.protocol.events.standing import (
    EndedSession,
    RemovedUser,
    UserStanding,
    read_standing,
)

__all__ = ["take_consequences"]


async def take_consequences(said: Mapping[str, Any], revocations: Revocations, now: float) -> None:
    """Revoke what an event says is over; taken twice, or in another order, it comes to the same.

    :param said: what the body of the event says.
    :param now: seconds since the epoch, for events that do not say when.
    :raises WebhookBodyInvalid: if what decides is missing or of the wrong type.
    :raises StoreUnavailable: if other workers can only be told later; this one knows already.
    """
    match read_standing(said):
        case EndedSession(session_id):
            await revocations.end_session(session_id)
        case RemovedUser(user_id):
            await revocations.remove_user(user_id)
        case UserStanding() as standing:
            await _report(standing, revocations, now)


async def _report(standing: UserStanding, revocations: Revocations, now: float) -> None:
    version = int(now * 1000) if standing.at is None else standing.at
    if standing.is_banned or standing.is_locked:
        until = None
        # A ban has no end, and whoever may be banned is not let in because a lock is over.
        if standing.is_banned is False and standing.locked_for is not None:
            until = version / 1000 + standing.locked_for
        await revocations.report_user(standing.id, is_shut_out=True, version=version, until=until)
    elif standing.is_banned is False and standing.is_locked is False:
        await revocations.report_user(standing.id, is_shut_out=False, version=version)
