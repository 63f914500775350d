"""The proxy and its server, message by message: what they may do to each other."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import httpx
import pytest
from starlette.types import Message

from clerk_fastapi import Clerk, FrontendApiProxy
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.proxy import LIMITS

pytestmark = pytest.mark.anyio

LEFT = {"type": "http.disconnect"}


@pytest.fixture
def proxy(local: LocalClerk) -> FrontendApiProxy:
    """A proxy before an instance in this process."""
    return FrontendApiProxy(Clerk(**local.settings(), proxy_url="/__clerk"))


def part(body: bytes = b"", *, more: bool = True) -> Message:
    """A part of a body."""
    return {"type": "http.request", "body": body, "more_body": more}


async def converse(
    proxy: FrontendApiProxy,
    messages: Iterable[Message | Exception],
    *headers: tuple[bytes, bytes],
    note: Callable[[Message], None] = lambda message: None,
) -> list[Message]:
    """Say this to the proxy, then nothing; what it says."""
    sent: list[Message] = []
    incoming = iter(messages)

    async def receive() -> Message:
        message = next(incoming, None)
        if isinstance(message, Exception):
            raise message
        if message is None:
            await asyncio.Event().wait()
        assert message is not None, "the event never comes"
        return message

    async def send(message: Message) -> None:
        sent.append(message)
        note(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": "/__clerk/v1/client",
        "headers": [(b"host", b"x.test"), *headers],
    }
    await proxy(scope, receive, send)
    return sent


async def test_empty_parts_neither_begin_nor_end_a_body(
    proxy: FrontendApiProxy, local: LocalClerk
) -> None:
    """Only the last one ends it."""
    parts = [part(), part(b"ab"), part(), part(b"c"), part(more=False)]
    await converse(proxy, parts)
    await converse(proxy, [part(), part(more=False)])
    first, second = local.requests
    assert (first.body, first.headers.get("transfer-encoding")) == (b"abc", "chunked")
    assert (second.body, second.headers.get("transfer-encoding")) == (b"", None)


@pytest.mark.parametrize("body", [b"abc", b"abcde"])
async def test_body_of_another_length_than_declared_is_refused(
    proxy: FrontendApiProxy, body: bytes
) -> None:
    """Most servers see to that themselves."""
    start, _ = await converse(proxy, [part(body, more=False)], (b"content-length", b"4"))
    assert start["status"] == 400


@pytest.mark.parametrize("messages", [[LEFT], [part(), LEFT], [part(b"ab"), LEFT]])
async def test_nobody_is_answered_who_has_left(
    proxy: FrontendApiProxy, messages: list[Message]
) -> None:
    """In the middle of the request."""
    assert await converse(proxy, messages) == []


async def test_nobody_waits_for_whoever_has_left(
    proxy: FrontendApiProxy, local: LocalClerk
) -> None:
    """In the middle of the answer: the request to Clerk is given up."""
    with local.outage("hang"):
        assert await converse(proxy, [part(b"ab", more=False), part(), LEFT]) == []
    assert len(local.requests) == 1


class Deaf(httpx.AsyncBaseTransport):
    """Takes a call and says nothing."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("the event never comes")


async def test_request_that_is_cancelled_leaves_nothing_behind(local: LocalClerk) -> None:
    """As by a server that stops."""
    before, deaf = asyncio.all_tasks(), Deaf()
    settings: Any = {**local.settings(), "transport": deaf}
    proxy = FrontendApiProxy(Clerk(**settings, proxy_url="/__clerk"))
    task = asyncio.create_task(converse(proxy, [part(more=False)]))
    await deaf.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gc.collect()  # whatever was left behind complains now
    assert asyncio.all_tasks() == before


class Noting(httpx.AsyncByteStream):
    """A body that notes when it is let go."""

    def __init__(self, order: list[str]) -> None:
        self._order = order

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{}"

    async def aclose(self) -> None:
        self._order.append("upstream")


async def test_upstream_is_let_go_before_the_last_word(local: LocalClerk) -> None:
    """After it the server says that nobody is there any more, which would end a connection."""
    order: list[str] = []
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Noting(order)))
    settings: Any = {**local.settings(), "transport": transport}
    proxy = FrontendApiProxy(Clerk(**settings, proxy_url="/__clerk"))

    def note(message: Message) -> None:
        order.append("more" if message.get("more_body") else message["type"].rpartition(".")[2])

    await converse(proxy, [part(more=False)], note=note)
    assert order == ["start", "more", "upstream", "body"]


async def test_error_of_the_server_keeps_its_name(proxy: FrontendApiProxy) -> None:
    """Such as that of a middleware which limits bodies: it has to know it again."""
    with pytest.raises(LookupError, match="too much"):
        await converse(proxy, [part(b"ab"), LookupError("too much")])


async def test_body_that_does_not_come_is_not_waited_for(
    proxy: FrontendApiProxy, local: LocalClerk
) -> None:
    """Not even for its first part."""
    proxy.limits = LIMITS._replace(pause=0.01)
    start, _ = await converse(proxy, [])
    assert (start["status"], local.requests) == (408, [])


@pytest.mark.parametrize(
    ("kind", "status"), [("error", 503), ("html", 200), ("half", 502), ("unreachable", 502)]
)
async def test_outage_of_clerk_is_told(
    proxy: FrontendApiProxy, local: LocalClerk, kind: Any, status: int
) -> None:
    """An answer is an answer, whatever it says; without a whole one it is 502."""
    with local.outage(kind):
        start, *_ = await converse(proxy, [part(more=False)])
    assert start["status"] == status
