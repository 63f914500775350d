"""Holding somebody who was believed against what is demanded."""

from __future__ import annotations

from typing import Protocol

from clerk_fastapi.errors import AccessDenied, ReverificationRequired, SessionTooOld
from clerk_fastapi.protocol.authorization import Fresh, Requirement, Reverified

__all__ = ["Judged", "enforce"]


class Judged(Protocol):
    """Whoever can say what is missing: every auth object."""

    def missing(self, requirement: Requirement, now: float) -> Requirement | None:
        """Say which part of a requirement is not met at ``now``, in seconds since the epoch."""
        ...


def enforce(requirement: Requirement, auth: Judged, now: float) -> None:
    """Do nothing if a requirement is met at ``now``, in seconds since the epoch.

    :raises SessionTooOld: 401, if the session is older than ``Fresh`` allows.
    :raises ReverificationRequired: 403, if the user has to prove once more who they are.
    :raises AccessDenied: 403, with the part that is missing.
    """
    unmet = auth.missing(requirement, now)
    if unmet is None:
        return
    if isinstance(unmet, Fresh):
        raise SessionTooOld
    if isinstance(unmet, Reverified):
        raise ReverificationRequired(unmet)
    raise AccessDenied(unmet)
