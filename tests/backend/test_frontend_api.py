"""Calls to the Frontend API in the name of browsers: nothing is followed, read, kept or told."""

import asyncio
import gc
import gzip
import logging
from collections.abc import AsyncIterator, Callable
from http.cookiejar import Cookie

import httpx
import pytest

from clerk_fastapi.backend.frontend_api import FrontendApi, Reply
from clerk_fastapi.errors import BackendUnavailable
from clerk_fastapi.protocol.proxy import Outgoing

pytestmark = pytest.mark.anyio

Headers = list[tuple[bytes, bytes]]

QUESTION = Outgoing(
    "GET",
    "https://frontend-api.clerk.dev/v1/client/sessions/sess_1/tokens?a=b",
    ((b"host", b"frontend-api.clerk.dev"), (b"clerk-secret-key", b"sk_test_s3cret")),
    "https://app.example.com/__clerk",
)


class Answering(httpx.AsyncBaseTransport):
    """Answers as it is told, and notes what it was asked."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self.closed = False
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)

    async def aclose(self) -> None:
        self.closed = True


async def ask(
    api: FrontendApi, question: Outgoing = QUESTION, body: AsyncIterator[bytes] | None = None
) -> tuple[Reply, bytes]:
    """Ask, and read all of the answer."""
    async with api.ask(question, body, connect=1.0, pause=2.0) as reply:
        return reply, b"".join([chunk async for chunk in reply.body])


async def test_answer_comes_as_it_is() -> None:
    """Status, headers and bytes, decoded by nobody."""
    packed = gzip.compress(b"{}")
    headers = [("Content-Encoding", "gzip"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    transport = Answering(lambda _: httpx.Response(418, headers=headers, stream=Stream(packed)))
    reply, body = await ask(FrontendApi(transport))
    assert (reply.status, body) == (418, packed)
    assert reply.headers == [(name.encode(), value.encode()) for name, value in headers]


async def test_question_is_asked_in_its_own_words() -> None:
    """Nothing is added to what was decided, but how long each step may take."""
    transport = Answering(lambda _: httpx.Response(200, stream=Stream()))
    await ask(FrontendApi(transport))
    (request,) = transport.requests
    assert request.headers.raw == list(QUESTION.headers)
    assert request.url.raw_path == b"/v1/client/sessions/sess_1/tokens?a=b"
    timeouts = {"connect": 1.0, "pool": 1.0, "read": 2.0, "write": 2.0}
    assert request.extensions["timeout"] == timeouts


@pytest.mark.parametrize(
    "location", ["https://evil.test/", "https://[::g]/", "app:x", "//", "\xe9"]
)
async def test_redirect_is_neither_followed_nor_examined(location: str) -> None:
    """It is the browser's, even if it leads nowhere."""
    headers = [(b"Location", location.encode("latin-1"))]
    transport = Answering(lambda _: httpx.Response(302, headers=headers, stream=Stream()))
    reply, _ = await ask(FrontendApi(transport))
    assert (reply.status, reply.headers, len(transport.requests)) == (302, headers, 1)


async def test_cookies_are_not_kept() -> None:
    """A client that keeps them would send one visitor's for the next."""
    visitor = "visitor-of-this-test"  # other tests may have left cookies behind
    headers = {"Set-Cookie": f"__client={visitor}; Path=/"}
    transport = Answering(lambda _: httpx.Response(200, headers=headers, stream=Stream()))
    api = FrontendApi(transport)
    await api.open()
    await ask(api)
    await ask(api)
    assert "cookie" not in transport.requests[1].headers
    cookies = [each for each in gc.get_objects() if isinstance(each, Cookie)]
    assert [each for each in cookies if each.value == visitor] == []
    await api.close()


async def test_body_is_passed_on_part_by_part() -> None:
    """And its errors are its own."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError

    async def reading(request: httpx.Request) -> None:
        async for part in request.stream:  # type: ignore[union-attr]  # it is an asynchronous one
            read.append(part)

    class Reading(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await reading(request)
            raise AssertionError("there is more of it")

    read: list[bytes] = []
    with pytest.raises(LookupError):
        await ask(FrontendApi(Reading()), body=parts())
    assert read == [b"a"]


FAILURES = [
    (httpx.ConnectTimeout("s3cret"), TimeoutError),
    (httpx.ReadTimeout("s3cret"), TimeoutError),
    (httpx.PoolTimeout("s3cret"), TimeoutError),
    (httpx.ConnectError("s3cret"), BackendUnavailable),
    (httpx.RemoteProtocolError("s3cret"), BackendUnavailable),
]


@pytest.mark.parametrize("when", ["before", "within"])
@pytest.mark.parametrize(("failure", "error"), FAILURES)
async def test_failure_is_told_without_what_it_was_about(
    caplog: pytest.LogCaptureFixture, failure: httpx.HTTPError, error: type[Exception], when: str
) -> None:
    """Errors of httpx carry the request, and with it the secret key."""
    caplog.set_level(logging.DEBUG)

    def answer(request: httpx.Request) -> httpx.Response:
        if when == "before":
            raise failure
        return httpx.Response(200, stream=Stream(b"half", failure))

    with pytest.raises(error) as raised:
        await ask(FrontendApi(Answering(answer)))
    assert raised.value.__cause__ is raised.value.__context__ is None
    said = repr(raised.value) + caplog.text
    assert "sessions/..." in caplog.text
    assert not [secret for secret in ("s3cret", "sess_1", "a=b") if secret in said]


async def test_connections_are_closed_at_the_end() -> None:
    """With the client that kept them; without one there is nothing to close."""
    transport = Answering(lambda _: httpx.Response(200, stream=Stream()))
    api = FrontendApi(transport)
    await api.open()
    await api.close()
    assert not transport.closed
    await api.open()
    await ask(api)
    assert not transport.closed
    await api.close()
    assert transport.closed


def test_calls_in_another_loop_have_a_client_of_their_own() -> None:
    """Connections belong to the loop that they were made in."""
    transport = Answering(lambda _: httpx.Response(200, stream=Stream()))
    api = FrontendApi(transport)
    asyncio.run(api.open())
    asyncio.run(_closed_after(api, transport))


async def _closed_after(api: FrontendApi, transport: Answering) -> None:
    await ask(api)
    assert transport.closed


async def test_other_calls_are_logged_as_ever(caplog: pytest.LogCaptureFixture) -> None:
    """Only while the Frontend API is asked is httpcore to be silent about headers."""
    talkative = logging.getLogger("httpcore.http11")
    caplog.set_level(logging.DEBUG, logger=talkative.name)

    def answer(request: httpx.Request) -> httpx.Response:
        talkative.debug("s3cret")
        return httpx.Response(200, stream=Stream())

    talkative.debug("before")
    await ask(FrontendApi(Answering(answer)))
    talkative.debug("after")
    assert caplog.messages == ["before", "after"]


class Stream(httpx.AsyncByteStream):
    """A body, and how it ends."""

    def __init__(self, body: bytes = b"", failure: Exception | None = None) -> None:
        self._body, self._failure = body, failure

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body
        if self._failure is not None:
            raise self._failure
