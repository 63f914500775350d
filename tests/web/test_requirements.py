"""What guards demand, met and not met: requirements, pending sessions, the misuse of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.exceptions import FastAPIError

from clerk_fastapi import (
    Auth,
    Clerk,
    ConfigurationError,
    Feature,
    Fresh,
    Guard,
    Identity,
    Organization,
    Permission,
    Plan,
    Requirement,
    Reverified,
    Role,
    optional_auth,
    require,
    require_auth,
    require_feature,
    require_organization,
    require_permission,
    require_plan,
    require_reverification,
    require_role,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.web.conftest import Headers
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application without routes."""
    return FastAPI(lifespan=clerk.lifespan)


@pytest.mark.parametrize(
    ("guard", "missing"),
    [
        (require_role("org:admin"), {"role": "org:admin"}),
        (require_permission("org:data:read"), {"permission": "org:data:read"}),
        (require(Permission("data:write") & Role("admin")), None),
        (require(Permission("org:data:delete") | Role("org:admin")), None),
        (require(Organization("acme") & Role("org:admin")), {"role": "org:admin"}),
        (
            require(Permission("org:data:read") & Permission("org:data:write")),
            {"all_of": [{"permission": "org:data:read"}, {"permission": "org:data:write"}]},
        ),
        (
            require(Role("org:admin") | Permission("org:data:delete")),
            {"any_of": [{"role": "org:admin"}, {"permission": "org:data:delete"}]},
        ),
        (
            require((Role("org:admin") | Role("org:owner")) & Permission("org:data:read")),
            None,
        ),
    ],
    ids=lambda value: value.requirement.describe() if isinstance(value, Guard) else "",
)
async def test_requirement_lets_ada_in_and_tells_bob_what_is_missing(
    app: FastAPI, ada: Headers, bob: Headers, guard: Guard, missing: object
) -> None:
    """Roles and permissions, alone and joined with ``&`` and ``|``."""

    @app.get("/", dependencies=[Depends(guard)])
    async def root() -> str:
        return "in"

    async with running(app) as client:
        assert (await client.get("/", headers=ada)).status_code == 200
        refusal = await client.get("/", headers=bob)
        assert (await client.get("/")).status_code == 401
    assert refusal.status_code == 403
    assert refusal.json()["detail"]["code"] == "permission-denied"
    if missing is not None:
        assert refusal.json()["detail"]["missing"] == missing


@pytest.mark.parametrize(
    "guard",
    [
        require_organization,
        require(Organization("acme")),
        require_plan("pro"),
        require_plan("org:pro"),
        require(Plan("pro")),
        require_feature("data"),
        require_feature("org:data"),
        require(Feature("data")),
    ],
    ids=lambda guard: guard.requirement.describe(),
)
async def test_what_an_organization_has_is_refused_in_a_personal_account(
    app: FastAPI, local: LocalClerk, bob: Headers, guard: Guard
) -> None:
    """Bob in acme gets in; Bob on his own does not, and is told why."""
    alone = local.bearer(local.sign_in("bob@example.com"))

    @app.get("/", dependencies=[Depends(guard)])
    async def root() -> str:
        return "in"

    async with running(app) as client:
        assert (await client.get("/", headers=bob)).status_code == 200
        refusal = await client.get("/", headers=alone)
    assert refusal.status_code == 403
    assert guard.requirement is not None
    assert refusal.json()["detail"]["missing"] == guard.requirement.to_json()


@pytest.mark.parametrize(
    "guard",
    [
        require_reverification("strict"),
        require_reverification(level="first_factor", after_minutes=10),
        require(Reverified("moderate")),
        require(Role("org:member") & Reverified("strict")),
    ],
    ids=["strict", "first factor", "moderate", "joined"],
)
async def test_recent_proof_is_demanded_and_met(
    app: FastAPI, local: LocalClerk, bob: Headers, guard: Guard
) -> None:
    """Bob proved who he is an hour ago, and then again."""
    fresh = local.bearer(
        local.sign_in("bob@example.com", organization="acme", factor_verification_age=(0, 0))
    )

    @app.get("/", dependencies=[Depends(guard)])
    async def root() -> str:
        return "in"

    assert await statuses(app, "/", bob, fresh, {}) == [403, 200, 401]


async def test_fresh_session_is_demanded_with_401(
    app: FastAPI, local: LocalClerk, clock: Clock
) -> None:
    """An old session is to be signed in again, and its age grows with the clock."""

    @app.get("/", dependencies=[Depends(require(Fresh(3_600)))])
    async def root() -> str:
        return "in"

    session = local.sign_in("ada@example.com")
    async with running(app) as client:
        assert (await client.get("/", headers=local.bearer(session))).status_code == 200
        clock.now += 3_660
        answer = await client.get("/", headers=local.bearer(session))
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "session-too-old")


async def test_optional_auth_tells_the_signed_in_from_the_others(
    app: FastAPI, local: LocalClerk, ada: Headers, eve: Headers, ada_session: Session
) -> None:
    """Nobody, garbage, an expired or a foreign token are all nobody, and all get in."""

    @app.get("/greeting")
    async def greeting(auth: Annotated[Auth | None, Depends(optional_auth)]) -> str:
        return "nobody" if auth is None else auth.user_id

    expired = local.token(ada_session, issued_ago=600)
    callers = [
        {},
        {"Authorization": "Bearer garbage"},
        {"Authorization": f"Bearer {expired}"},
        eve,
        ada,
    ]
    async with running(app) as client:
        answers = [await client.get("/greeting", headers=headers) for headers in callers]
    assert [answer.json() for answer in answers] == ["nobody"] * 4 + [ada_session.user.id]


