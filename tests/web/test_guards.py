"""Guards wherever FastAPI takes a dependency: who gets in, and what the handler gets to know."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request

from clerk_fastapi import (
    Auth,
    Clerk,
    CurrentAuth,
    Permission,
    Reverified,
    SessionClaims,
    SignedIn,
    SignedOut,
    optional_auth,
    require,
    require_auth,
    require_permission,
    require_reverification,
    require_role,
)
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.web.conftest import Headers
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application without routes."""
    return FastAPI(lifespan=clerk.lifespan)


async def test_guard_as_parameter_tells_who_is_signed_in(
    app: FastAPI, ada: Headers, ada_session: Session
) -> None:
    """The handler gets the session, its user and its organization."""

    @app.get("/me")
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> dict[str, object]:
        return {
            "user": auth.user_id,
            "session": auth.session_id,
            "status": auth.session_status,
            "org": [auth.org_id, auth.org_slug, auth.org_role],
            "permissions": auth.org_permissions,
            "type": auth.token_type,
            "claims": auth.claims.sub,
            "has": auth.has(role="org:admin"),
            "token": await auth.get_token() == ada["Authorization"].removeprefix("Bearer "),
        }

    async with running(app) as client:
        answer = await client.get("/me", headers=ada)
    assert ada_session.organization is not None
    assert answer.json() == {
        "user": ada_session.user.id,
        "session": ada_session.id,
        "status": "active",
        "org": [ada_session.organization.id, "acme", "org:admin"],
        "permissions": ["org:data:read", "org:data:write"],
        "type": "session_token",
        "claims": ada_session.user.id,
        "has": True,
        "token": True,
    }


async def test_guard_as_default_value_works_as_well(app: FastAPI, ada: Headers) -> None:
    """The older way to write a dependency."""

    @app.get("/me")
    async def me(auth: Auth[SessionClaims] = Depends(require_auth)) -> str:  # noqa: B008  # FastAPI
        return auth.user_id

    assert await statuses(app, "/me", ada, {}) == [200, 401]


async def test_current_auth_needs_no_depends(app: FastAPI, ada: Headers) -> None:
    """The ready-made alias for the commonest case."""

    @app.get("/me")
    async def me(auth: CurrentAuth) -> str:
        return auth.user_id

    assert await statuses(app, "/me", ada, {}) == [200, 401]


