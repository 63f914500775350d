"""Judging inside a handler, as guards do before it: ``auth.protect`` and ``clerk.protect``."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse

from clerk_fastapi import (
    Auth,
    Clerk,
    ClerkMiddleware,
    Fresh,
    HandshakeRequired,
    MachineAuth,
    Permission,
    Policy,
    Requirement,
    Reverified,
    Role,
    Scope,
    TokenError,
    optional_auth,
    require,
    require_auth,
)
from clerk_fastapi.testing import LocalClerk
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

ADMIN = Role("org:admin")
PAGE = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}

DEMANDS: dict[str, Requirement | None] = {
    "nothing": None,
    "admin": ADMIN,
    "owner": Role("org:owner"),
    "strict": Reverified("strict"),
    "fresh": Fresh(0.5),
    "both": ADMIN & Permission("org:data:read"),
}


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """Handlers that judge, and guards that demand the same."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/clerk/{name}")
    async def by_clerk(request: Request, name: str) -> str:
        auth = await clerk.protect(request, DEMANDS[name])
        return auth.user_id

    @app.get("/auth/{name}")
    async def by_auth(auth: Annotated[Auth, Depends(require_auth)], name: str) -> str:
        requirement = DEMANDS[name]
        if requirement is not None:
            auth.protect(requirement)
        return auth.user_id

    @app.get("/machine")
    async def machine(request: Request) -> str:
        auth = await clerk.protect(request, Scope("data:read"), accepts_token="any")
        return auth.token_type

    @app.get("/pending")
    async def pending(request: Request) -> str:
        auth = await clerk.protect(request, treat_pending_as_signed_out=False)
        return str(auth.session_status)

    @app.get("/maybe")
    async def maybe(auth: Annotated[Auth | None, Depends(optional_auth)]) -> str:
        if auth is None:
            return "guest"
        auth.protect(ADMIN)
        return "admin"

    return app


@pytest.mark.parametrize("way", ["/clerk", "/auth"])
async def test_handlers_refuse_as_guards_do(
    app: FastAPI, ada: Headers, bob: Headers, way: str
) -> None:
    """With the same status, headers and body; whoever passes is who they are."""
    for name, requirement in DEMANDS.items():
        guard = Depends(require(requirement))
        app.add_api_route(f"/guard/{name}", lambda: "in", dependencies=[guard])
    async with running(app) as client:
        for name in DEMANDS:
            for who in (ada, bob, {}):
                guarded = await client.get(f"/guard/{name}", headers=who)
                answer = await client.get(f"{way}/{name}", headers=who)
                assert answer.status_code == guarded.status_code, name
                if answer.status_code != 200:
                    assert answer.json() == guarded.json()
                    assert answer.headers == guarded.headers


async def test_demands_of_the_table_are_not_all_alike(app: FastAPI, ada: Headers) -> None:
    """Some are met, and some are not."""
    async with running(app) as client:
        found = {
            name: (await client.get(f"/clerk/{name}", headers=ada)).status_code for name in DEMANDS
        }
    assert found["nothing"] == found["admin"] == found["both"] == found["strict"] == 200
    assert found["owner"] == 403


async def test_page_is_sent_round_by_clerk(app: FastAPI, clerk: Clerk) -> None:
    """As by a guard: the handshake is an error that answers itself."""

    @app.get("/seen")
    async def seen(request: Request) -> str:
        with pytest.raises(HandshakeRequired):
            await clerk.protect(request)
        return "seen"

    async with running(app) as client:
        assert (await client.get("/clerk/admin", headers=PAGE)).status_code == 307
        assert (await client.get("/seen", headers=PAGE)).json() == "seen"


async def test_machines_may_be_accepted(app: FastAPI, callers: dict[str, Headers]) -> None:
    """Sessions have no scopes, and machines may have none."""
    async with running(app) as client:
        found = {
            name: (await client.get("/machine", headers=headers)).status_code
            for name, headers in callers.items()
        }
    assert found.pop("nobody") == 401
    assert found.pop("session") == 403
    assert set(found.values()) == {200}


