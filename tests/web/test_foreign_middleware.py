"""Guards within stacks of middleware, and what middleware cannot talk them into."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, Response
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clerk_fastapi import (
    Auth,
    Clerk,
    ConfigurationError,
    SignedIn,
    require_auth,
    require_permission,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.conftest import Headers
from tests.web.serving import running

pytestmark = pytest.mark.anyio

PAGE = "https://app.example"


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application with a guarded route and one that needs a permission."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/me")
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    @app.get("/data", dependencies=[Depends(require_permission("org:data:read"))])
    async def data() -> str:
        return "data" * 500

    return app


class Passing(BaseHTTPMiddleware):
    """Middleware that only passes on."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Pass the request on."""
        return await call_next(request)


@pytest.mark.parametrize("order", [1, -1], ids=["inside out", "outside in"])
async def test_refusals_pass_through_a_stack_of_middleware(
    app: FastAPI, ada: Headers, bob: Headers, order: int
) -> None:
    """With their bodies and headers, whatever the order of the stack."""
    stack: list[tuple[Any, dict[str, Any]]] = [
        (GZipMiddleware, {"minimum_size": 1}),
        (Passing, {}),
        (CORSMiddleware, {"allow_origins": [PAGE]}),
        (TrustedHostMiddleware, {"allowed_hosts": ["test"]}),
    ]
    for middleware, options in stack[::order]:
        app.add_middleware(middleware, **options)
    async with running(app) as client:
        answers = [
            await client.get("/data", headers={**headers, "Origin": PAGE})
            for headers in (ada, bob, {})
        ]
    assert [answer.status_code for answer in answers] == [200, 403, 401]
    assert answers[1].json()["detail"]["missing"] == {"permission": "org:data:read"}
    assert answers[2].headers["www-authenticate"] == "Bearer"
    for answer in answers:
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["access-control-allow-origin"] == PAGE
    assert answers[1].headers["cache-control"] == answers[2].headers["cache-control"] == "no-store"


async def test_cors_preflight_needs_no_token(app: FastAPI) -> None:
    """Browsers send none with it; the request that follows is guarded."""
    app.add_middleware(CORSMiddleware, allow_origins=[PAGE], allow_headers=["authorization"])
    preflight = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    async with running(app) as client:
        assert (await client.options("/me", headers=preflight)).status_code == 200
        assert (await client.get("/me", headers={"Origin": PAGE})).status_code == 401


async def test_middleware_may_ask_who_is_signed_in(
    app: FastAPI, clerk: Clerk, ada: Headers, ada_session: Session
) -> None:
    """Before any guard, and with the same answer."""
    seen = []

    @app.middleware("http")
    async def note(request: Request, call_next: RequestResponseEndpoint) -> Response:
        state = await clerk.authenticate(request)
        seen.append(state.auth.user_id if isinstance(state, SignedIn) else state.error.code)
        return await call_next(request)

    async with running(app) as client:
        assert (await client.get("/me", headers=ada)).json() == ada_session.user.id
        assert (await client.get("/me")).status_code == 401
    assert seen == [ada_session.user.id, "session-token-and-uat-missing"]


def impostor(user_id: str) -> Any:
    """Something that looks signed in."""
    auth = SimpleNamespace(user_id=user_id, is_pending=False, missing=lambda *_: None)
    return SimpleNamespace(auth=auth, status="signed-in", user_id=user_id)


def on_the_state(scope: Scope, clerk: Clerk) -> None:
    """What foreign middleware leaves on ``request.state``, under every likely name."""
    state = scope.setdefault("state", {})
    for name in ("auth", "user", "clerk_fastapi_auth", "clerk_auth", "session"):
        state[name] = impostor("user_evil")


def on_the_scope(scope: Scope, clerk: Clerk) -> None:
    """Authentication middleware of Starlette's kind, and lookalikes of our own entries."""
    scope["user"] = scope["auth"] = impostor("user_evil")
    scope["clerk_fastapi"] = scope["clerk_fastapi.auth"] = impostor("user_evil")
    scope["clerk_fastapi.states"] = {clerk: impostor("user_evil")}


