"""ClerkMiddleware lets everything else pass: streams, sockets, errors, tasks and contexts."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, Request, Response, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from clerk_fastapi import (
    AccessDenied,
    Clerk,
    ClerkError,
    ClerkMiddleware,
    Role,
    TokenError,
)
from clerk_fastapi.testing import Session
from tests.web.conftest import Headers
from tests.web.serving import running, serving

pytestmark = pytest.mark.anyio

ADMIN = Role("org:admin")


def wrapped(clerk: Clerk[Any], **options: Any) -> FastAPI:
    """An application whose routes are all for those who are signed in."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    arguments = {"default": "signed_in", "identity_headers": {"x-user-id": "user_id"}} | options
    app.add_middleware(ClerkMiddleware, **arguments)
    return app


async def test_streamed_answer_arrives_as_it_is_made(clerk: Clerk, ada: Headers) -> None:
    """Its first part is read before the second one exists."""
    app, read = wrapped(clerk), asyncio.Event()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            yield "first"
            await read.wait()
            yield "second"

        return StreamingResponse(parts())

    async with (
        asyncio.timeout(60),
        serving(app) as address,
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", f"http://{address}/stream", headers=ada) as answer,
    ):
        parts = answer.aiter_text()
        assert await anext(parts) == "first"
        read.set()
        assert [part async for part in parts] == ["second"]


async def test_request_body_is_left_to_the_handler(clerk: Clerk, ada: Headers) -> None:
    """It arrives in the parts that the server read, and nobody has read it before."""
    app, seen = wrapped(clerk), []

    @app.post("/upload")
    async def upload(request: Request) -> None:
        seen.extend([part async for part in request.stream()])

    async with running(app):
        sent = await post(app, "/upload", ada, [b"a" * 70_000, b"b", b"c"])
    assert (sent[0]["status"], seen) == (200, [b"a" * 70_000, b"b", b"c", b""])


async def test_body_of_a_refused_request_is_not_read(clerk: Clerk) -> None:
    """Whoever is turned away has not sent anything yet."""
    app = wrapped(clerk)
    app.add_api_route("/upload", lambda: None, methods=["POST"])
    async with running(app):
        unread = [b"a", b"b"]
        assert (await post(app, "/upload", {}, unread))[0]["status"] == 401
    assert unread == [b"a", b"b"]


async def post(app: FastAPI, path: str, headers: Headers, parts: list[bytes]) -> list[Message]:
    """Send a request in parts, taken from the list as they are read, and collect the answer."""
    sent: list[Message] = []

    async def receive() -> Message:
        more = len(parts) > 1
        return {"type": "http.request", "body": parts.pop(0), "more_body": more}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": raw}
    await app(scope, receive, send)
    return sent


async def test_websocket_works_over_a_real_server(
    clerk: Clerk, ada: Headers, ada_session: Session
) -> None:
    """In both directions, and refused before it is accepted."""
    app = wrapped(clerk)

    @app.websocket("/live")
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(f"{text} {websocket.headers['x-user-id']}")

    async with asyncio.timeout(60), serving(app) as address:
        url = f"ws://{address}/live"
        async with connect(url, additional_headers=ada) as websocket:
            for word in ("hello", "again"):
                await websocket.send(word)
                assert await websocket.recv() == f"{word} {ada_session.user.id}"
        with pytest.raises(InvalidStatus) as refused:
            async with connect(url, additional_headers={"x-user-id": "user_evil"}):
                pass
    assert refused.value.response.status_code == 401


class Broken(Exception):
    """An error of the application's own."""


async def test_error_of_a_handler_reaches_the_applications_handlers(
    clerk: Clerk, ada: Headers
) -> None:
    """By its own type."""
    app = wrapped(clerk)

    @app.get("/broken")
    async def broken() -> str:
        raise Broken

    @app.exception_handler(Broken)
    async def mended(request: Request, error: Broken) -> Response:
        return PlainTextResponse("mended", 418)

    async with running(app) as client:
        answer = await client.get("/broken", headers=ada)
    assert (answer.status_code, answer.text) == (418, "mended")


