"""Whatever Clerk is asked for, and however it fails: the right answer, in time, and no secret told.

Over real sockets, through whole applications. The keys, the three verify endpoints, the refresh of
an expired session and the nonce of a handshake fail in every way that a network and a server have.
"""

import asyncio
import logging
import re
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.requests import HTTPConnection

from clerk_fastapi import BackendUnavailable, Clerk
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.flaws.application import DOCUMENT, ORIGIN, application, bearer, jar
from tests.web.serving import running

pytestmark = pytest.mark.anyio

BOUND = 0.15
PATIENCE = 30.0  # where the answer comes at once and what it says matters: machines can be busy
LONG = 60.0  # far below for ever
SECRET_KEY = "sk_test_" + "not-a-real-one-0"
NONCE = "nonce_" + "not-a-real-one-1"
OPAQUE = {"api_key": "ak_", "m2m": "mt_", "oauth": "oat_"}


class Failure(NamedTuple):
    """What a server sends before it hangs up, or before it says nothing more for ever."""

    answer: bytes
    hangs: bool = False


def _answer(status: int, body: bytes = b"{}", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


_ERROR = b'{"errors":[{"code":"internal_clerk_error","message":"x"}]}'
FAILURES = {
    "silent": Failure(b""),
    "hang": Failure(b"", hangs=True),
    "stall": Failure(_answer(200, b'{"keys": [', length=100), hangs=True),
    "half": Failure(_answer(200, b'{"keys": [', length=100)),
    "junk": Failure(b"SSH-2.0-OpenSSH_9.9\r\n"),
    "html": Failure(_answer(200, b"<!doctype html><title>Sign in to the network</title>")),
    "truncated": Failure(_answer(200, b'{"object": "api_k')),
    "empty": Failure(_answer(204, b"")),
    "redirect": Failure(_answer(302, b"", "Location: /elsewhere")),
    "401": Failure(_answer(401, _ERROR)),
    "403": Failure(_answer(403, _ERROR)),
    "404": Failure(_answer(404, _ERROR)),
    "429": Failure(_answer(429, _ERROR, "Retry-After: 7")),
    "500": Failure(_answer(500, _ERROR)),
    "503": Failure(_answer(503, _ERROR, "Retry-After: 7")),
    "unreachable": Failure(b""),
}


@dataclass
class Server:
    """A Backend API that fails in one way."""

    failure: Failure
    url: str = ""
    requests: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    conversations: set[asyncio.Task[None] | None] = field(default_factory=set)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Server"]:
        """Fail on a free port of the loopback address while the block runs."""
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0)
        self.url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
        try:
            yield self
        finally:
            self.over.set()
            for _ in range(20):  # turns of the loop, in which callers who gave up are let in
                await asyncio.sleep(0)
            await asyncio.gather(*filter(None, self.conversations))
            server.close()
            await server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.conversations.add(asyncio.current_task())
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = re.search(r"(?i)content-length: (\d+)", head)
                await reader.readexactly(int(length[1]) if length else 0)
                self.requests.append(head.partition(" HTTP/")[0])
                writer.write(self.failure.answer)
                await writer.drain()
                if self.failure.hangs:
                    await self.over.wait()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def failing(how: str) -> AsyncIterator[Server]:
    """A server that fails; one that is unreachable was there before."""
    server = Server(FAILURES[how])
    async with server.serving():
        if how != "unreachable":
            yield server
    if how == "unreachable":
        yield server


class Call(NamedTuple):
    """A request that makes an application ask Clerk something, and the secrets it carries."""

    path: str
    headers: Mapping[str, str]
    secrets: tuple[str, ...]
    pinned: bool = True


Calls = Callable[[str], Call]


