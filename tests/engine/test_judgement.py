"""Holding somebody against what is demanded: nothing if it is met, or the error that says why."""

from typing import Any

import pytest

from clerk_fastapi import (
    AccessDenied,
    ApiKeyAuth,
    Auth,
    Clerk,
    Fresh,
    Permission,
    Requirement,
    ReverificationRequired,
    Reverified,
    Role,
    Scope,
    SignedIn,
    TokenError,
)
from clerk_fastapi.engine.judgement import enforce
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.clock import Clock
from tests.engine.connections import bearer

pytestmark = pytest.mark.anyio

ADMIN = Role("org:admin")
OWNER = Role("org:owner")


@pytest.fixture
async def auth(clerk: Clerk, local: LocalClerk, session: Session) -> Auth:
    """An admin of an organization who proved both factors twenty minutes ago."""
    return await clerk.verify_token(local.token(session, claims={"fva": [20, 20]}))


@pytest.mark.parametrize(
    "requirement",
    [ADMIN, ADMIN | OWNER, ADMIN & Permission("org:data:read"), Reverified("lax"), Fresh(3_600)],
    ids=repr,
)
async def test_what_is_met_is_no_matter(auth: Auth, clock: Clock, requirement: Requirement) -> None:
    """Nothing is returned, so nobody can forget to look at it."""
    auth.protect(requirement)
    enforce(requirement, auth, clock.now)


@pytest.mark.parametrize(
    ("requirement", "kind", "missing"),
    [
        (OWNER, AccessDenied, OWNER),
        (ADMIN & OWNER, AccessDenied, OWNER),
        (Reverified("strict"), ReverificationRequired, Reverified("strict")),
        (ADMIN & Reverified("strict"), ReverificationRequired, Reverified("strict")),
        (OWNER & Reverified("strict"), AccessDenied, OWNER),
        (Scope("data:read"), AccessDenied, Scope("data:read")),
    ],
    ids=repr,
)
async def test_part_that_is_missing_is_named(
    auth: Auth, requirement: Requirement, kind: type[AccessDenied], missing: Requirement
) -> None:
    """A proof that could be given once more is asked for in its own way."""
    with pytest.raises(AccessDenied) as error:
        auth.protect(requirement)
    assert type(error.value) is kind
    assert error.value.missing == missing
    assert error.value.status == 403


async def test_session_that_is_too_old_is_no_matter_of_permission(
    clerk: Clerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Signing in again helps: 401. The clock is the instance's own."""
    token = local.token(session, expires_in=7_200)
    auth = await clerk.verify_token(token)
    auth.protect(Fresh(3_600))
    clock.now += 3_601
    with pytest.raises(TokenError) as error:
        auth.protect(Fresh(3_600))
    assert (error.value.code, error.value.status) == ("session-too-old", 401)


async def test_machine_is_held_against_its_scopes(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """And against nothing that only sessions have."""
    key = local.create_api_key(session.user, scopes=["data:read"])
    state = await clerk.authenticate(bearer(key.token), accepts_token="api_key")
    assert isinstance(state, SignedIn)
    auth: Any = state.auth
    assert isinstance(auth, ApiKeyAuth)
    auth.protect(Scope("data:read"))
    for requirement in (Scope("data:write"), ADMIN, Permission("data:read")):
        with pytest.raises(AccessDenied) as error:
            auth.protect(requirement)
        assert error.value.missing == requirement
