"""How much goes through the proxy, and for how long: bounded in size, in time and in memory."""

import logging
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.proxy import LIMITS
from tests.web.upstream import Proxied, Reader, Writer, answered, proxied, whole

pytestmark = pytest.mark.anyio

MEGABYTE = 1_048_576
SMALL = LIMITS._replace(request=1_000, answer=1_000)
HASTY = LIMITS._replace(pause=0.3)


@pytest.fixture
async def small(local: LocalClerk) -> AsyncIterator[Proxied]:
    """A proxy that passes little on."""
    async with proxied(local, SMALL) as site:
        yield site


@pytest.fixture
async def hasty(local: LocalClerk) -> AsyncIterator[Proxied]:
    """A proxy that waits for nobody."""
    async with proxied(local, HASTY) as site:
        yield site


@pytest.fixture
async def site(local: LocalClerk) -> AsyncIterator[Proxied]:
    """A proxy as it comes."""
    async with proxied(local) as site:
        yield site


async def never(reader: Reader, writer: Writer) -> None:
    """Say nothing until the other side has hung up."""
    await reader.read()


async def half(reader: Reader, writer: Writer) -> None:
    """Say half of it and hang up."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await writer.drain()
    raise ConnectionError


async def half_in_chunks(reader: Reader, writer: Writer) -> None:
    """The same, with a length that nobody knows."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
    await writer.drain()
    raise ConnectionError


