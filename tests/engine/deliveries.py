"""Workers that get deliveries, handlers that do as told, and a store that goes away at times."""

import asyncio
from collections.abc import Awaitable, Callable

from clerk_fastapi.engine.deliveries import Deliveries, Handlers, Pace
from clerk_fastapi.errors import ClerkError, StoreUnavailable
from clerk_fastapi.protocol.webhooks import Delivery
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.store import Claim, Store

__all__ = ["DELIVERY", "Diary", "FickleStore", "outcome", "worker"]

DELIVERY = Delivery("msg_1", 1_700_000_000, "/webhooks", b"{}")
# It looks again at once, for as long as any test needs.
PATIENT = Pace(pauses=(*(0,) * 10_000, 3_600), ask_again=0)


class FickleStore(MemoryStore):
    """A store that is away for some questions, and knows which ones it was asked.

    While ``there`` is not set it hangs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()
        self.asked: list[str] = []
        self.there = asyncio.Event()
        self.there.set()
        self.news = asyncio.Condition()

    async def claim(self, delivery: str, owner: str, *, lease: float) -> Claim:
        await self._ask("claim")
        return await super().claim(delivery, owner, lease=lease)

    async def finish(self, delivery: str, handler: str, *, remember: float) -> None:
        await self._ask("finish")
        await super().finish(delivery, handler, remember=remember)

    async def settle(self, delivery: str, owner: str, *, done: bool, remember: float) -> None:
        await self._ask("settle")
        await super().settle(delivery, owner, done=done, remember=remember)

    async def was_asked(self, question: str, times: int) -> None:
        """Wait until it was asked so often."""
        async with asyncio.timeout(60), self.news:
            await self.news.wait_for(lambda: self.asked.count(question) >= times)

    async def _ask(self, question: str) -> None:
        async with self.news:
            self.asked.append(question)
            self.news.notify_all()
        await self.there.wait()
        if question in self.away:
            raise StoreUnavailable


class Diary:
    """What handlers did, in order; each can be made to fail, or to wait for leave."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failing: set[str] = set()
        self.begun = asyncio.Event()
        self.leave = asyncio.Event()

    def handlers(self, *names: str) -> Handlers:
        """Handlers that do as they are told; one called ``slow`` waits for leave."""
        return {name: self._handler(name) for name in names}

    def _handler(self, name: str) -> Callable[[], Awaitable[object]]:
        async def handle() -> None:
            self.ran.append(name)
            if name == "slow":
                self.begun.set()
                await self.leave.wait()
            if name in self.failing:
                raise ValueError("as told")

        return handle


def worker(store: Store, pace: Pace = PATIENT) -> Deliveries:
    """One process of an application."""
    deliveries = Deliveries(store)
    deliveries.pace = pace
    return deliveries


async def outcome(deliveries: Deliveries, handlers: Handlers, delivery: Delivery = DELIVERY) -> str:
    """How a delivery is answered: ``done``, or the code of the error."""
    try:
        await deliveries.handle(delivery, handlers)
    except ClerkError as error:
        return error.code
    return "done"
