"""What Clerk tells by webhooks: sessions that ended are noted, and who is deleted is forgotten."""

from collections.abc import Iterable, Sequence

from fastapi import Request
from sqlalchemy import delete, select

from clerk_fastapi import Webhooks
from clerk_fastapi.protocol.events import SessionEvent, UserDeletedEvent
from example_app.database import Database
from example_app.models import EndedSession, Item

PATH = "/webhooks"
"""Where Clerk delivers to."""

EVENTS = (
    "session.ended",
    "session.removed",
    "session.revoked",
    "user.deleted",
    "user.updated",
)
"""What the endpoint has to hear of; ``user.updated`` tells the package who is banned or locked."""


def webhooks_router(secret: str | Iterable[str] | None = None) -> Webhooks:
    """Receive events signed with a secret, by default the one of the environment."""
    webhooks = Webhooks(secret=secret, path=PATH)

    # An event can come twice, so that what is done about it has to bear being done again.
    @webhooks.on("session.ended", "session.removed", "session.revoked")
    def note(event: SessionEvent, request: Request) -> None:
        ended = EndedSession(
            session_id=event.data.id,
            user_id=event.data.user_id,
            how=event.type.removeprefix("session."),
            at=(event.timestamp or 0) // 1000,
        )
        with _database(request).writing() as session:
            session.merge(ended)

    @webhooks.on("user.deleted")
    def forget(event: UserDeletedEvent, request: Request) -> None:
        user_id = event.data.id
        of_user = (Item.owner_kind == "user") & (Item.owner_id == user_id)
        with _database(request).writing() as session:
            session.execute(delete(Item).where(of_user))
            session.execute(delete(EndedSession).where(EndedSession.user_id == user_id))

    return webhooks


def lately_ended(database: Database, user_id: str) -> Sequence[EndedSession]:
    """The last sessions of a user of which Clerk has told that they ended, newest first."""
    query = (
        select(EndedSession)
        .where(EndedSession.user_id == user_id)
        .order_by(EndedSession.at.desc(), EndedSession.session_id)
        .limit(10)
    )
    with database.reading() as session:
        found = session.scalars(query).all()
        session.expunge_all()
    return found


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database
