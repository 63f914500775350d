"""What events mean for those who are signed in."""

import json
from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest

from clerk_fastapi.engine.consequences import take_consequences
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.protocol.events import EVENT_MODELS, Event, parse_event
from clerk_fastapi.protocol.revocation import Revocation
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.memory import MemoryStore
from tests.engine.clock import NOW, Clock

pytestmark = pytest.mark.anyio

MILLISECONDS = NOW * 1_000


class World:
    """The revocations of one process, and whom they refuse."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.ledger = Ledger(Clock())
        self.revocations = Revocations(
            self.store, self.ledger, self.ledger.clock, longest_token=3_600, memory=3_605
        )

    def refused(self) -> set[str]:
        """The sessions and users that are refused now."""
        return {each.subject for each in self.ledger.live() if each.is_revoked}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Nobody is refused yet."""
    world = World()
    await world.store.open("clerk.example.com", world.ledger)
    yield world
    await world.store.close()


def event(type: str, timestamp: int | None = MILLISECONDS, **data: Any) -> Event[Any]:
    """An event as Clerk sends it."""
    said = {"data": data, "object": "event", "type": type, "timestamp": timestamp}
    return parse_event(json.dumps(said).encode())


def user(at: int | None = MILLISECONDS, **said: Any) -> Event[Any]:
    """A user who was changed."""
    return event("user.updated", id="user_1", updated_at=at, **said)


@pytest.mark.parametrize("type", ["session.ended", "session.removed", "session.revoked"])
async def test_session_that_is_over_is_refused(world: World, type: str) -> None:
    """It, and not its user, who may have others."""
    await take_consequences(event(type, id="sess_1", user_id="user_1"), world.revocations)
    assert world.refused() == {"sess_1"}


async def test_user_who_was_deleted_is_refused_for_good(world: World) -> None:
    """Whatever is said about them by what comes later, or late."""
    await take_consequences(event("user.deleted", id="user_1", deleted=True), world.revocations)
    await take_consequences(user(MILLISECONDS + 1, banned=False, locked=False), world.revocations)
    assert world.refused() == {"user_1"}


@pytest.mark.parametrize("said", [{"banned": True}, {"locked": True, "banned": False}])
@pytest.mark.parametrize("type", ["user.created", "user.updated"])
async def test_user_who_is_shut_out_is_refused(
    world: World, type: str, said: dict[str, bool]
) -> None:
    """Banned or locked, or both."""
    shut_out = event(type, id="user_1", updated_at=MILLISECONDS, **said)
    await take_consequences(shut_out, world.revocations)
    assert world.refused() == {"user_1"}


async def test_user_who_is_let_in_again_is_accepted(world: World) -> None:
    """Once neither is so any more."""
    await take_consequences(user(banned=True, locked=True), world.revocations)
    later = MILLISECONDS + 1
    await take_consequences(user(later, banned=False, locked=True), world.revocations)
    assert world.refused() == {"user_1"}
    await take_consequences(user(later + 1, banned=False, locked=False), world.revocations)
    assert world.refused() == set()


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("last", [True, False])
async def test_order_of_arrival_does_not_matter(
    world: World, order: tuple[int, ...], last: bool
) -> None:
    """Clerk promises none; what was changed last is what counts."""
    changes = [
        user(MILLISECONDS + at, banned=banned, locked=False)
        for at, banned in enumerate([not last, not last, last])
    ]
    for at in order:
        await take_consequences(changes[at], world.revocations)
        await take_consequences(changes[at], world.revocations)
    assert world.refused() == ({"user_1"} if last else set())


async def test_time_of_the_event_stands_in_for_that_of_the_change(world: World) -> None:
    """Where Clerk does not say when the user was changed."""
    said = {"id": "user_1", "banned": False, "locked": False}
    await take_consequences(user(banned=True), world.revocations)
    await take_consequences(event("user.updated", MILLISECONDS - 1, **said), world.revocations)
    assert world.refused() == {"user_1"}
    await take_consequences(event("user.updated", MILLISECONDS + 1, **said), world.revocations)
    assert world.refused() == set()


@pytest.mark.parametrize("said", [{}, {"banned": False}, {"locked": False}, {"banned": None}])
async def test_what_is_not_said_changes_nothing(world: World, said: dict[str, Any]) -> None:
    """Nobody is let in again because Clerk left something out."""
    world.ledger.add([Revocation("user_1", True, MILLISECONDS, NOW + 60)])
    await take_consequences(user(MILLISECONDS + 1, **said), world.revocations)
    assert world.refused() == {"user_1"}


OVER = {"session.ended", "session.removed", "session.revoked", "user.deleted"}


@pytest.mark.parametrize("type", sorted({*EVENT_MODELS, "user.merged"} - OVER))
async def test_other_events_revoke_nobody(world: World, type: str) -> None:
    """Of an organization nothing is remembered but what tokens say for as long as they are good."""
    model = EVENT_MODELS.get(type, Event)
    told = model.model_construct(type=type, data=_Anything())
    await take_consequences(told, world.revocations)
    assert world.refused() == set()


class _Anything:
    """Data of any kind, of which nothing is known but the id."""

    def __getattr__(self, name: str) -> str | None:
        return "user_1" if name == "id" else None


async def test_store_that_is_away_is_told_of(world: World) -> None:
    """Others have to hear of it before it counts as received; this process knows already."""

    async def announce(revocations: object) -> None:
        raise StoreUnavailable

    world.store.announce = announce  # type: ignore[method-assign]  # it is away
    with pytest.raises(StoreUnavailable):
        await take_consequences(event("session.ended", id="sess_1", user_id="u"), world.revocations)
    assert world.refused() == {"sess_1"}
