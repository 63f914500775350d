"""Settings of the active organization: members see them, admins decide them."""

from fastapi import APIRouter
from sqlalchemy.exc import IntegrityError

from example_app.database import Database
from example_app.guards import Admin, Member
from example_app.models import OrganizationSettings, SettingsIn, SettingsOut
from example_app.services import DatabaseDep, NowDep

router = APIRouter(prefix="/settings", tags=["organization"])


@router.get("")
def read_settings(auth: Member, database: DatabaseDep) -> SettingsOut:
    """The organization's settings; until an admin decides, they are named after its slug."""
    with database.reading() as session:
        row = session.get(OrganizationSettings, auth.org_id)
        if row is not None:
            return SettingsOut.model_validate(row)
    return SettingsOut(
        organization_id=str(auth.org_id),
        display_name=auth.org_slug or str(auth.org_id),
        about="",
        updated_by=None,
        updated_at=None,
    )


@router.put("")
def write_settings(
    wanted: SettingsIn, auth: Admin, database: DatabaseDep, now: NowDep
) -> SettingsOut:
    """Replace the organization's settings, or make them."""
    decided = SettingsOut(
        organization_id=str(auth.org_id),
        **wanted.model_dump(),
        updated_by=auth.user_id,
        updated_at=now,
    )
    try:
        _save(database, decided)
    except IntegrityError:  # another admin made the row a moment ago: now there is one to replace
        _save(database, decided)
    return decided


def _save(database: Database, decided: SettingsOut) -> None:
    with database.writing() as session:
        session.merge(OrganizationSettings(**decided.model_dump()))
