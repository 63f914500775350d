"""What type checkers see of webhooks and their handlers; read by mypy and pyright."""

from collections.abc import Awaitable
from typing import Any, assert_type

from fastapi import FastAPI, Request

from clerk_fastapi import Clerk
from clerk_fastapi.protocol.events import (
    Deleted,
    Event,
    MembershipEvent,
    SessionEvent,
    SubscriptionItemEvent,
    UserDeletedEvent,
    UserEvent,
)
from clerk_fastapi.web.webhooks import Webhooks

clerk = Clerk()
app = FastAPI(lifespan=clerk.lifespan)
webhooks = Webhooks()
app.include_router(webhooks)
app.include_router(Webhooks(clerk, secret=["whsec_...", "whsec_..."], path="/clerk"))


@webhooks.on("user.created", "user.updated")
async def save(event: UserEvent) -> None:
    """One family, several types."""
    assert_type(event.data.banned, bool | None)


@webhooks.on("user.deleted")
def remove(event: UserDeletedEvent, request: Request) -> None:
    """A plain function, which looks at the request, too."""
    assert_type(event.data, Deleted)


@webhooks.on("session.revoked")
async def sign_out(event: SessionEvent, *, request: Request) -> int:
    """By its name."""
    assert_type(event.data.user_id, str)
    return 1


@webhooks.on("organizationMembership.created")
def join(event: MembershipEvent) -> Awaitable[int]:
    """What another one returns is passed on."""
    return sign_out(SessionEvent.model_validate({}), request=Request({}))


@webhooks.on("subscriptionItem.pastDue")
async def remind(event: SubscriptionItemEvent) -> None:
    """Billing."""
    assert_type(event.data.id, str)


@webhooks.on("*")
async def every(event: Event[Any]) -> None:
    """All of them."""
    assert_type(event.type, str)


@webhooks.on("user.created", "user.deleted")
async def sync(event: UserEvent | UserDeletedEvent) -> None:
    """Several families, told apart by their types."""
    if isinstance(event, UserDeletedEvent):
        assert_type(event.data, Deleted)


@webhooks.on("user.created")
@webhooks.on("user.merged")
async def wide(event: Event[Any]) -> None:
    """Whoever takes any event takes these, and those that nobody knows yet."""


@webhooks.on("session.ended")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def confused(event: UserEvent) -> None:
    """A session is no user."""