@pytest.fixture
def calls(local: LocalClerk, session: Session, clock: Clock) -> Calls:
    """Return a function that makes the request which asks Clerk for one thing."""

    def make(asked: str) -> Call:
        token = local.token(session, azp=ORIGIN)
        if asked == "keys":
            return Call("/session", bearer(token), (token,), pinned=False)
        if asked in OPAQUE:
            opaque = OPAQUE[asked] + "not-a-real-one-2"
            return Call(f"/{asked}", bearer(opaque), (opaque,))
        if asked == "nonce":
            return Call(f"/session?__clerk_handshake_nonce={NONCE}", DOCUMENT, (NONCE,))
        cookies = local.cookies(session, azp=ORIGIN, refresh=True)
        clock.now += 3_600
        secrets = (session.refresh_token, session.browser.token, cookies["__session"])
        return Call("/session", jar(cookies) | (DOCUMENT if asked == "refresh" else {}), secrets)

    return make


def clerk_of(local: LocalClerk, server: Server, call: Call, bound: float = BOUND) -> Clerk[Any]:
    """A ``Clerk`` that asks the server; with the key at hand unless that is what is asked for."""
    return Clerk(
        publishable_key=local.publishable_key,
        secret_key=SECRET_KEY,
        jwt_key=local.jwt_key if call.pinned else None,
        clock=local.clock,
        api_url=server.url,
        backend_timeout=bound,
    )


def expected(asked: str, how: str) -> tuple[int, str | None]:
    """The status of the answer, and the seconds after which to try again."""
    if asked in ("refresh", "fetch"):
        return (307 if asked == "refresh" else 401), None
    if how == "404" and asked != "keys":
        return (307 if asked == "nonce" else 401), None
    return 503, {"401": "60", "429": "7", "503": "7"}.get(how, "1")


def traces(secrets: tuple[str, ...]) -> set[str]:
    """What must not be read anywhere: secrets, and the parts of tokens that tell something."""
    parts = {part for secret in secrets for part in secret.split(".")[-2:]}
    return {SECRET_KEY, *secrets, *parts}


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Return a function that tells all that was logged by anybody at the most talkative level."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)

    def written() -> str:
        return "\n".join(
            f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text or ''}"
            for record in caplog.records
            if not record.getMessage().startswith(f"HTTP Request: GET {ORIGIN}")  # our own client
        )

    return written


ASKED = ["keys", "api_key", "m2m", "oauth", "refresh", "fetch", "nonce"]


@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("asked", ASKED)
async def test_failure_is_answered_in_time_and_tells_no_secret(
    local: LocalClerk, calls: Calls, everything: Callable[[], str], asked: str, how: str
) -> None:
    """Clerk's failure is a 503 that says when to try again; the caller's own is a 401."""
    call = calls(asked)
    bound = PATIENCE if how.isdigit() else BOUND
    async with (
        failing(how) as server,
        running(application(clerk_of(local, server, call, bound))) as app,
    ):
        async with asyncio.timeout(LONG):
            answer = await app.get(ORIGIN + call.path, headers=call.headers)
    status, retry_after = expected(asked, how)
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry_after)
    assert answer.headers["cache-control"] == "no-store"
    headers = dict(answer.headers)
    if asked == "refresh":
        # Clerk itself is told the expired token, as always; but not the refresh token.
        query = parse_qs(urlsplit(headers.pop("location")).query)
        why = "internal_clerk_error" if how.isdigit() else "fetch-error"
        assert query["__clerk_hs_reason"] == [f"session-token-expired-refresh-{why}"]
        assert call.secrets[0] not in str(query)
    if asked == "nonce" and how == "404":
        del headers["location"]  # leads back to the page that was asked for, as it was asked for
    told = f"{everything()} {answer.text} {headers!r}"
    assert "httpcore" in told
    assert [secret for secret in traces(call.secrets) if secret in told] == []
    assert len(server.requests) <= 3
    assert not any("elsewhere" in request for request in server.requests)


