"""The Frontend API below a path of the application, for browsers that cannot reach Clerk itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from clerk_fastapi.backend.frontend_api import FrontendApi, Reply
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import BackendUnavailable
from clerk_fastapi.protocol.proxy import (
    METHODS,
    Asked,
    Outgoing,
    Passage,
    ProxyRefused,
    declared_length,
)

__all__ = ["LIMITS", "FrontendApiProxy", "ProxyLimits"]

_FAILED = "proxy_request_failed"
_SMALL = 65_536


class ProxyLimits(NamedTuple):
    """How much is passed on, in bytes, and how long it may take, in seconds.

    ``pause`` is what may pass between two signs of life of either side, ``total`` the whole of it.
    """

    request: int = 64 * 1_048_576
    answer: int = 64 * 1_048_576
    connect: float = 5.0
    pause: float = 20.0
    total: float = 300.0


LIMITS: Final = ProxyLimits()
"""What holds unless a proxy's ``limits`` are set to others."""


class FrontendApiProxy:
    """Passes requests below the path of ``proxy_url`` on to Clerk's Frontend API.

    It is an ASGI application: ``ClerkMiddleware(frontend_api_proxy=True)`` puts it in its place,
    and it can be mounted: ``app.mount("/__clerk", FrontendApiProxy(clerk))``.

    :param clerk: the instance; it needs ``proxy_url``, a publishable key and the secret key.
    :param frontend_api_url: the origin of the Frontend API, if it is not where Clerk has it.
    :raises ConfigurationError: if something is missing.
    """

    def __init__(self, clerk: Engine[Any], *, frontend_api_url: str | None = None) -> None:
        self.limits = LIMITS
        self._clerk = clerk
        self._passage = Passage.between(clerk.site, clerk.secret_key, frontend_api_url)

    def serves(self, scope: Scope) -> bool:
        """Whether a request or WebSocket is for this path, as the browser sees it, or below."""
        path, root = scope.get("path", ""), scope.get("root_path", "").rstrip("/")
        if root and not f"{path}/".startswith(f"{root}/"):
            path = root + path  # a proxy has taken it off on the way here
        return self._passage.covers(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; WebSockets are refused."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        if scope["type"] != "http":
            return
        try:
            outgoing = self._passage.outgoing(self._asked(scope))
            body = _Body(receive, declared_length(scope["headers"]), self.limits)
        except ProxyRefused as error:
            await _refuse(error, scope, receive, send)
            return
        forwarding = _Forwarding(self._clerk.frontend_api, self._passage, self.limits, outgoing)
        refused = await _while_there(forwarding, body, send)
        if refused is not None and forwarding.has_begun:
            # What was sent must not be taken for all of it: the server hangs up.
            raise BackendUnavailable("The answer of Clerk's Frontend API broke off.")
        if refused is not None:
            await _refuse(refused, scope, receive, send)

    def _asked(self, scope: Scope) -> Asked:
        headers = tuple(scope["headers"])
        # A URL is read of requests only that do not speak for themselves, but this one goes on.
        plain = [(name, value) for name, value in headers if name != b"authorization"]
        visit = self._clerk.visit(HTTPConnection({**scope, "headers": plain}))
        client = scope.get("client")
        return Asked(scope["method"], visit.url, client[0] if client else None, headers)


class _Body:
    """What a request carries, read as fast as it is taken, and whether anybody is still there."""

    def __init__(self, receive: Receive, declared: int | None, limits: ProxyLimits) -> None:
        self.declared = declared
        self._receive = receive
        self._limits = limits
        self._message: Message = {}
        self._over = asyncio.Event()
        self._count(declared or 0)

    async def begin(self) -> AsyncIterator[bytes] | None:
        """Wait for the first of it; ``None`` if there is nothing."""
        await self._read()
        while not self._message.get("body") and self._message.get("more_body"):
            await self._read()
        if self._message.get("body"):
            if self.declared is not None and self.declared <= _SMALL:
                # Whoever is slow with it takes no connection away from others.
                return _again([chunk async for chunk in self._chunks()])
            return self._chunks()
        self.end()
        return None

    def end(self) -> None:
        """Want no more of it."""
        self._over.set()

    async def gone(self) -> None:
        """Wait until the client has hung up; for as long as there is a body, that shows there."""
        await self._over.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _chunks(self) -> AsyncIterator[bytes]:
        passed = 0
        while True:
            chunk: bytes = self._message.get("body", b"")
            passed += len(chunk)
            self._count(passed)
            if chunk:
                yield chunk
            if not self._message.get("more_body"):
                break
            await self._read()
        self.end()
        if self.declared not in (None, passed):
            raise ProxyRefused(400, _FAILED, "The body is not as long as it was said to be.")

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._limits.pause):
                self._message = await self._receive()
        except TimeoutError:
            message = "The body of the request did not come in time."
            raise ProxyRefused(408, _FAILED, message) from None
        if self._message["type"] == "http.disconnect":
            raise _Gone

    def _count(self, size: int) -> None:
        if size > self._limits.request:
            raise ProxyRefused(413, _FAILED, "The request is too large.")