async def test_pending_session_counts_as_signed_out(app: FastAPI, local: LocalClerk) -> None:
    """For every guard, and with a code of its own."""
    pending = local.bearer(local.sign_in("ada@example.com", status="pending"))

    @app.get("/me", dependencies=[Depends(require_auth)])
    async def me() -> str:
        return "me"

    @app.get("/greeting")
    async def greeting(auth: Annotated[Auth | None, Depends(optional_auth)]) -> bool:
        return auth is None

    async with running(app) as client:
        refusal = await client.get("/me", headers=pending)
        assert (await client.get("/greeting", headers=pending)).json() is True
    assert (refusal.status_code, refusal.json()["detail"]["code"]) == (401, "session-pending")


async def test_pending_session_gets_in_where_it_is_asked_for(
    app: FastAPI, local: LocalClerk
) -> None:
    """Beside a guard that turns it away on the same request, the strict one wins."""
    pending = local.bearer(local.sign_in("ada@example.com", status="pending"))
    lenient = require(treat_pending_as_signed_out=False)

    @app.get("/tasks")
    async def tasks(auth: Annotated[Auth, Depends(lenient)]) -> str | None:
        return auth.session_status

    @app.get("/both", dependencies=[Depends(lenient), Depends(require_auth)])
    async def both() -> str:
        return "both"

    async with running(app) as client:
        assert (await client.get("/tasks", headers=pending)).json() == "pending"
        assert (await client.get("/both", headers=pending)).status_code == 401


FACTORIES = [require_role, require_permission, require_feature, require_plan]


@pytest.mark.parametrize("factory", [*FACTORIES, require_reverification])
async def test_guard_that_somebody_forgot_to_call_opens_nothing(
    clerk: Clerk, factory: Callable[..., Guard]
) -> None:
    """``Depends(require_role)`` is a mistake that must not let anybody in."""
    app = FastAPI(lifespan=clerk.lifespan)
    try:

        @app.get("/", dependencies=[Depends(factory)])
        async def root() -> str:
            return "in"

        async with running(app) as client:
            answer = await client.get("/?name=org:admin&slug=pro&preset=lax")
    except (ConfigurationError, FastAPIError, TypeError):
        return
    assert answer.status_code != 200


def test_requirements_joined_with_and_instead_of_the_ampersand_are_refused() -> None:
    """``Role(...) and Permission(...)`` would demand the last one only."""
    with pytest.raises((ConfigurationError, TypeError)):
        require(Role("org:admin") and Permission("org:data:read"))


@pytest.mark.parametrize("wrong", ["org:data:read", Role, ["org:data:read"]])
def test_requirement_that_is_none_is_refused_where_it_is_written(wrong: Any) -> None:
    """A developer's mistake is said at start-up, not by the first request."""
    with pytest.raises(ConfigurationError):
        require(wrong)


@pytest.mark.parametrize(
    "name", ["org:\u6570:read", 'org:a", error="x', "org:a\r\nSet-Cookie: b=c"]
)
async def test_permission_that_no_header_can_hold_is_refused_without_it(
    clerk: Clerk, ada: Headers, name: str
) -> None:
    """RFC 6749 section 3.3 says what a scope may consist of."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/", dependencies=[Depends(require_permission(name))])
    async def root() -> str:
        return "in"

    async with running(app) as client:
        answer = await client.get("/", headers=ada)
    assert answer.status_code == 403
    assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize("kind", [Role, Permission, Feature, Plan, Organization, Reverified, Fresh])
def test_requirement_that_is_no_guard_opens_nothing(clerk: Clerk, kind: Any) -> None:
    """``Depends(Permission)`` would let callers name their own permission."""
    app = FastAPI(lifespan=clerk.lifespan)
    with pytest.raises(ConfigurationError, match="Depends"):

        @app.get("/", dependencies=[Depends(kind)])
        async def root() -> str:
            return "in"


async def test_guard_without_depends_opens_nothing(clerk: Clerk, ada: Headers) -> None:
    """``auth=require_auth`` is a default value, and no dependency."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/")
    async def root(auth: Any = require_auth) -> str:
        return "in"

    async with running(app) as client:
        with pytest.raises(ConfigurationError, match="Depends"):
            await client.get("/", headers=ada)


def test_requirement_that_cannot_be_hashed_stops_the_start_up() -> None:
    """FastAPI keeps guards in dictionaries; the sentence says what to write."""

    @dataclass
    class Unfrozen(Requirement):
        """Equal by value and not frozen, so that it has no hash."""

        name: str

        def met_by(self, identity: Identity, now: float) -> bool:
            return True

        def describe(self) -> str:
            return "nothing"

        def to_json(self) -> dict[str, object]:
            return {}

    with pytest.raises(ConfigurationError, match="frozen dataclass"):
        require(Unfrozen("a"))
