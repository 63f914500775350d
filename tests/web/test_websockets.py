"""The same guards for WebSockets: refused before the handshake, or closed after it."""

import asyncio
import json
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from clerk_fastapi import (
    AccessDenied,
    Auth,
    BackendUnavailable,
    Clerk,
    Permission,
    TokenError,
    optional_auth,
    require_auth,
    require_permission,
    require_reverification,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running, serving

pytestmark = pytest.mark.anyio

ERRORS = {
    "denied": AccessDenied(Permission("org:data:read")),
    "unbelieved": TokenError(),
    "outage": BackendUnavailable(),
}


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application of WebSockets, each guarded in another way."""
    app = FastAPI(lifespan=clerk.lifespan)
    router = APIRouter(dependencies=[Depends(require_auth)])

    @app.websocket("/live")
    async def live(websocket: WebSocket, auth: Annotated[Auth, Depends(require_auth)]) -> None:
        await websocket.accept()
        await websocket.send_text(auth.user_id)
        await websocket.close()

    @app.websocket("/data", dependencies=[Depends(require_permission("org:data:read"))])
    async def data(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("data")
        await websocket.close()

    @app.websocket("/scoped")
    async def scoped(
        websocket: WebSocket,
        auth: Annotated[Auth, Security(require_auth, scopes=["org:data:write"])],
    ) -> None:
        await websocket.accept()
        await websocket.close()

    @app.websocket("/action", dependencies=[Depends(require_reverification("strict"))])
    async def action(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    @app.websocket("/greeting")
    async def greeting(
        websocket: WebSocket, auth: Annotated[Auth | None, Depends(optional_auth)]
    ) -> None:
        await websocket.accept()
        await websocket.send_text("nobody" if auth is None else auth.user_id)
        await websocket.close()

    @router.websocket("/routed")
    async def routed(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    @app.websocket("/late/{name}", dependencies=[Depends(require_auth)])
    async def late(websocket: WebSocket, name: str) -> None:
        await websocket.accept()
        raise ERRORS[name]

    @app.websocket("/gone", dependencies=[Depends(require_auth)])
    async def gone(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()
        raise ERRORS["denied"]

    app.include_router(router, prefix="/deep")
    return app


async def test_websockets_over_a_real_server(
    app: FastAPI, ada: Headers, bob: Headers, ada_session: Session
) -> None:
    """Accepted, refused with 401 or 403 and our body, or closed with 3000 or 3003."""

    async def refusal(path: str, headers: Headers) -> tuple[int, object, str | None]:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://{address}{path}", additional_headers=headers):
                pass
        response = refused.value.response
        body = json.loads(bytes(response.body))
        return response.status_code, body, response.headers.get("WWW-Authenticate")

    async def closing(path: str) -> tuple[int, str] | None:
        async with connect(f"ws://{address}{path}", additional_headers=ada) as websocket:
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
        received = closed.value.rcvd
        return received and (received.code, received.reason)

    async with asyncio.timeout(60), serving(app) as address:
        async with connect(f"ws://{address}/live", additional_headers=ada) as websocket:
            assert await websocket.recv() == ada_session.user.id
        async with connect(f"ws://{address}/data", additional_headers=ada) as websocket:
            assert await websocket.recv() == "data"
        async with connect(f"ws://{address}/greeting") as websocket:
            assert await websocket.recv() == "nobody"
        status, body, challenge = await refusal("/live", {})
        assert (status, challenge) == (401, "Bearer")
        assert body["detail"]["code"] == "session-token-and-uat-missing"  # type: ignore[index]  # JSON
        status, body, challenge = await refusal("/data", bob)
        assert (status, body["detail"]["missing"]) == (403, {"permission": "org:data:read"})  # type: ignore[index]  # JSON
        assert await closing("/late/unbelieved") == (3000, "token-verification-failed")
        assert await closing("/late/denied") == (3003, "permission-denied")
        assert await closing("/late/outage") == (1013, "backend-unavailable")


@pytest.mark.parametrize("path", ["/live", "/data", "/scoped", "/action", "/deep/routed"])
async def test_handshake_without_a_token_is_refused_everywhere(app: FastAPI, path: str) -> None:
    """As parameter, in a decorator, with scopes, on a router; nothing was accepted before."""
    async with running(app):
        start, body = await open_websocket(app, path, {}, denials=True)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert json.loads(body["body"])["detail"]["code"] == "session-token-and-uat-missing"
    assert (b"www-authenticate", b"Bearer") in start["headers"]
    assert (b"cache-control", b"no-store") in start["headers"]


@pytest.mark.parametrize(
    ("path", "code"), [("/data", "permission-denied"), ("/scoped", "permission-denied")]
)
async def test_handshake_without_the_permission_is_refused_with_403(
    app: FastAPI, bob: Headers, path: str, code: str
) -> None:
    """Signed in, but not allowed."""
    async with running(app):
        start, body = await open_websocket(app, path, bob, denials=True)
    assert start["status"] == 403
    assert json.loads(body["body"])["detail"]["code"] == code


async def test_handshake_without_a_recent_proof_has_the_reverification_body(
    app: FastAPI, bob: Headers
) -> None:
    """The browser SDK can make sense of a refused handshake, too."""
    async with running(app):
        start, body = await open_websocket(app, "/action", bob, denials=True)
    assert start["status"] == 403
    assert json.loads(body["body"])["clerk_error"]["reason"] == "reverification-error"


async def test_server_that_cannot_deny_is_told_to_close(
    app: FastAPI, ada: Headers, bob: Headers
) -> None:
    """Without the extension a close before accept becomes a plain 403."""
    async with running(app):
        nobody = await open_websocket(app, "/live", {})
        member = await open_websocket(app, "/data", bob)
        admin = await open_websocket(app, "/data", ada)
    assert [(sent["type"], sent["code"]) for sent in nobody] == [("websocket.close", 3000)]
    assert [(sent["type"], sent["code"]) for sent in member] == [("websocket.close", 3003)]
    assert admin[0]["type"] == "websocket.accept"


async def test_keys_that_cannot_be_had_refuse_the_handshake_with_503(
    app: FastAPI, local: LocalClerk, ada: Headers
) -> None:
    """An outage is no 401 here either."""
    with local.outage("html"):
        async with running(app):
            start, _ = await open_websocket(app, "/live", ada, denials=True)
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]


@pytest.mark.parametrize("accepted", [True, False])
async def test_cookies_open_websockets_for_pages_of_this_host_only(
    app: FastAPI, local: LocalClerk, ada_session: Session, accepted: bool
) -> None:
    """Any page may open a WebSocket anywhere, and the browser sends the cookies along."""
    cookies = "; ".join(f"{name}={value}" for name, value in local.cookies(ada_session).items())
    origin = "http://app.example" if accepted else "https://evil.example"
    headers = {"Host": "app.example", "Origin": origin, "Cookie": cookies}
    async with running(app):
        first, *_ = await open_websocket(app, "/live", headers, denials=True)
    if accepted:
        assert first["type"] == "websocket.accept"
    else:
        assert first["status"] == 401


async def test_refusal_after_the_socket_was_closed_is_no_crash(app: FastAPI, ada: Headers) -> None:
    """There is nobody left to tell."""
    async with running(app):
        sent = await open_websocket(app, "/gone", ada)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