async def _again(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


class _Gone(Exception):
    """Nobody waits for the answer any more."""


class _Forwarding:
    """One request on its way to the Frontend API, and the answer on its way back."""

    def __init__(
        self, api: FrontendApi, passage: Passage, limits: ProxyLimits, outgoing: Outgoing
    ) -> None:
        self.has_begun = False
        self._api = api
        self._passage = passage
        self._limits = limits
        self._outgoing = outgoing

    async def run(self, body: _Body, send: Send) -> ProxyRefused | None:
        """Pass everything on; what stands in the way is told."""
        try:
            async with asyncio.timeout(self._limits.total):
                await self._run(body, send)
        except _Gone:
            return None
        except ProxyRefused as error:
            return error
        except TimeoutError:
            return ProxyRefused(504, _FAILED, "Clerk did not answer in time.")
        except BackendUnavailable:
            return ProxyRefused(502, _FAILED, "Clerk cannot be reached at the moment.")
        finally:
            body.end()
        return None

    async def _run(self, body: _Body, send: Send) -> None:
        content = await body.begin()
        outgoing = self._outgoing
        if body.declared is not None:
            length = (b"content-length", b"%d" % body.declared)
            outgoing = outgoing._replace(headers=(*outgoing.headers, length))
        asking = self._api.ask(
            outgoing, content, connect=self._limits.connect, pause=self._limits.pause
        )
        async with asking as reply:
            body.end()
            headers = self._passage.answer_headers(reply.status, reply.headers, outgoing)
            self._check_size(declared_length(headers) or 0)
            self.has_begun = True
            await send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await self._pass_body(reply, send)
        await send({"type": "http.response.body"})

    async def _pass_body(self, reply: Reply, send: Send) -> None:
        passed = 0
        async for chunk in reply.body:
            passed += len(chunk)
            self._check_size(passed)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

    def _check_size(self, size: int) -> None:
        if size > self._limits.answer:
            raise ProxyRefused(502, _FAILED, "The answer is too large.")


async def _while_there(forwarding: _Forwarding, body: _Body, send: Send) -> ProxyRefused | None:
    """Forward for as long as somebody waits for the answer."""
    try:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(forwarding.run(body, send))
            gone = group.create_task(body.gone())
            work.add_done_callback(lambda _: gone.cancel())
            gone.add_done_callback(lambda _: work.cancel())
    except ExceptionGroup as errors:
        # Such as that of a middleware whose own limit was met: it knows it by its own name only.
        raise errors.exceptions[0] from None
    return None if work.cancelled() else work.result()


async def _refuse(error: ProxyRefused, scope: Scope, receive: Receive, send: Send) -> None:
    headers = {"Cache-Control": "no-store"}
    if error.status == 405:
        headers["Allow"] = ", ".join(METHODS)
    content = {"errors": [{"code": error.code, "message": error.message}]}
    await JSONResponse(content, error.status, headers)(scope, receive, send)