@pytest.mark.parametrize("how", ["hang", "half", "html", "401", "500", "unreachable"])
@pytest.mark.parametrize("asked", ["keys", "api_key", "m2m", "oauth", "nonce"])
async def test_exception_tells_no_secret(
    local: LocalClerk, calls: Calls, asked: str, how: str
) -> None:
    """Whoever asks by hand gets an error that can be logged, with nothing behind it."""
    call = calls(asked)
    path, _, query = call.path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "scheme": "https",
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"app.example.com")]
        + [(name.encode(), value.encode()) for name, value in call.headers.items()],
    }
    async with failing(how) as server:
        with pytest.raises(BackendUnavailable) as caught:
            await clerk_of(local, server, call).authenticate(
                HTTPConnection(scope), accepts_token="any"
            )
    told = ""
    for error in (caught.value, caught.value.__context__):
        if error is not None:
            told += f"{''.join(traceback.format_exception(error))} {error!r} {vars(error)!r}"
            assert isinstance(error, BackendUnavailable)  # those of httpx keep the request
    assert [secret for secret in traces(call.secrets) if secret in told] == []


@pytest.mark.parametrize("how", ["hang", "half", "html", "401", "404", "500", "unreachable"])
async def test_whoever_is_signed_in_need_not_know_of_an_outage(
    local: LocalClerk, session: Session, calls: Calls, how: str
) -> None:
    """A nonce that cannot be turned in does not sign anybody out."""
    call = calls("nonce")
    headers = jar(local.cookies(session, azp=ORIGIN)) | DOCUMENT
    async with failing(how) as server, running(application(clerk_of(local, server, call))) as app:
        answer = await app.get(ORIGIN + call.path, headers=headers)
    assert (answer.status_code, answer.json()) == (200, session.user.id)


@pytest.mark.parametrize("how", ["hang", "500"])
@pytest.mark.parametrize("asked", ASKED)
async def test_crowd_waits_no_longer_than_one(
    local: LocalClerk, calls: Calls, asked: str, how: str
) -> None:
    """Fifty at once wait beside each other, each within the bound, and nobody asks for keys twice.

    Fifty chains of calls after one another would take longer than this test allows.
    """
    call, bound = calls(asked), 0.5
    async with (
        failing(how) as server,
        running(application(clerk_of(local, server, call, bound))) as app,
    ):
        async with asyncio.timeout(50 * bound):
            answers = await asyncio.gather(
                *(app.get(ORIGIN + call.path, headers=call.headers) for _ in range(50))
            )
    assert {answer.status_code for answer in answers} == {expected(asked, how)[0]}
    at_most = 3 if asked == "keys" else 150
    assert len(server.requests) <= at_most


async def test_crowd_that_comes_later_does_not_ask_for_keys_at_all(
    local: LocalClerk, calls: Calls, clock: Clock
) -> None:
    """One failure is enough for a while; then one of them tries again for all."""
    call = calls("keys")
    async with (
        failing("hang") as server,
        running(application(clerk_of(local, server, call))) as app,
    ):
        first = await app.get(ORIGIN + call.path, headers=call.headers)
        asked_once = len(server.requests)
        for _ in range(50):
            later = await app.get(ORIGIN + call.path, headers=call.headers)
            assert later.status_code == 503
        assert len(server.requests) == asked_once
        clock.now += int(first.headers["retry-after"])
        await asyncio.gather(
            *(app.get(ORIGIN + call.path, headers=call.headers) for _ in range(50))
        )
        assert len(server.requests) == 2 * asked_once


async def test_refusals_during_an_outage_ask_nothing(local: LocalClerk, session: Session) -> None:
    """What is refused for what it is costs no call, so that an outage does not slow it down."""
    call = Call("/session", {}, (), pinned=False)
    async with (
        failing("hang") as server,
        running(application(clerk_of(local, server, call))) as app,
    ):
        for path, headers in (
            ("/session", {}),
            ("/session", bearer("ak_not-a-real-one-3")),
            ("/session", bearer(local.forge("cat-template", session))),
            ("/m2m", bearer("ak_not-a-real-one-3")),
            ("/api_key", bearer(local.token(session))),
            ("/any", bearer("nonsense")),
        ):
            answer: httpx.Response = await app.get(ORIGIN + path, headers=headers)
            assert answer.status_code == 401
    assert server.requests == []
