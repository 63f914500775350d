"""Who is revoked, as far as this process knows: all that a request asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from clerk_fastapi.protocol.revocation import FOREVER, Revocation

__all__ = ["Ledger"]

_SPARE: Final = 1_000


class Ledger:
    """The revocations that still matter, in the memory of one process.

    A session takes about 160 bytes. What has expired is swept out from time to time, so that there
    are never more than twice as many as matter, and a thousand.

    :param clock: tells the time in seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        # By far the most are ends of sessions, of which only the expiry has to be kept.
        self._ended: dict[str, int] = {}
        self._others: dict[str, Revocation] = {}
        self._sweep_at = _SPARE

    def __len__(self) -> int:
        return len(self._ended) + len(self._others)

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
        if len(self) > self._sweep_at:
            self._sweep(now)
        return news

    def lacking(self, revocations: Iterable[Revocation]) -> list[Revocation]:
        """Those that would be news."""
        now = self.clock()
        return [each for each in revocations if each.expires_at > now and self._is_news(each)]

    def live(self) -> Iterator[Revocation]:
        """All that still matters, for others that do not know it; it may be added to meanwhile."""
        self._sweep(self.clock())
        for subject in [*self._ended, *self._others]:
            if subject in self._ended:
                yield Revocation(subject, True, FOREVER, self._ended[subject])
            elif subject in self._others:
                yield self._others[subject]

    def _takes(self, report: Revocation) -> bool:
        if not self._is_news(report):
            return False
        subject = report.subject
        if _is_the_end(report):
            self._others.pop(subject, None)
            self._ended[subject] = report.expires_at
        else:
            self._others[subject] = report
        return True

    def _is_news(self, report: Revocation) -> bool:
        subject = report.subject
        if _is_the_end(report):
            return self._ended.get(subject, 0) < report.expires_at
        known = self._others.get(subject)
        return subject not in self._ended and (known is None or report.outdates(known))

    def _sweep(self, now: float) -> None:
        self._ended = {subject: end for subject, end in self._ended.items() if end > now}
        self._others = {
            subject: report for subject, report in self._others.items() if report.expires_at > now
        }
        self._sweep_at = 2 * len(self) + _SPARE


def _is_the_end(report: Revocation) -> bool:
    return report.version >= FOREVER and report.is_revoked
