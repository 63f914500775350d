"""Two workers of one application, and what each of them gets to know."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from clerk_fastapi.protocol.revocation import FOREVER, Revocation
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import Store

__all__ = ["Heard", "Worker", "ended", "until"]

PATIENCE = 60  # seconds after which a test has failed


def ended(subject: str, expires_at: int) -> Revocation:
    """The end of a session."""
    return Revocation(subject, True, FOREVER, expires_at)


async def until(is_so: Callable[[], bool]) -> None:
    """Let everybody else work until something is so."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110  # nobody sets an event when Redis is lost
            await asyncio.sleep(0)


class Heard(Ledger):
    """A ledger that tells when it was told something."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self.told = asyncio.Event()

    def add(self, revocations: Iterable[Revocation]) -> list[Revocation]:
        """Take reports, and say so."""
        news = super().add(revocations)
        if news:
            self.told.set()
        return news


@dataclass
class Worker:
    """One process's view of a store."""

    store: Store
    ledger: Heard = field(repr=False)

    async def revoke(self, *revocations: Revocation) -> None:
        """Know it, then tell all others."""
        self.ledger.add(revocations)
        await self.store.announce(revocations)

    async def hears_of(self, subject: str) -> None:
        """Wait until this worker refuses somebody."""
        async with asyncio.timeout(PATIENCE):
            while not self.ledger.has_revoked(subject):
                self.ledger.told.clear()
                await self.ledger.told.wait()
