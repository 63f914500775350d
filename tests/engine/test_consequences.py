"""What events mean for those who are signed in."""

from collections.abc import AsyncIterator
from itertools import permutations
from typing import Any

import pytest

from clerk_fastapi.engine.consequences import take_consequences
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.errors import SessionEnded, StoreUnavailable, WebhookBodyInvalid
from clerk_fastapi.protocol.events import EVENT_MODELS
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
        self.clock = Clock()
        self.ledger = Ledger(self.clock)
        self.revocations = Revocations(
            self.store,
            self.ledger,
            self.ledger.clock,
            longest_token=3_600,
            memory=3_605,
            memory_of_users=86_400,
        )

    async def take(self, said: dict[str, Any]) -> None:
        """Hear of an event."""
        await take_consequences(said, self.revocations, self.clock())

    def refused(self) -> set[str]:
        """The sessions and users that are refused now."""
        return {each.subject for each in self.ledger.live() if each.is_revoked}

    def lets_in(self, user_id: str) -> bool:
        """Whether the tokens of a user are believed now."""
        try:
            self.revocations.check_subjects(user_id)
        except SessionEnded:
            return False
        return True


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Nobody is refused yet."""
    world = World()
    await world.store.open("clerk.example.com", world.ledger)
    yield world
    await world.store.close()


def event(type: str, timestamp: object = MILLISECONDS, **data: Any) -> dict[str, Any]:
    """An event as Clerk sends it."""
    return {"data": data, "object": "event", "type": type, "timestamp": timestamp}


def user(at: object = MILLISECONDS, **said: Any) -> dict[str, Any]:
    """A user who was changed."""
    return event("user.updated", at, **{"id": "user_1", **said})


@pytest.mark.parametrize("type", ["session.ended", "session.removed", "session.revoked"])
async def test_session_that_is_over_is_refused(world: World, type: str) -> None:
    """It, and not its user, who may have others."""
    await world.take(event(type, id="sess_1", user_id="user_1"))
    assert world.refused() == {"sess_1"}


async def test_user_who_was_deleted_is_refused_for_good(world: World) -> None:
    """Whatever is said about them by what comes later, or late."""
    await world.take(event("user.deleted", id="user_1", deleted=True))
    await world.take(user(MILLISECONDS + 1, banned=False, locked=False))
    assert world.refused() == {"user_1"}


@pytest.mark.parametrize("said", [{"banned": True}, {"locked": True, "banned": False}])
@pytest.mark.parametrize("type", ["user.created", "user.updated"])
async def test_user_who_is_shut_out_is_refused(
    world: World, type: str, said: dict[str, bool]
) -> None:
    """Banned or locked, or both."""
    shut_out = event(type, id="user_1", updated_at=MILLISECONDS, **said)
    await world.take(shut_out)
    assert world.refused() == {"user_1"}


async def test_user_who_is_let_in_again_is_accepted(world: World) -> None:
    """Once neither is so any more."""
    await world.take(user(banned=True, locked=True))
    later = MILLISECONDS + 1
    await world.take(user(later, banned=False, locked=True))
    assert world.refused() == {"user_1"}
    await world.take(user(later + 1, banned=False, locked=False))
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
        await world.take(changes[at])
        await world.take(changes[at])
    assert world.refused() == ({"user_1"} if last else set())


async def test_date_of_the_event_counts(world: World) -> None:
    """It is when the change was made, and not every change moves the date of the user."""
    stale = MILLISECONDS - 100_000_000
    await world.take(user(banned=True, updated_at=stale))
    assert not world.lets_in("user_1")
    await world.take(user(MILLISECONDS - 1, banned=False, locked=False, updated_at=MILLISECONDS))
    assert not world.lets_in("user_1")
    await world.take(user(MILLISECONDS + 1, banned=False, locked=False, updated_at=stale))
    assert world.lets_in("user_1")


@pytest.mark.parametrize("undated", [None, "1800000000000", -1, 10**400, True, [1]])
async def test_date_of_the_user_stands_in_for_it(world: World, undated: object) -> None:
    """Where the event has none that could be read; where neither has, it is now."""
    await world.take(user(undated, banned=True, updated_at=MILLISECONDS - 5))
    await world.take(user(undated, banned=False, locked=False, updated_at=MILLISECONDS - 6))
    assert not world.lets_in("user_1")
    await world.take(user(MILLISECONDS - 4, banned=False, locked=False))
    assert world.lets_in("user_1")
    await world.take(user(MILLISECONDS - 3, banned=True))
    world.clock.now += 1
    await world.take(user(undated, banned=False, locked=False, updated_at=undated))
    assert world.lets_in("user_1")


async def test_lock_ends_by_itself(world: World) -> None:
    """As long after the event as Clerk said, though no event tells that it is over."""
    lock = user(banned=False, locked=True, lockout_expires_in_seconds=60)
    world.clock.now += 30
    await world.take(lock)
    world.clock.now += 29
    assert not world.lets_in("user_1")
    world.clock.now += 1
    assert world.lets_in("user_1")
    await world.take(lock)
    assert world.lets_in("user_1")


@pytest.mark.parametrize(
    "said",
    [
        {"banned": True, "locked": True, "lockout_expires_in_seconds": 60},
        {"banned": None, "locked": True, "lockout_expires_in_seconds": 60},
        {"banned": False, "locked": True},
        {"banned": False, "locked": True, "lockout_expires_in_seconds": None},
        {"banned": False, "locked": True, "lockout_expires_in_seconds": "60"},
        {"banned": False, "locked": True, "lockout_expires_in_seconds": 10**400},
        {"banned": True, "locked": False, "lockout_expires_in_seconds": -1.5},
    ],
)
async def test_what_has_no_end_does_not_end_by_itself(world: World, said: dict[str, Any]) -> None:
    """A ban, or a lock without one."""
    await world.take(user(**said))
    world.clock.now += 3_600
    assert not world.lets_in("user_1")


@pytest.mark.parametrize(
    "odd",
    [
        {"first_name": 1, "email_addresses": "none", "unsafe_metadata": []},
        {"lockout_expires_in_seconds": 12.5, "last_sign_in_at": -1, "updated_at": 1.5},
        {"email_addresses": [{"email_address": None}], "external_accounts": [None]},
    ],
)
async def test_what_decides_nothing_may_be_odd(world: World, odd: dict[str, Any]) -> None:
    """Who is banned is shut out, whatever else Clerk or the user wrote there."""
    await world.take(
        user(MILLISECONDS + 0.5, banned=True, **odd) | {"object": None, "instance_id": 1}
    )
    assert not world.lets_in("user_1")


@pytest.mark.parametrize(
    "said",
    [
        *(user(id=id, banned=True) for id in (None, 1, "", "user 1", "user_\ud800", "x" * 257)),
        user(banned="true"),
        user(banned=1),
        user(locked="false", banned=True),
        {"type": "user.created", "data": {"banned": True}},
        {"type": "user.updated"},
        {"type": "user.deleted", "data": None},
        {"type": "user.deleted", "data": {"id": 1}},
        {"type": "session.revoked", "data": {"id": ["sess_1"]}},
    ],
)
async def test_what_decides_is_not_guessed(world: World, said: dict[str, Any]) -> None:
    """It is refused, with the place and without what stands there."""
    with pytest.raises(WebhookBodyInvalid, match=r"wrong type: data(\.id|\.banned|\.locked)?\.$"):
        await world.take(said)
    assert world.refused() == set()


@pytest.mark.parametrize("said", [{}, {"banned": False}, {"locked": False}, {"banned": None}])
async def test_what_is_not_said_changes_nothing(world: World, said: dict[str, Any]) -> None:
    """Nobody is let in again because Clerk left something out."""
    world.ledger.add([Revocation("user_1", True, MILLISECONDS, NOW + 60)])
    await world.take(user(MILLISECONDS + 1, **said))
    assert world.refused() == {"user_1"}


OVER = {"session.ended", "session.removed", "session.revoked", "user.deleted"}


@pytest.mark.parametrize("type", sorted({*EVENT_MODELS, "user.merged"} - OVER))
async def test_other_events_revoke_nobody(world: World, type: str) -> None:
    """Of an organization nothing is remembered but what tokens say for as long as they are good."""
    await world.take(event(type, id="user_1", user_id="user_1"))
    assert world.refused() == set()


async def test_store_that_is_away_is_told_of(world: World) -> None:
    """Others have to hear of it before it counts as received; this process knows already."""

    async def announce(revocations: object) -> None:
        raise StoreUnavailable

    world.store.announce = announce  # type: ignore[method-assign]  # it is away
    with pytest.raises(StoreUnavailable):
        await world.take(event("session.ended", id="sess_1", user_id="u"))
    assert world.refused() == {"sess_1"}
