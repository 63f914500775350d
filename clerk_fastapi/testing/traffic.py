"""The line to the instance: what came over it, and how it can fail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, NamedTuple, Self

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clerk_fastapi.testing.answers import clerk_error

__all__ = ["Outage", "SeenRequest", "Traffic"]

Outage = Literal["error", "html", "half", "hang", "unreachable"]

_OWN = "/local/"


class _RequestLine(NamedTuple):
    method: str
    path: str


class SeenRequest(_RequestLine):
    """A request that reached the instance, or would have if nothing had failed.

    It is equal to its method and path, and shows no more of itself: what else it carried,
    ``query``, ``headers`` and ``body``, is full of secrets.
    """

    query: str
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, scope: Scope, body: bytes) -> Self:
        """Note what came in."""
        seen = cls(scope["method"], scope["path"])
        seen.query = scope["query_string"].decode("latin-1")
        seen.headers, seen.body = Headers(scope=scope), body
        return seen


class Traffic:
    """An ASGI application that notes every request to Clerk, and fails when told to.

    What is below ``/local`` is no part of Clerk: it is neither noted nor does it fail.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._failure: ASGIApp | None = None
        self.requests: list[SeenRequest] = []

    @contextmanager
    def outage(self, kind: Outage, status: int, headers: Mapping[str, str]) -> Iterator[None]:
        """Fail in one way while the block runs."""
        before = self._failure
        self._failure = _error(status, headers) if kind == "error" else _FAILURES[kind]
        try:
            yield
        finally:
            self._failure = before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the request, then fail or pass it on."""
        if scope["type"] != "http" or scope["path"].startswith(_OWN):
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        self.requests.append(SeenRequest.of(scope, body))

        unread = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_again() -> Message:
            return unread.pop() if unread else await receive()

        await (self._failure or self._app)(scope, receive_again, send)


def _error(status: int, headers: Mapping[str, str]) -> ASGIApp:
    response = clerk_error(status, "internal_clerk_error", "The local Clerk is having an outage.")
    response.headers.update(headers)
    return response


async def _half(scope: Scope, receive: Receive, send: Send) -> None:
    body = json.dumps({"keys": []}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    raise httpx.RemoteProtocolError("The local Clerk hung up in the middle of its answer.")


async def _hang(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise httpx.ConnectError("The local Clerk cannot be reached.")


_FAILURES: dict[Outage, ASGIApp] = {
    "html": HTMLResponse("<!doctype html><title>Sign in to the hotel's network</title>"),
    "half": _half,
    "hang": _hang,
    "unreachable": _unreachable,
}
