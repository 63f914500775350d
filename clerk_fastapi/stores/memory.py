"""A store for applications that run in one process; what it knows is gone when the process ends."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import Claim, Hit, Store
from clerk_fastapi.stores.windows import MemoryWindows

__all__ = ["MemoryStore"]


_SPARE = 1_000  # leases that may linger before those that are over are swept out


class _Lease(NamedTuple):
    owner: str
    until: float


class _Handled(NamedTuple):
    """The handlers that are through with a delivery; ``done`` stands for all of them."""

    handlers: frozenset[str]
    done: bool
    until: float


class MemoryStore(Store):
    """What one process remembers: ``Clerk(store=MemoryStore())``, for a single worker."""

    def __init__(self) -> None:
        self._ledger: Ledger | None = None
        self._leases: dict[str, _Lease] = {}
        self._sweep_at = _SPARE
        self._handled: OrderedDict[str, _Handled] = OrderedDict()
        self._windows = MemoryWindows(self._now)

    async def open(self, namespace: str, ledger: Ledger) -> None:
        self._ledger = ledger

    async def close(self) -> None:
        self._ledger = None

    @property
    def is_behind(self) -> bool:
        return False

    async def announce(self, revocations: Sequence[Revocation]) -> None:
        """There is nobody else who has to be told."""

    async def claim(self, delivery: str, owner: str, *, lease: float) -> Claim:
        now = self._now()
        handled, held = self._handled.get(delivery), self._leases.get(delivery)
        if handled is not None and handled.until <= now:
            handled = None
        if handled is not None and handled.done:
            return Claim("done")
        if held is not None and held.until > now and held.owner != owner:
            return Claim("busy")
        self._leases[delivery] = _Lease(owner, now + lease)
        if len(self._leases) > self._sweep_at:
            self._leases = {name: each for name, each in self._leases.items() if each.until > now}
            self._sweep_at = 2 * len(self._leases) + _SPARE
        return Claim("taken", frozenset() if handled is None else handled.handlers)

    async def finish(self, delivery: str, handler: str, *, remember: float) -> None:
        known = self._handled.get(delivery)
        before, done = (frozenset(), False) if known is None else (known.handlers, known.done)
        self._note(delivery, _Handled(before | {handler}, done, self._now() + remember))

    async def settle(self, delivery: str, owner: str, *, done: bool, remember: float) -> None:
        if done:
            self._note(delivery, _Handled(frozenset(), True, self._now() + remember))
        held = self._leases.get(delivery)
        if held is not None and (done or held.owner == owner):
            del self._leases[delivery]

    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        return await self._windows.hit(key, limit=limit, seconds=seconds)

    def _note(self, delivery: str, handled: _Handled) -> None:
        self._handled.pop(delivery, None)  # anew, so that what expires last stands at the end
        self._handled[delivery] = handled
        now = self._now()
        while next(iter(self._handled.values())).until <= now:
            self._handled.popitem(last=False)

    def _now(self) -> float:
        if self._ledger is None:
            raise StoreUnavailable
        return self._ledger.clock()
