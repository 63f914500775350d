"""The admin area, and the page for those who may not see it; a policy decides who gets where."""

from datetime import UTC, datetime

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from example_app.guards import SignedIn, Visitor
from example_app.items import list_items
from example_app.markup import Html, fill
from example_app.organization import read_settings
from example_app.owner import Owner
from example_app.page import described
from example_app.services import DatabaseDep, PagesDep

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_ROW = "<tr><td>{{id}}</td><td>{{title}}</td><td>{{by}}</td><td>{{at}}</td></tr>"


@router.get("/admin")
def overview(auth: SignedIn, database: DatabaseDep, pages: PagesDep) -> HTMLResponse:
    """The organization; by now a policy has made sure that an admin is asking."""
    settings = read_settings(auth, database)
    return pages.page(
        "admin",
        "Admin area",
        visitor=described(auth),
        display_name=settings.display_name,
        organization_id=settings.organization_id,
        about=settings.about or "nothing yet",
        updated_by=settings.updated_by or "nobody yet",
    )


@router.get("/admin/items")
def newest_items(auth: SignedIn, database: DatabaseDep, pages: PagesDep) -> HTMLResponse:
    """What members have written, as text."""
    rows = [
        fill(_ROW, id=str(item.id), title=item.title, by=item.created_by, at=_utc(item.created_at))
        for item in list_items(Owner.of(auth), database)
    ]
    shown = Html("".join(rows) or '<tr><td colspan="4">There are none.</td></tr>')
    return pages.page("admin-items", "Items", organization=auth.org_slug or "", rows=shown)


@router.get("/unauthorized")
async def unauthorized(auth: Visitor, pages: PagesDep) -> HTMLResponse:
    """Where the middleware sends those who are signed in and may not see a page."""
    return pages.page("unauthorized", "Not allowed", 403, visitor=described(auth))


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
