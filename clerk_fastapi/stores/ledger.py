"""Who is revoked, as far as this process knows: all that a request asks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from clerk_fastapi.protocol.revocation import FOREVER, Revocation

__all__ = ["Ledger"]


class Ledger:
    """The revocations that still matter, in the memory of one process.

    A session takes about 210 bytes, for as long as tokens of it may be about.

    :param clock: tells the time in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        # By far the most are ends of sessions, of which only the expiry has to be kept. A plain
        # dict walks past all that was taken from its front before, each time.
        self._ended: OrderedDict[str, int] = OrderedDict()
        self._others: OrderedDict[str, Revocation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._ended) + len(self._others)

    def is_revoked(self, session_id: str, user_id: str) -> bool:
        """Whether the tokens of a session, or all of a user, are refused."""
        return self.has_revoked(session_id) or self.has_revoked(user_id)

    def has_revoked(self, subject: str) -> bool:
        """Whether the tokens of one session or one user are refused."""
        if subject in self._ended:
            return True
        found = self._others.get(subject)
        return found is not None and found.is_revoked and self.clock() < found.expires_at

    def add(self, revocations: Iterable[Revocation]) -> list[Revocation]:
        """Take reports, in any order; those that were news are returned."""
        now = self.clock()
        news = [each for each in revocations if each.expires_at > now and self._takes(each)]
        self._drop_expired(now)
        return news

    def live(self) -> list[Revocation]:
        """All that still matters, for others that do not know it."""
        now = self.clock()
        ended = [
            Revocation(subject, True, FOREVER, expires_at)
            for subject, expires_at in self._ended.items()
            if expires_at > now
        ]
        return ended + [each for each in self._others.values() if each.expires_at > now]

    def _takes(self, report: Revocation) -> bool:
        subject = report.subject
        if report.version >= FOREVER and report.is_revoked:
            if self._ended.get(subject, 0) >= report.expires_at:
                return False
            # Anew, so that what expires last stands at the end.
            self._ended.pop(subject, None)
            self._others.pop(subject, None)
            self._ended[subject] = report.expires_at
            return True
        known = self._others.get(subject)
        if subject in self._ended or (known is not None and not report.outdates(known)):
            return False
        self._others.pop(subject, None)
        self._others[subject] = report
        return True

    def _drop_expired(self, now: float) -> None:
        """Forget from the front on: what came first expires first, but for a few, which linger."""
        while self._ended and next(iter(self._ended.values())) <= now:
            self._ended.popitem(last=False)
        while self._others and next(iter(self._others.values())).expires_at <= now:
            self._others.popitem(last=False)
