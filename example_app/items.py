"""Notes: each belongs to one owner, and no other owner ever learns of it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, status
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.exc import IntegrityError

from example_app.database import Database
from example_app.guards import Deleter, Purger, Reader, SignedIn, Writer
from example_app.models import Item, ItemIn, ItemOut, Purged
from example_app.owner import Owner
from example_app.problems import problem
from example_app.services import DatabaseDep, HubDep, NowDep

router = APIRouter(prefix="/items", tags=["items"])

ItemId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Batch = Annotated[list[ItemIn], Body(min_length=1, max_length=100)]


@router.get("")
def list_items(
    owner: Reader,
    database: DatabaseDep,
    before: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> list[ItemOut]:
    """The newest items first; ``before`` the last id of one page begins the next."""
    query = select(Item).where(_belongs_to(owner)).order_by(Item.id.desc()).limit(limit)
    if before is not None:
        query = query.where(Item.id < before)
    with database.reading() as session:
        return [ItemOut.model_validate(item) for item in session.scalars(query)]


@router.post("", status_code=status.HTTP_201_CREATED)
def create_item(
    item: ItemIn, owner: Writer, auth: SignedIn, database: DatabaseDep, hub: HubDep, now: NowDep
) -> ItemOut:
    """Make one item."""
    (created,) = _create(database, owner, [item], by=auth.user_id, at=now)
    hub.announce(owner, {"type": "item.created", "item": created.model_dump()})
    return created


@router.post("/batch", status_code=status.HTTP_201_CREATED)
def create_items(
    items: Batch, owner: Writer, auth: SignedIn, database: DatabaseDep, hub: HubDep, now: NowDep
) -> list[ItemOut]:
    """Make all of these items, or none of them."""
    created = _create(database, owner, items, by=auth.user_id, at=now)
    for item in created:
        hub.announce(owner, {"type": "item.created", "item": item.model_dump()})
    return created


@router.delete("/{item_id}", status_code=status.HTTP_204_NO_CONTENT)
def delete_item(item_id: ItemId, owner: Deleter, database: DatabaseDep, hub: HubDep) -> None:
    """Delete one item. Another owner's item is not found, like one that never was."""
    with database.writing() as session:
        found = session.scalar(
            delete(Item).where(_belongs_to(owner), Item.id == item_id).returning(Item.id)
        )
    if found is None:
        raise problem(status.HTTP_404_NOT_FOUND, "item-not-found", "There is no such item.")
    hub.announce(owner, {"type": "item.deleted", "id": item_id})


@router.delete("")
def purge_items(owner: Purger, database: DatabaseDep, hub: HubDep) -> Purged:
    """Delete every item of the owner: for someone who has proved just now who they are."""
    with database.writing() as session:
        ids = session.scalars(delete(Item).where(_belongs_to(owner)).returning(Item.id)).all()
    hub.announce(owner, {"type": "items.purged"})
    return Purged(deleted=len(ids))


def _belongs_to(owner: Owner) -> ColumnElement[bool]:
    """The condition that every statement on items carries."""
    return (Item.owner_kind == owner.kind) & (Item.owner_id == owner.id)


def _create(
    database: Database, owner: Owner, items: Sequence[ItemIn], *, by: str, at: int
) -> list[ItemOut]:
    rows = [
        Item(
            owner_kind=owner.kind,
            owner_id=owner.id,
            title=item.title,
            body=item.body,
            created_by=by,
            created_at=at,
        )
        for item in items
    ]
    try:
        with database.writing() as session:
            session.add_all(rows)
            session.flush()
            return [ItemOut.model_validate(row) for row in rows]
    except IntegrityError as error:
        message = "An item of this title exists; nothing was saved."
        raise problem(status.HTTP_409_CONFLICT, "title-taken", message) from error