async def test_error_that_nobody_handles_goes_up_to_the_server(clerk: Clerk, ada: Headers) -> None:
    """Having been answered with the application's last word."""
    app = wrapped(clerk)

    @app.get("/broken")
    async def broken() -> str:
        raise Broken

    @app.exception_handler(Exception)
    async def last(request: Request, error: Exception) -> Response:
        return PlainTextResponse("sorry", 500)

    async with running(app) as client:
        with pytest.raises(Broken):
            await client.get("/broken", headers=ada)
    async with serving(app) as address, httpx.AsyncClient(timeout=60) as client:
        answer = await client.get(f"http://{address}/broken", headers=ada)
    assert (answer.status_code, answer.text) == (500, "sorry")


@pytest.mark.parametrize("kind", [ClerkError, TokenError, AccessDenied])
async def test_refusals_of_policies_reach_the_applications_handlers(
    clerk: Clerk, bob: Headers, kind: type[ClerkError]
) -> None:
    """As those of guards do; what has no handler is answered as ever."""
    app, worded = wrapped(clerk, default=ADMIN), "in our words"
    app.add_api_route("/a", lambda: "a")

    @app.exception_handler(kind)
    async def own(request: Request, error: ClerkError) -> Response:
        return PlainTextResponse(worded, error.status)

    async with running(app) as client:
        denied, nobody = await client.get("/a", headers=bob), await client.get("/a")
    assert (denied.status_code, nobody.status_code) == (403, 401)
    assert (denied.text == worded) == (kind is not TokenError)
    assert (nobody.text == worded) == (kind is not AccessDenied)


async def test_mounted_application_words_refusals_itself(clerk: Clerk, bob: Headers) -> None:
    """The innermost application's handlers come first."""
    app, sub = wrapped(clerk, default=ADMIN), FastAPI(openapi_url=None)
    sub.add_api_route("/a", lambda: "a")
    app.mount("/sub", sub)

    @sub.exception_handler(AccessDenied)
    async def own(request: Request, error: AccessDenied) -> Response:
        return PlainTextResponse("in its words", error.status)

    async with running(app) as client:
        assert (await client.get("/sub/a", headers=bob)).text == "in its words"


async def test_background_tasks_run_after_the_answer(clerk: Clerk, ada: Headers) -> None:
    """Of handlers and of dependencies."""
    app, done = wrapped(clerk), list[str]()

    def later(tasks: BackgroundTasks) -> None:
        tasks.add_task(done.append, "dependency")

    @app.get("/a", dependencies=[Depends(later)])
    async def a(tasks: BackgroundTasks) -> str:
        tasks.add_task(done.append, "handler")
        return "a"

    async with running(app) as client:
        await client.get("/a")
        assert done == []
        assert (await client.get("/a", headers=ada)).json() == "a"
    assert done == ["dependency", "handler"]


current: ContextVar[str] = ContextVar("current", default="nothing")


class Reading:
    """Middleware that reads a context variable when the request is over."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self.app = app
        self.seen = seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
        if scope["type"] == "http":
            self.seen.append(current.get())


async def test_context_variables_pass_in_both_directions(clerk: Clerk, ada: Headers) -> None:
    """A request is served in the one task that the server made for it."""
    app, after = wrapped(clerk), list[str]()
    app.add_middleware(Reading, seen=after)

    async def remember(request: Request) -> AsyncIterator[None]:
        token = current.set(request.headers["x-user-id"])
        yield
        current.reset(token)
        current.set("done")

    @app.get("/a", dependencies=[Depends(remember)])
    async def a(request: Request) -> bool:
        return current.get() == request.headers["x-user-id"]

    async with running(app) as client:
        assert (await client.get("/a", headers=ada)).json() is True
    assert after == ["done"]
