"""ClerkMiddleware asks who somebody is once, if anybody wants to know."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket

from clerk_fastapi import (
    Auth,
    Clerk,
    ClerkMiddleware,
    Permission,
    Policy,
    Role,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_permission,
    require_role,
)
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

ADMIN = Role("org:admin")
READ = Permission("org:data:read")


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The signatures that were looked at, each time that one was."""
    seen: list[bytes] = []
    verify = VerificationKey.verify

    def noted(key: VerificationKey, signing_input: bytes, signature: bytes) -> bool:
        seen.append(signature)
        return verify(key, signing_input, signature)

    monkeypatch.setattr(VerificationKey, "verify", noted)
    return seen


@pytest.fixture
def forgetful(local: LocalClerk) -> Clerk[Any]:
    """A Clerk that remembers nothing from one request to the next."""
    return Clerk(**local.settings(), token_memory=0)


@pytest.fixture
def app(forgetful: Clerk[Any]) -> FastAPI:
    """An application that asks in every way there is: a policy, headers, and guards everywhere."""
    asked = [Depends(require_auth)]
    app = FastAPI(lifespan=forgetful.lifespan, dependencies=asked, openapi_url=None)
    router = APIRouter(dependencies=[Depends(require_role("org:admin")), Depends(optional_auth)])
    sub = FastAPI(dependencies=[Depends(require_permission("org:data:write"))], openapi_url=None)

    @router.get("/all", dependencies=[Depends(require(READ))])
    async def everything(
        request: Request, auth: Annotated[Auth, Depends(require_auth)]
    ) -> list[str | None]:
        return [auth.user_id, request.headers.get("x-user-id")]

    @router.websocket("/all", dependencies=[Depends(require(READ))])
    async def live(websocket: WebSocket, auth: Annotated[Auth, Depends(require_auth)]) -> None:
        await websocket.accept()
        await websocket.send_json([auth.user_id, websocket.headers.get("x-user-id")])
        await websocket.close()

    sub.include_router(router)
    app.include_router(router)
    app.mount("/sub", sub)
    app.add_middleware(
        ClerkMiddleware,
        policies=[Policy(ADMIN & READ, "/all"), Policy(READ, "/sub/(.*)")],
        default="signed_in",
        identity_headers={"x-user-id": "user_id"},
    )
    return app


@pytest.mark.parametrize("path", ["/all", "/sub/all"])
async def test_all_who_ask_are_answered_by_one_verification(
    app: FastAPI, ada: Headers, ada_session: Session, checked: list[bytes], path: str
) -> None:
    """Middleware, policies, headers and guards share it; the next request has its own."""
    async with running(app) as client:
        for times in (1, 2):
            answer = await client.get(path, headers=ada)
            assert answer.json() == [ada_session.user.id] * 2
            assert len(checked) == times


@pytest.mark.parametrize("path", ["/all", "/sub/all"])
async def test_websocket_is_verified_once(
    app: FastAPI, ada: Headers, ada_session: Session, checked: list[bytes], path: str
) -> None:
    """By the same."""
    async with running(app):
        sent = await open_websocket(app, path, ada)
    said = ada_session.user.id
    assert sent[1]["text"] == f'["{said}","{said}"]'
    assert len(checked) == 1


async def test_refused_token_is_looked_at_once(
    app: FastAPI, bob: Headers, local: LocalClerk, ada_session: Session, checked: list[bytes]
) -> None:
    """Whatever is wrong with it."""
    forged = {"Authorization": f"Bearer {local.forge('payload-edited', ada_session)}"}
    async with running(app) as client:
        assert (await client.get("/all", headers=bob)).status_code == 403
        assert (await client.get("/all", headers=forged)).status_code == 401
    assert len(checked) == 2


async def test_session_is_renewed_once(
    app: FastAPI, local: LocalClerk, ada_session: Session, clock: Any
) -> None:
    """Clerk is asked one time for all who want to know, and the cookies are set one time."""
    jar = local.cookies(ada_session, refresh=True)
    clock.now += 3_600
    slept = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
    async with running(app) as client:
        answer = await client.get("/sub/all", headers=slept)
    assert answer.json() == [ada_session.user.id] * 2
    assert len(answer.headers.get_list("set-cookie")) == 3
    assert len(local.requests_to(f"/sessions/{ada_session.id}/refresh")) == 1


async def test_clerk_is_asked_once_about_an_opaque_token(
    forgetful: Clerk[Any], local: LocalClerk, callers: dict[str, Headers]
) -> None:
    """Which nobody remembers from one request to the next."""
    app = FastAPI(lifespan=forgetful.lifespan, dependencies=[Depends(require_api_key)])
    app.add_api_route("/key", lambda: "key", dependencies=[Depends(require_api_key)])
    app.add_middleware(
        ClerkMiddleware,
        policies=[Policy(require_api_key, "/key")],
        identity_headers={"x-user-id": "user_id"},
    )
    async with running(app) as client:
        for times in (1, 2):
            assert (await client.get("/key", headers=callers["key"])).status_code == 200
            assert len(local.requests_to("/api_keys/verify")) == times


async def test_nobody_is_asked_about_who_does_not_matter(
    forgetful: Clerk[Any], local: LocalClerk, ada: Headers, checked: list[bytes]
) -> None:
    """Without a guard, a policy or a header that wants to know, a token is not even looked at."""
    app = FastAPI(lifespan=forgetful.lifespan)
    app.add_api_route("/free", lambda: "free")
    app.add_api_route("/shut", lambda: "shut")
    app.add_middleware(ClerkMiddleware, policies=[Policy("signed_in", "/shut")])
    async with running(app) as client:
        for path, status in (("/free", 200), ("/missing", 404)):
            for headers in (ada, {"Authorization": "Bearer junk"}, {"Cookie": "__session=junk"}):
                answer = await client.get(path, headers=headers)
                assert answer.status_code == status
                assert not [name for name in answer.headers if name.startswith("x-clerk")]
    assert (checked, local.requests) == ([], [])