async def test_guard_in_a_decorator_guards_its_route_only(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """The handler need not know of it."""

    @app.get("/data", dependencies=[Depends(require_permission("org:data:read"))])
    async def data() -> str:
        return "data"

    @app.get("/open")
    async def open_to_all() -> str:
        return "open"

    assert await statuses(app, "/data", ada, bob, {}) == [200, 403, 401]
    assert await statuses(app, "/open", ada, bob, {}) == [200, 200, 200]


async def test_guard_on_a_router_guards_all_its_routes(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """Those under a prefix and those of routers within it included; others stay open."""
    guarded, inner, unguarded = APIRouter(), APIRouter(), APIRouter()
    guarded.dependencies.append(Depends(require_auth))
    for router in (guarded, inner, unguarded):

        @router.get("/here")
        async def here() -> str:
            return "here"

    guarded.include_router(
        inner, prefix="/inner", dependencies=[Depends(require_permission("org:data:read"))]
    )
    app.include_router(guarded, prefix="/guarded")
    app.include_router(unguarded, prefix="/unguarded")
    app.include_router(
        unguarded, prefix="/admins", dependencies=[Depends(require_role("org:admin"))]
    )
    assert await statuses(app, "/guarded/here", ada, bob, {}) == [200, 200, 401]
    assert await statuses(app, "/guarded/inner/here", ada, bob, {}) == [200, 403, 401]
    assert await statuses(app, "/unguarded/here", ada, bob, {}) == [200, 200, 200]
    assert await statuses(app, "/admins/here", ada, bob, {}) == [200, 403, 401]


async def test_guard_on_the_application_guards_everything(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """Every route of it, whatever else that route demands."""
    app = FastAPI(lifespan=clerk.lifespan, dependencies=[Depends(require_auth)])
    router = APIRouter(prefix="/deep")

    @router.get("/down", dependencies=[Depends(require_role("org:admin"))])
    async def down() -> str:
        return "down"

    app.include_router(router)
    assert await statuses(app, "/deep/down", ada, bob, {}) == [200, 403, 401]


async def test_guard_below_other_dependencies_guards(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """However deep it lies, and also when a class or a synchronous function asks for it."""

    def current_user(auth: Annotated[Auth, Depends(require_permission("org:data:read"))]) -> str:
        return auth.user_id

    class Page:
        def __init__(self, user: Annotated[str, Depends(current_user)]) -> None:
            self.owner = user

    @app.get("/page")
    async def page(page: Annotated[Page, Depends()]) -> str:
        return page.owner

    assert await statuses(app, "/page", ada, bob, {}) == [200, 403, 401]


async def test_guard_runs_before_the_body_is_looked_at(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """Whoever may not come in learns nothing of what the body should have been."""

    @app.post("/data", dependencies=[Depends(require_permission("org:data:write"))])
    async def write(number: int) -> int:
        return number

    async with running(app) as client:
        answers = [
            (await client.post("/data?number=x", headers=headers)).status_code
            for headers in ({}, bob, ada)
        ]
    assert answers == [401, 403, 422]


async def test_cookies_of_a_browser_are_believed_too(
    app: FastAPI, local: LocalClerk, ada_session: Session
) -> None:
    """The session cookie does what the bearer token does."""

    @app.get("/me")
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    cookies = "; ".join(f"{name}={value}" for name, value in local.cookies(ada_session).items())
    assert await statuses(app, "/me", {"Cookie": cookies}) == [200]


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[VerificationKey]:
    """The keys that a signature was checked with, one entry for each check."""
    checked = []
    verify = VerificationKey.verify

    def counted(key: VerificationKey, signing_input: bytes, signature: bytes) -> bool:
        checked.append(key)
        return verify(key, signing_input, signature)

    monkeypatch.setattr(VerificationKey, "verify", counted)
    return checked


async def test_three_guards_on_one_request_verify_once(
    local: LocalClerk, ada: Headers, verifications: list[VerificationKey]
) -> None:
    """Middleware, application, router and handler share one authentication, memory or not."""
    clerk = Clerk(**local.settings(), token_memory=0)
    app = FastAPI(lifespan=clerk.lifespan, dependencies=[Depends(require_auth)])
    router = APIRouter(dependencies=[Depends(require_permission("org:data:read"))])

    @router.get("/", dependencies=[Depends(require_role("org:admin"))])
    async def root(request: Request, auth: Annotated[Auth | None, Depends(optional_auth)]) -> bool:
        state = await clerk.authenticate(request)
        return isinstance(state, SignedIn) and state.auth is auth

    app.include_router(router, prefix="/deep")
    async with running(app) as client:
        for requests in (1, 2):
            assert (await client.get("/deep/", headers=ada)).json() is True
            assert len(verifications) == requests


async def test_token_seen_before_is_not_verified_again(
    app: FastAPI, ada: Headers, verifications: list[VerificationKey], clock: Clock
) -> None:
    """It is remembered by digest, and its expiry is still looked at."""

    @app.get("/", dependencies=[Depends(require_auth)])
    async def root() -> str:
        return "in"

    async with running(app) as client:
        for _ in range(5):
            assert (await client.get("/", headers=ada)).status_code == 200
        assert len(verifications) == 1
        clock.now += 66
        assert (await client.get("/", headers=ada)).json()["detail"]["code"] == "token-expired"


async def test_state_is_the_same_for_whoever_asks_on_one_request(
    app: FastAPI, clerk: Clerk
) -> None:
    """``clerk.authenticate`` tells a signed-out request's reason, beside any guard."""

    @app.get("/state")
    async def state(request: Request, auth: Annotated[Auth | None, Depends(optional_auth)]) -> str:
        state = await clerk.authenticate(request)
        assert isinstance(state, SignedOut)
        assert auth is None
        return state.error.code

    async with running(app) as client:
        assert (await client.get("/state")).json() == "session-token-and-uat-missing"


def test_guards_that_demand_the_same_are_equal() -> None:
    """So that an override or a cache finds one by the other."""
    assert require() == require_auth
    assert require_permission("org:a:b") == require(Permission("org:a:b"))
    assert hash(require_permission("org:a:b")) == hash(require(Permission("org:a:b")))
    assert require_role("org:a") != require_permission("org:a")
    assert require_auth != optional_auth
    assert require(treat_pending_as_signed_out=False) != require_auth
    assert len({require(Reverified("strict")), require_reverification("strict")}) == 1


async def test_guard_that_is_overridden_lets_tests_in(app: FastAPI) -> None:
    """``dependency_overrides`` finds a guard by its value, whichever call made it."""

    @app.get("/me")
    async def me(auth: Annotated[str, Depends(require_auth)]) -> str:
        return auth

    @app.get("/data")
    async def data(auth: Annotated[str, Depends(require_permission("org:data:read"))]) -> str:
        return auth

    @app.get("/more", dependencies=[Depends(require_permission("org:data:write"))])
    async def more() -> str:
        return "more"

    app.dependency_overrides[require_auth] = lambda: "somebody"
    app.dependency_overrides[require_permission("org:data:read")] = lambda: "reader"
    async with running(app) as client:
        assert (await client.get("/me")).json() == "somebody"
        assert (await client.get("/data")).json() == "reader"
        assert (await client.get("/more")).status_code == 401
        app.dependency_overrides.clear()
        assert (await client.get("/me")).status_code == 401