async def half_and_silence(reader: Reader, writer: Writer) -> None:
    """Say half of it and no more."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    await writer.drain()
    await reader.read()


async def silence(reader: Reader, writer: Writer) -> None:
    """Hang up without a word."""
    raise ConnectionError


async def test_large_request_is_refused(small: Proxied) -> None:
    """By what it says of itself, before any of it is read."""
    answer = await small.ask("/__clerk/v1/x", "Content-Length: 1001", method="POST")
    assert (answer.status, small.upstream.asked.is_set()) == (413, False)
    assert b'"proxy_request_failed"' in answer.body
    body = b"x" * 1_000
    seen = await small.seen("/__clerk/v1/x", "Content-Length: 1000", method="POST", body=body)
    assert seen.size == 1_000


async def test_request_that_grows_too_large_is_refused(small: Proxied) -> None:
    """In chunks, where nobody said how much it would be."""
    more, body = "Transfer-Encoding: chunked", b"258\r\n%b\r\n" % (b"x" * 600)
    answer = await small.ask("/__clerk/v1/x", more, method="POST", body=body * 2)
    assert (answer.status, small.upstream.requests) == (413, [])


async def test_large_answer_is_refused(small: Proxied) -> None:
    """By what it says of itself."""
    small.upstream.answer = whole("200 OK", "Content-Length: 1001")
    answer = await small.ask("/__clerk/v1/x")
    assert (answer.status, answer.values("cache-control")) == (502, ["no-store"])


async def test_answer_that_grows_too_large_breaks_off(small: Proxied) -> None:
    """So that nobody takes it for a whole one."""
    chunk = b"258\r\n%b\r\n" % (b"x" * 600)
    body = chunk * 2 + b"0\r\n\r\n"
    small.upstream.answer = whole("200 OK", "Transfer-Encoding: chunked", body=body)
    with pytest.raises(EOFError):
        await small.ask("/__clerk/v1/x")


@pytest.mark.parametrize("answer", [half, half_in_chunks])
async def test_answer_that_breaks_off_is_not_made_whole(site: Proxied, answer: object) -> None:
    """The server hangs up on the browser, too."""
    site.upstream.answer = answer  # type: ignore[assignment]  # as they are declared above
    with pytest.raises(EOFError):
        await site.ask("/__clerk/v1/x")


async def test_answer_that_stops_breaks_off(hasty: Proxied) -> None:
    """After the pause that may pass between two signs of life."""
    hasty.upstream.answer = half_and_silence
    with pytest.raises(EOFError):  # noqa: PT012  # a loop of one statement
        while (await hasty.ask("/__clerk/v1/x")).status == 504:
            pass  # on a busy machine the first half may be late already
    await hasty.upstream.left.wait()


async def test_answer_that_does_not_come_is_a_timeout(hasty: Proxied) -> None:
    """504, and the upstream is let go."""
    hasty.upstream.answer = never
    answer = await hasty.ask("/__clerk/v1/x")
    assert answer.status == 504
    assert b'{"errors":[{"code":"proxy_request_failed",' in answer.body
    await hasty.upstream.left.wait()


async def test_all_of_it_has_its_time(local: LocalClerk) -> None:
    """Even if there are signs of life."""
    async with proxied(local, LIMITS._replace(pause=LIMITS.total, total=0.3)) as site:
        site.upstream.answer = never
        assert (await site.ask("/__clerk/v1/x")).status == 504


async def test_request_that_does_not_come_is_a_timeout(hasty: Proxied) -> None:
    """408 for a body that was announced; for a small one no connection is taken before it came."""
    more = ("Content-Length: 10", "Content-Type: text/plain")
    answer = await hasty.ask("/__clerk/v1/x", *more, method="POST")
    assert (answer.status, hasty.upstream.asked.is_set()) == (408, False)
    answer = await hasty.ask("/__clerk/v1/x", *more, method="POST", body=b"half")
    assert (answer.status, hasty.upstream.asked.is_set()) == (408, False)
    more = ("Content-Length: 100000", "Content-Type: text/plain")
    while not hasty.upstream.asked.is_set():  # a busy machine may have had no time for that
        answer = await hasty.ask("/__clerk/v1/x", *more, method="POST", body=b"half")
        assert answer.status in (408, 504)
    assert answer.status == 408
    await hasty.upstream.left.wait()


async def test_upstream_out_of_reach_is_told_without_details(site: Proxied) -> None:
    """502, and neither where it is nor what the network says."""
    site.upstream.answer = silence
    answer = await site.ask("/__clerk/v1/x")
    assert answer.status == 502
    assert answer.body == (
        b'{"errors":[{"code":"proxy_request_failed",'
        b'"message":"Clerk cannot be reached at the moment."}]}'
    )
    assert answer.values("cache-control") == ["no-store"]


async def test_client_that_leaves_takes_its_request_along(site: Proxied) -> None:
    """While the upstream thinks, and while it is told something."""
    site.upstream.answer = never
    for words in (b"Content-Length: 0\r\n\r\n", b"Content-Length: 100000\r\n\r\nhalf"):
        site.upstream.asked.clear()
        site.upstream.left.clear()
        async with site.connection() as (_, writer):
            writer.write(b"POST /__clerk/v1/x HTTP/1.1\r\nHost: x.test\r\n" + words)
            await site.upstream.asked.wait()
        await site.upstream.left.wait()


async def test_connections_are_used_again(site: Proxied) -> None:
    """Whoever has been answered lets go of the upstream, and does not hang up on it."""
    for _ in range(5):
        await site.seen("/__clerk/v1/x")
    assert not site.upstream.left.is_set()


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_large_bodies_pass_through_flat_memory(site: Proxied, framing: str) -> None:
    """10 MB up and 10 MB down, of which no more than a small part is held at any time."""
    block, count = b"x" * 65_536, 160
    chunk = b"%x\r\n%b\r\n" % (len(block), block) if framing == "chunks" else block
    last = b"0\r\n\r\n" if framing == "chunks" else b""
    lengths = {"length": f"Content-Length: {10 * MEGABYTE}", "chunks": "Transfer-Encoding: chunked"}
    header = lengths[framing]

    async def pour(writer: Writer) -> None:
        for _ in range(count):
            writer.write(chunk)
            await writer.drain()
        writer.write(last)
        await writer.drain()

    async def answer(reader: Reader, writer: Writer) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n".encode())
        await pour(writer)

    async def exchange() -> int:
        async with site.connection() as (reader, writer):
            head = f"POST /__clerk/v1/x HTTP/1.1\r\nHost: x.test\r\n{header}\r\n\r\n"
            writer.write(head.encode())
            await pour(writer)
            return (await answered(reader)).size

    site.upstream.answer = answer
    assert await exchange() == 10 * MEGABYTE  # whatever is made once is made now
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        assert await exchange() == 10 * MEGABYTE
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [seen.size for seen in site.upstream.requests] == [10 * MEGABYTE] * 2
    assert peak - before < 3 * MEGABYTE


SCENES = {
    "whole": whole("200 OK", "Set-Cookie: __client=s3cret-c; Path=/", "Content-Length: 0"),
    "redirect": whole("302 X", "Location: /v1?code=s3cret-d", "Content-Length: 0"),
    "half": half,
    "silence": silence,
    "never": never,
    "half and silence": half_and_silence,
    "nonsense": whole("s3cret-e", "s3cret-f"),
}


async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture, hasty: Proxied) -> None:
    """By nobody, at no level, however it ends: no key, no cookie, no token, no parameter."""
    caplog.set_level(logging.DEBUG)
    for name in ("clerk_fastapi", "httpcore", "httpx", "uvicorn.error"):
        caplog.set_level(logging.DEBUG, logger=name)
    said = []
    for scene in SCENES.values():
        hasty.upstream.answer = scene
        words = ["Cookie: __session=s3cret-a; app=s3cret-b", "Authorization: Bearer s3cret-g"]
        with suppress(EOFError):
            answer = await hasty.ask(
                "/__clerk/v1/sessions/s3cret-h?__clerk_db_jwt=s3cret-i", *words
            )
            said += [answer.body.decode()] * (answer.status >= 400)
    logged = caplog.text + "".join(said)
    assert {"httpx", "httpcore.connection", "clerk_fastapi", "uvicorn.error"} <= {
        record.name for record in caplog.records
    }
    assert "broke off" in logged
    assert "s3cret" not in logged
    assert hasty.local.secret_key not in logged
    assert hasty.upstream.url.rpartition(":")[2] not in "".join(said)
