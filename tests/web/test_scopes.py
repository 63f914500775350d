"""``Security(...)``: scopes are permissions of the session."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, Security

from clerk_fastapi import (
    Auth,
    Clerk,
    Reverified,
    optional_auth,
    require,
    require_auth,
    require_role,
)
from tests.web.conftest import Headers
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application without routes."""
    return FastAPI(lifespan=clerk.lifespan)


async def test_scopes_are_permissions_of_the_session(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """Every one of them is demanded, and the 403 names what is missing."""

    @app.get("/data")
    async def data(
        auth: Annotated[Auth, Security(require_auth, scopes=["org:data:read", "org:data:write"])],
    ) -> str:
        return auth.user_id

    @app.get("/delete")
    async def delete(
        auth: Annotated[Auth, Security(require_auth, scopes=["org:data:read", "org:data:delete"])],
    ) -> str:
        return auth.user_id

    assert await statuses(app, "/data", ada, bob, {}) == [200, 403, 401]
    async with running(app) as client:
        refusal = await client.get("/delete", headers=ada)
    assert refusal.status_code == 403
    assert refusal.json()["detail"]["missing"] == {"permission": "org:data:delete"}


async def test_scopes_in_a_decorator_and_on_the_application_are_demanded(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """Also without a parameter that would receive anything."""
    app = FastAPI(
        lifespan=clerk.lifespan,
        dependencies=[Security(require_auth, scopes=["org:data:read"])],
    )

    @app.get("/write", dependencies=[Security(require_auth, scopes=["org:data:write"])])
    async def write() -> str:
        return "written"

    @app.get("/delete", dependencies=[Security(require_auth, scopes=["org:data:delete"])])
    async def delete() -> str:
        return "deleted"

    assert await statuses(app, "/write", ada, bob, {}) == [200, 403, 401]
    assert await statuses(app, "/delete", ada, bob, {}) == [403, 403, 401]


async def test_scopes_of_an_outer_dependency_reach_the_guard_below(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """As FastAPI defines scopes: those of every ``Security`` on the way add up."""

    def reader(auth: Annotated[Auth, Security(require_auth, scopes=["org:data:read"])]) -> str:
        return auth.user_id

    @app.get("/read")
    async def read(user: Annotated[str, Depends(reader)]) -> str:
        return user

    @app.get("/delete")
    async def delete(user: Annotated[str, Security(reader, scopes=["org:data:delete"])]) -> str:
        return user

    assert await statuses(app, "/read", ada, bob, {}) == [200, 403, 401]
    assert await statuses(app, "/delete", ada, bob, {}) == [403, 403, 401]


async def test_scopes_add_to_what_a_guard_demands(app: FastAPI, ada: Headers, bob: Headers) -> None:
    """Neither replaces the other."""

    @app.get("/both")
    async def both(
        auth: Annotated[Auth, Security(require_role("org:admin"), scopes=["org:data:read"])],
    ) -> str:
        return auth.user_id

    @app.get("/neither")
    async def neither(
        auth: Annotated[Auth, Security(require_role("org:admin"), scopes=["org:data:delete"])],
    ) -> str:
        return auth.user_id

    @app.get("/owners")
    async def owners(
        auth: Annotated[Auth, Security(require_role("org:owner"), scopes=["org:data:read"])],
    ) -> str:
        return auth.user_id

    assert await statuses(app, "/both", ada, bob, {}) == [200, 403, 401]
    assert await statuses(app, "/neither", ada, bob, {}) == [403, 403, 401]
    assert await statuses(app, "/owners", ada, bob, {}) == [403, 403, 401]


async def test_missing_permission_is_told_before_a_missing_proof(
    app: FastAPI, bob: Headers
) -> None:
    """Nobody is asked for a password only to be turned away after it."""

    @app.get("/")
    async def root(
        auth: Annotated[Auth, Security(require(Reverified("strict")), scopes=["org:data:read"])],
    ) -> str:
        return auth.user_id

    async with running(app) as client:
        refusal = await client.get("/", headers=bob)
    assert refusal.json()["detail"]["missing"] == {"permission": "org:data:read"}


async def test_scopes_of_an_optional_guard_hold_for_the_signed_in(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """Whoever is signed in without the permission is refused; nobody is still nobody."""

    @app.get("/")
    async def root(
        auth: Annotated[Auth | None, Security(optional_auth, scopes=["org:data:read"])],
    ) -> bool:
        return auth is None

    assert await statuses(app, "/", ada, bob, {}) == [200, 403, 200]


async def test_same_guard_with_and_without_scopes_on_one_route(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """FastAPI's cache of dependencies does not let the lenient one answer for the strict one."""

    @app.get("/", dependencies=[Depends(require_auth)])
    async def root(
        auth: Annotated[Auth, Security(require_auth, scopes=["org:data:write"])],
        again: Annotated[Auth, Depends(require_auth)],
    ) -> bool:
        return auth is again

    assert await statuses(app, "/", ada, bob, {}) == [200, 403, 401]
