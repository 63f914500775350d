"""What an engine tells of a browser without judging it."""

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.connections import HOST, bearer
from tests.engine.pages import page

pytestmark = pytest.mark.anyio


def test_browser_is_read_and_not_believed(clerk: Clerk, local: LocalClerk) -> None:
    """Its public URL and its cookies, and nobody is asked."""
    jar = {"__client_uat": "5", "__session": "junk", "__clerk_db_jwt": "dvb_1"}
    visit = clerk.visit(page("/a?b=c", jar))
    assert str(visit.url) == f"https://{HOST}/a?b=c"
    assert visit.cookies.dev_browser == "dvb_1"
    assert visit.may_be_redirected
    assert local.requests == []


async def test_tasks_are_known_once_somebody_has_asked(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """A session that was never looked at has none that anybody knows of."""
    pending = local.sign_in(session.user, status="pending", origin=f"https://{HOST}")
    for opened, tasks in ((pending, True), (session, False)):
        connection = bearer(local.token(opened))
        assert clerk.has_tasks(connection) is False
        await clerk.authenticate(connection)
        assert clerk.has_tasks(connection) is tasks
    guest = page()
    await clerk.authenticate(guest)
    assert clerk.has_tasks(guest) is False
