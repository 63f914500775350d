"""Scopes are demanded of machines, permissions of sessions, and what is missing is named."""

from typing import Any

import pytest
from fastapi import Depends, FastAPI, Security

from clerk_fastapi import (
    Clerk,
    Permission,
    Scope,
    require,
    require_permission,
    require_scope,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.callers import answers, let_in
from tests.web.conftest import Headers
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application without routes."""
    return FastAPI(lifespan=clerk.lifespan)


READ, WRITE = {"scope": "data:read"}, {"scope": "data:write"}
MACHINES = {"key", "org key", "m2m", "m2m JWT", "oauth", "oauth JWT"}


@pytest.mark.parametrize(
    "dependency",
    [
        Depends(require_scope("data:read")),
        Security(
            require(accepts_token=["api_key", "m2m_token", "oauth_token"]), scopes=["data:read"]
        ),
        Depends(require(Scope("data:read"), accepts_token="any")),
        Depends(require(Scope("data:read") | Scope("data:admin"), accepts_token="any")),
    ],
)
async def test_scope_is_demanded_of_machines(
    app: FastAPI, callers: dict[str, Headers], dependency: Any
) -> None:
    """Whatever way it is written; sessions have none."""

    @app.get("/", dependencies=[dependency])
    async def page() -> str:
        return "page"

    found = await answers(app, "/", callers)
    assert {name for name, status in found.items() if status == 200} == MACHINES
    assert found["session"] in (401, 403)


@pytest.mark.parametrize("caller", sorted(MACHINES))
@pytest.mark.parametrize(
    "dependency",
    [
        Depends(require_scope("data:write")),
        Security(
            require(accepts_token=["api_key", "m2m_token", "oauth_token"]), scopes=["data:write"]
        ),
        Depends(require(Scope("data:read") & Scope("data:write"), accepts_token="any")),
    ],
)
async def test_missing_scope_is_named(
    app: FastAPI, callers: dict[str, Headers], caller: str, dependency: Any
) -> None:
    """In the body, and in the header as RFC 6750 section 3 says."""

    @app.get("/", dependencies=[dependency])
    async def page() -> None:
        raise AssertionError("nobody gets here")

    async with running(app) as client:
        response = await client.get("/", headers=callers[caller])
    assert response.status_code == 403
    assert response.json()["detail"]["missing"] == WRITE
    challenge = 'Bearer error="insufficient_scope", scope="data:write"'
    assert response.headers["www-authenticate"] == challenge


async def test_what_only_sessions_have_is_missing_in_machines(
    app: FastAPI, callers: dict[str, Headers]
) -> None:
    """And scopes in sessions; joined with ``|`` each shows what it has."""
    either = Permission("org:data:read") | Scope("data:read")

    @app.get("/permission", dependencies=[Depends(require_permission("org:data:read"))])
    @app.get(
        "/any", dependencies=[Depends(require(Permission("org:data:read"), accepts_token="any"))]
    )
    async def permission() -> str:
        return "permission"

    @app.get("/either", dependencies=[Depends(require(either, accepts_token="any"))])
    async def joined() -> str:
        return "either"

    assert let_in(await answers(app, "/permission", callers)) == {"session"}
    found = await answers(app, "/any", callers)
    assert found == dict.fromkeys(MACHINES, 403) | {"session": 200, "nobody": 401}
    assert let_in(await answers(app, "/either", callers)) == MACHINES | {"session"}


async def test_scopes_of_security_are_those_of_whoever_came(
    app: FastAPI, local: LocalClerk, ada_session: Session, ada: Headers
) -> None:
    """Permissions of a session, scopes of a key."""
    guard = require(accepts_token=("session_token", "api_key"))

    @app.get("/", dependencies=[Security(guard, scopes=["org:data:read"])])
    async def page() -> str:
        return "page"

    good = local.create_api_key(ada_session.user, scopes=["org:data:read"])
    bad = local.create_api_key(ada_session.user, scopes=["data:read"])
    assert await statuses(app, "/", ada, local.bearer(good), local.bearer(bad)) == [200, 200, 403]