def in_the_headers(scope: Scope, clerk: Clerk) -> None:
    """Headers by which frameworks pass on what they found out; anybody can send them."""
    scope["headers"] += [
        (b"x-clerk-auth-status", b"signed-in"),
        (b"x-clerk-auth-token", b"user_evil"),
        (b"x-clerk-auth-reason", b"none"),
        (b"x-middleware-subrequest", b"middleware"),
        (b"x-user-id", b"user_evil"),
    ]


@pytest.mark.parametrize("plant", [on_the_state, on_the_scope, in_the_headers])
async def test_what_foreign_middleware_leaves_behind_is_never_trusted(
    app: FastAPI,
    clerk: Clerk,
    ada: Headers,
    ada_session: Session,
    plant: Callable[[Scope, Clerk], None],
) -> None:
    """Nobody is signed in by it, and nobody turned into another."""

    class Planting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                plant(scope, clerk)
            await self.app(scope, receive, send)

    app.add_middleware(Planting)
    async with running(app) as client:
        for path in ("/me", "/data"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/me", headers=ada)).json() == ada_session.user.id


@pytest.mark.parametrize("name", ["clerk_fastapi.running", "clerk_fastapi", "clerk"])
async def test_what_stands_in_place_of_the_running_clerk_is_not_asked(
    clerk: Clerk, ada: Headers, name: str
) -> None:
    """What is no Clerk decides nothing, whether one is running or not."""

    class Signs:
        """Signs everybody in."""

        async def authenticate(self, connection: object, **_: object) -> Any:
            return impostor("user_evil")

    class Planting:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            scope[name] = Signs()
            scope.setdefault("state", {})[name] = Signs()
            await self.app(scope, receive, send)

    guarded, unguarded = FastAPI(lifespan=clerk.lifespan), FastAPI()
    for app in (guarded, unguarded):
        setattr(app.state, name, Signs())
        app.add_middleware(Planting)

        @app.get("/me")
        async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
            return auth.user_id

    async with running(guarded) as client:
        assert (await client.get("/me")).status_code == 401
        assert (await client.get("/me", headers=ada)).json() != "user_evil"
    async with running(unguarded) as client:
        with pytest.raises(ConfigurationError):
            await client.get("/me", headers=ada)


async def test_request_made_of_another_one_is_judged_by_its_own_headers(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """A batch endpoint dispatches copies of its own scope, each with a token of its own or none."""

    @app.post("/batch", dependencies=[Depends(require_auth)])
    async def batch(request: Request) -> list[int]:
        statuses: list[int] = []

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        for headers in (ada, bob, {}):
            raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
            copy = {**request.scope, "method": "GET", "path": "/data", "headers": raw}
            await app(copy, request.receive, send)
        return statuses

    async with running(app) as client:
        answer = await client.post("/batch", headers=ada)
    assert answer.json() == [200, 403, 401]


async def test_two_tokens_on_one_request_are_none(
    app: FastAPI, local: LocalClerk, ada: Headers, bob: Headers
) -> None:
    """Which of them to believe is not for the order of headers to decide."""
    async with running(app) as client:
        answer = await client.get(
            "/me",
            headers=[
                ("Authorization", ada["Authorization"]),
                ("Authorization", bob["Authorization"]),
            ],
        )
    assert answer.status_code == 401


async def test_requests_of_different_callers_do_not_mix(app: FastAPI, local: LocalClerk) -> None:
    """Many at once, each gets its own user back."""
    import asyncio

    users = [local.add_user(f"user{number}@example.com") for number in range(30)]
    headers = [local.bearer(local.sign_in(user)) for user in users]
    async with running(app) as client:
        answers = await asyncio.gather(*(client.get("/me", headers=each) for each in headers * 3))
    assert [answer.json() for answer in answers] == [user.id for user in users] * 3
