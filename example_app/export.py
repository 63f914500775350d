"""Items for programs: an API key takes the place of a session."""

from fastapi import APIRouter
from sqlalchemy import select

from example_app.guards import KeyOwner
from example_app.models import Item, ItemOut
from example_app.services import DatabaseDep

router = APIRouter(tags=["programs"])


@router.get("/export")
def export_items(owner: KeyOwner, database: DatabaseDep) -> list[ItemOut]:
    """Every item of the user or organization whose API key this is, oldest first."""
    query = (
        select(Item)
        .where(Item.owner_kind == owner.kind, Item.owner_id == owner.id)
        .order_by(Item.id)
    )
    with database.reading() as session:
        return [ItemOut.model_validate(item) for item in session.scalars(query)]
