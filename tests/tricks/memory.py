"""Requests as servers hand them on, and as no server does: paths that disagree with one another."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Scope

from clerk_fastapi import ConfigurationError
from tests.tricks.application import Site
from tests.tricks.asked import PATHS, SOCKETS, spellings
from tests.tricks.declared import REQUEST_ID, Level
from tests.tricks.judging import Outcome, complaint

__all__ = ["plain_scopes", "scopes", "wrong_answers"]

_METHODS = (*["GET"] * 12, "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get", "\u212aILL", "")
_ROOTS = (*[""] * 6, "/", "/admin", "/sub", "/v1", "/v2", "/open-reports", "/one", "/x", "//")
_HEADERS: list[tuple[bytes, bytes]] = [
    (b"x-version", b"2"),
    (b"x-original-url", b"/items"),
    (b"x-middleware-subrequest", b"middleware"),
    (b"x-clerk-auth-status", b"signed-in"),
    (b"x-http-method-override", b"GET"),
    (b"origin", b"https://app.example"),
    (b"access-control-request-method", b"GET"),
    (b"sec-fetch-dest", b"document"),
    (b"host", b"api.example"),
    (b"host", b"acme.tenants.example"),
]


def plain_scopes(*more: str) -> Iterator[Scope]:
    """One request for everything there is, without any trick."""
    for at, path in enumerate((*PATHS, *more, *SOCKETS)):
        headers = [(b"host", b"app.example"), (REQUEST_ID.encode(), str(at).encode())]
        yield _sent(unquote(path), headers, is_socket=path in SOCKETS)


def _sent(path: str, headers: list[tuple[bytes, bytes]], *, is_socket: bool) -> dict[str, Any]:
    return {
        "type": "websocket" if is_socket else "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws" if is_socket else "http",
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "extensions": {"websocket.http.response": {}} if is_socket else {},
        **({} if is_socket else {"method": "GET"}),
    }


def scopes(seed: int, count: int) -> Iterator[Scope]:
    """Any number of requests, always the same for one seed."""
    random = Random(seed)
    every = {path: list(spellings(path)) for path in PATHS + SOCKETS}
    for at in range(count):
        yield _scope(random, every, at)


def _scope(random: Random, every: dict[str, list[str]], at: int) -> Scope:
    is_socket = random.random() < 0.2
    one = random.choice(SOCKETS if is_socket and random.random() < 0.8 else PATHS)
    target = random.choice(every[one])
    for _ in range(random.choice((0, 0, 1, 2))):
        other = random.choice(list(every))
        # One trick on top of another: what it did to the other path is done to this one.
        target = random.choice(every[other]).replace(other, target, 1)
    raw, _, query = target.partition("?")
    path = unquote(raw)
    root = random.choice(_ROOTS)
    if random.random() < 0.3:
        root, path = random.choice(((root, root + path), (path[:4], path), (path, path)))
    if random.random() < 0.3:
        raw = random.choice(every[random.choice(PATHS)])
    headers = random.sample(_HEADERS, random.choice((0, 0, 0, 1, 2)))
    if not any(name == b"host" for name, _ in headers):
        headers.append((b"host", b"app.example"))
    headers.append((REQUEST_ID.encode(), str(at).encode()))
    scope = _sent(path, headers, is_socket=is_socket)
    scope |= {
        "raw_path": raw.encode("latin-1"),
        "root_path": root,
        "query_string": query.encode("latin-1"),
        "http_version": random.choice(("1.0", "1.1", "2")),
    }
    if not is_socket:
        scope["method"] = random.choice(_METHODS)
    return scope


async def wrong_answers(
    plain: Site,
    site: Site,
    callers: Mapping[Level, list[tuple[str, str]]],
    asked: Iterable[Scope],
) -> list[tuple[Scope, str]]:
    """What is wrong with an application, compared with the same without policies."""
    wrong = []
    for at, scope in enumerate(asked):
        name = dict(scope["headers"])[REQUEST_ID.encode()].decode()
        expected = (await _call(plain.app, scope)).with_reached(plain.visits.of.pop(name, ()))
        for caller, token in callers.items():
            if caller is not Level.PUBLIC and not expected.reached and at % 4:
                continue  # who has a token asks for what there is to be had
            answer = await _call(site.app, scope, *token)
            found = answer.with_reached(site.visits.of.pop(name, ()))
            if (said := complaint(caller, expected, found)) is not None:
                wrong.append((scope, said))
    return wrong


async def _call(app: ASGIApp, scope: Scope, *headers: tuple[str, str]) -> Outcome:
    """Send one request and collect the answer; a WebSocket that is opened has status 101."""
    sent: list[Message] = []
    is_socket = scope["type"] == "websocket"
    first = {"type": "websocket.connect"} if is_socket else {"type": "http.request"}
    last = {"type": "websocket.disconnect" if is_socket else "http.disconnect"}
    incoming = iter((first,))

    async def receive() -> Message:
        return next(incoming, last)

    async def send(message: Message) -> None:
        sent.append(message)

    added = [(name.lower().encode(), value.encode()) for name, value in headers]
    fresh = {**scope, "headers": [*scope["headers"], *added], "state": {}}
    # By then 500 is answered; files had ways to complain of WebSockets and of null bytes.
    with suppress(ConfigurationError, AssertionError, ValueError):
        await app(fresh, receive, send)
    return _read(sent)


def _read(sent: list[Message]) -> Outcome:
    body = b""
    start: Message = {"status": 403}  # which servers answer if a handshake is closed
    for message in sent:
        if message["type"] == "websocket.accept":
            start = {**message, "status": 101}
        elif message["type"].endswith(".start"):
            start = message
        body += message.get("body", b"") or (message.get("text") or "").encode()
    pairs = start.get("headers") or []
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)
    return Outcome(start["status"], headers, body)
