"""What the workers of one application remember together: revocations, deliveries, counts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple, TypeAlias

from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.ledger import Ledger

__all__ = ["Claim", "Hit", "OnOutage", "Store"]

OnOutage: TypeAlias = Literal["refuse", "continue"]
"""What becomes of requests while a store is away: 503, or judged by what this process knows."""


class Claim(NamedTuple):
    """What became of an attempt to take a delivery in hand.

    ``status`` is ``taken`` for whoever may handle it now, ``busy`` while somebody else does, and
    ``done`` if it has been handled. ``finished`` names the handlers that need not run again.
    """

    status: Literal["taken", "busy", "done"]
    finished: frozenset[str] = frozenset()


class Hit(NamedTuple):
    """A request held against a rate limit.

    ``is_allowed`` tells whether it was within the limit, ``remaining`` how many more are at the
    moment, and ``reset_after`` in how many seconds the next one is allowed, or the oldest of those
    that count no longer does.
    """

    is_allowed: bool
    remaining: int
    reset_after: float


class Store(ABC):
    """Where the workers of one application meet; one belongs to one ``Clerk``."""

    on_outage: OnOutage = "refuse"
    is_shared: ClassVar[bool] = False
    """Whether other processes can take part."""

    @abstractmethod
    async def open(self, namespace: str, ledger: Ledger) -> None:
        """Take part, under a name that tells one Clerk instance from others.

        Whatever is announced anywhere comes into ``ledger`` from here on, without being asked for.
        """

    @abstractmethod
    async def close(self) -> None:
        """Take part no longer."""

    @property
    @abstractmethod
    def is_behind(self) -> bool:
        """Whether revocations may have been announced that the ledger has not been told of."""

    @abstractmethod
    async def announce(self, revocations: Sequence[Revocation]) -> None:
        """Tell all workers, and keep it for those to come; the ledger has it already.

        :raises StoreUnavailable: if that has to wait; they are told as soon as they can be.
        """

    @abstractmethod
    async def claim(self, delivery: str, owner: str, *, lease: float) -> Claim:
        """Take a delivery in hand for ``lease`` seconds, unless somebody else has it.

        Whoever has it may claim it again, which makes the lease last longer. When it is over they
        may, too, and of a store that can have been away meanwhile others get it a moment later: a
        sixth of a lease after the first of them has asked.

        :raises StoreUnavailable: if nobody can know who has it.
        """

    @abstractmethod
    async def finish(self, delivery: str, handler: str, *, remember: float) -> None:
        """Note that one handler is through with a delivery, for ``remember`` seconds.

        :raises StoreUnavailable: if that cannot be noted.
        """

    @abstractmethod
    async def settle(self, delivery: str, owner: str, *, done: bool, remember: float) -> None:
        """Put a delivery out of hand: handled, for ``remember`` seconds, or to be claimed anew.

        :raises StoreUnavailable: if that cannot be noted.
        """

    @abstractmethod
    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        """Count a request of ``key`` if fewer than ``limit`` were within the last ``seconds``.

        :raises StoreUnavailable: if the others' counts cannot be had.
        """