async def test_machine_may_be_held_against_more(
    app: FastAPI, clerk: Clerk, callers: dict[str, Headers]
) -> None:
    """Its auth object protects, too."""

    @app.get("/write")
    async def write(request: Request) -> str:
        auth: Any = await clerk.protect(request, accepts_token="api_key")
        assert isinstance(auth, MachineAuth)
        auth.protect(Scope("data:write"))
        raise AssertionError("nobody gets here")

    async with running(app) as client:
        answer = await client.get("/write", headers=callers["key"])
    assert answer.json()["detail"]["missing"] == {"scope": "data:write"}


async def test_pending_sessions_count_as_none_unless_asked_for(
    app: FastAPI, local: LocalClerk
) -> None:
    """As for guards."""
    pending = local.bearer(local.sign_in("ada@example.com", status="pending"))
    async with running(app) as client:
        assert (await client.get("/clerk/nothing", headers=pending)).status_code == 401
        assert (await client.get("/pending", headers=pending)).json() == "pending"


async def test_guests_may_be_asked_for_more_only_when_they_are_known(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """A handler for everybody with something for some."""
    async with running(app) as client:
        answers = [await client.get("/maybe", headers=who) for who in (ada, bob, {})]
    assert [answer.status_code for answer in answers] == [200, 403, 200]


async def test_websocket_is_closed_by_its_handler(clerk: Clerk, ada: Headers, bob: Headers) -> None:
    """Before it is accepted, or afterwards."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.websocket("/before")
    async def before(websocket: WebSocket) -> None:
        await clerk.protect(websocket, ADMIN)
        await websocket.accept()

    @app.websocket("/after")
    async def after(websocket: WebSocket, auth: Annotated[Auth, Depends(require_auth)]) -> None:
        await websocket.accept()
        auth.protect(ADMIN)
        await websocket.close()

    async with running(app):
        for path in ("/before", "/after"):
            sent = await open_websocket(app, path, bob)
            assert (sent[-1]["type"], sent[-1]["code"]) == ("websocket.close", 3003)
            assert (await open_websocket(app, path, ada))[0]["type"] == "websocket.accept"
        assert (await open_websocket(app, "/before", {}))[0]["code"] == 3000


async def test_clerk_that_protects_need_not_be_the_one_that_runs(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """It is asked by name."""
    staff = Clerk(**other.settings())
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/staff")
    async def hidden(request: Request) -> str:
        return (await staff.protect(request)).user_id

    async with running(app) as client, staff:
        assert (await client.get("/staff", headers=eve)).status_code == 200
        assert (await client.get("/staff", headers=ada)).status_code == 401


async def test_protecting_adds_to_what_a_policy_demands(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """And asks nobody again."""
    app = FastAPI(lifespan=clerk.lifespan)
    app.add_middleware(ClerkMiddleware, policies=[Policy("signed_in", "/{name}")])

    @app.get("/{name}")
    async def own(request: Request, name: str) -> str:
        auth = await clerk.protect(request, ADMIN)
        assert auth is await clerk.protect(request)
        return auth.user_id

    async with running(app) as client:
        found = [(await client.get("/a", headers=who)).status_code for who in (ada, bob, {})]
    assert found == [200, 403, 401]


async def test_clock_of_the_instance_tells_the_age_of_a_session(
    app: FastAPI, clerk: Clerk, local: LocalClerk, clock: Any
) -> None:
    """A stream may hold on for long, and ask again."""
    found: list[str] = []

    @app.get("/stream")
    async def stream(auth: Annotated[Auth, Depends(require_auth)]) -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for _ in range(2):
                try:
                    auth.protect(Fresh(3_600))
                    found.append("fresh")
                except TokenError as error:
                    found.append(error.code)
                clock.now += 3_601
                yield "part"

        return StreamingResponse(parts())

    async with running(app) as client:
        await client.get("/stream", headers=local.bearer(local.sign_in("ada@example.com")))
    assert found == ["fresh", "session-too-old"]
