"""Revocations: sessions and users that are no longer believed, and which of two reports counts."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["FOREVER", "Revocation"]

FOREVER: Final = 2**53 - 1
"""The version of what cannot be undone, such as the end of a session; no date is later."""


class Revocation(NamedTuple):
    """That a session or user is refused, or accepted again, from now on.

    :param subject: the id of a session (``sid``) or of a user (``sub``).
    :param is_revoked: whether tokens of it are refused.
    :param version: milliseconds since the epoch at which it became so; of two reports about one
        subject the later counts, in whichever order they arrive.
    :param expires_at: whole seconds since the epoch from which on no token needs it any more.
    """

    subject: str
    is_revoked: bool
    version: int
    expires_at: int

    def outdates(self, other: Revocation) -> bool:
        """Whether this report counts instead of another about the same subject."""
        return self._rank() > other._rank()

    def _rank(self) -> tuple[int, bool, int]:
        # Of two of one date the refusal counts; and remembering longer does no harm.
        return self.version, self.is_revoked, self.expires_at
