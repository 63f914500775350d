"""What is kept of a request is kept for one engine."""

import gc

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import LocalClerk
from tests.engine.connections import bearer, code_of

pytestmark = pytest.mark.anyio


async def test_verdict_of_a_clerk_that_is_gone_is_nobody_elses(local: LocalClerk) -> None:
    """A new object may get the address of one that was thrown away, but not its verdicts."""
    other = LocalClerk()
    ada = local.sign_in(local.add_user("ada-kept@example.com"))
    for _ in range(20):
        connection = bearer(local.token(ada))
        assert (await Clerk(**local.settings()).authenticate(connection)).status == "signed-in"
        gc.collect()
        state = await Clerk(**other.settings()).authenticate(connection)
        assert code_of(state) == "jwk-kid-mismatch"


async def test_request_asked_again_too_late_is_told_the_right_why(local: LocalClerk) -> None:
    """A GET that waited is still a GET."""
    moment = 1_800_000_000.0
    timed = LocalClerk(clock=lambda: moment)
    connection = bearer(timed.token(timed.sign_in(timed.add_user("ada@example.com"))))
    connection.scope["method"] = "GET"
    clerk = Clerk(**timed.settings())
    assert (await clerk.authenticate(connection)).status == "signed-in"
    moment += 120
    state = await clerk.authenticate(connection)
    assert state.reason == "session-token-expired-refresh-non-eligible-no-refresh-cookie"
