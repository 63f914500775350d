"""Flaws of authorization: conditions that were dropped, and roles that were taken for others."""

from collections.abc import Mapping
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

from clerk_fastapi import Auth, Clerk, Permission, Requirement, Reverified, Role, require
from clerk_fastapi.testing import ABSENT, LocalClerk, Session
from tests.flaws.application import ORIGIN, bearer
from tests.web.serving import statuses

pytestmark = pytest.mark.anyio

READS = Permission("org:data:read")
UNDECIDABLE = [ABSENT, None, [], [0], [0, 0, 0], [-1, -1], [-5, 0]]


async def status(
    local: LocalClerk, session: Session, demand: Requirement, claims: Mapping[str, object]
) -> int:
    """What a session with changed claims is answered where something is demanded."""
    clerk: Clerk[Any] = Clerk(**local.settings())
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/")
    async def guarded(auth: Annotated[Auth, Depends(require(demand))]) -> str:
        return auth.user_id

    (answer,) = await statuses(app, f"{ORIGIN}/", bearer(local.token(session, claims=claims)))
    return answer


@pytest.mark.parametrize("ages", UNDECIDABLE, ids=repr)
async def test_condition_that_cannot_be_decided_was_dropped(
    live: LocalClerk, ada: Session, ages: object
) -> None:
    """Row 10: the permission is there, the time of verification is not, and both were asked for."""
    claims = {"fva": ages}
    assert await status(live, ada, READS, claims) == 200
    assert await status(live, ada, READS & Reverified("lax"), claims) == 403
    assert await status(live, ada, Reverified("lax") & READS, claims) == 403
    auth = await Clerk(**live.settings()).verify_token(live.token(ada, claims=claims))
    assert auth.has(permission="org:data:read")
    assert not auth.has(permission="org:data:read", reverification="lax")


@pytest.mark.parametrize(
    "undecidable",
    [
        {"role": None},
        {"permission": None},
        {"feature": ""},
        {"plan": 5},
        {"reverification": None},
        {"reverification": "always"},
        {"reverification": {}},
        {"reverification": {"level": "first_factor"}},
    ],
    ids=str,
)
async def test_question_that_makes_no_sense_was_dropped(
    live: LocalClerk, ada: Session, undecidable: Any
) -> None:
    """Row 10: asked but unknown is no, beside whatever else is held."""
    auth = await Clerk(**live.settings()).verify_token(live.token(ada))
    held: Any = {"role": "org:admin", "permission": "org:data:read", "feature": "data"}
    assert auth.has(**held)
    assert not auth.has(**held | undecidable)
    assert not auth.has()


async def test_every_condition_counts(live: LocalClerk, ada: Session) -> None:
    """Row 10: one that is held does not stand in for one that is not."""
    auth = await Clerk(**live.settings()).verify_token(live.token(ada))
    assert not auth.has(role="org:admin", permission="org:data:write")
    assert not auth.has(permission="org:data:read", plan="pro")
    assert await status(live, ada, READS & Permission("org:data:write"), {}) == 403
    assert await status(live, ada, Role("org:member") & READS, {}) == 403


@pytest.mark.parametrize("version", [1, 2])
async def test_role_was_written_without_its_prefix(
    live: LocalClerk, ada: Session, version: Any
) -> None:
    """Row 30: the claim of version 2 leaves it out, the role has it all the same."""
    auth = await Clerk(**live.settings()).verify_token(live.token(ada, version=version))
    assert auth.org_role == "org:admin"
    assert auth.has(role="org:admin")
    assert auth.has(role="admin")
    assert not auth.has(role="org:member")
