"""What comes back through the proxy: as it came, but for what is of no concern to the browser."""

import gzip
from collections.abc import AsyncIterator

import pytest

from clerk_fastapi.testing import LocalClerk, SigningKey
from tests.web.upstream import Proxied, proxied, whole

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def served(signing_key: SigningKey) -> AsyncIterator[Proxied]:
    """A proxy before an upstream."""
    async with proxied(LocalClerk(signing_key=signing_key)) as site:
        yield site


@pytest.fixture
def site(served: Proxied) -> Proxied:
    """The same, as new."""
    served.upstream.forget()
    return served


async def test_every_cookie_is_set(site: Proxied) -> None:
    """Two headers stay two, in their order."""
    cookies = ["__client=a; Path=/; HttpOnly", "__client_uat=1; Expires=Wed, 01 Jan 2031 00:00:00"]
    lines = [f"Set-Cookie: {cookie}" for cookie in cookies]
    site.upstream.answer = whole("200 OK", *lines, "Content-Length: 0")
    answer = await site.ask("/__clerk/v1/client")
    assert answer.values("set-cookie") == cookies


async def test_cookies_of_one_visitor_are_not_sent_for_another(site: Proxied) -> None:
    """The proxy keeps none."""
    site.upstream.answer = whole("200 OK", "Set-Cookie: __client=ada; Path=/", "Content-Length: 0")
    await site.ask("/__clerk/v1/client")
    assert (await site.seen("/__clerk/v1/client")).values("cookie") == []


async def test_redirects_are_for_the_browser_to_follow(site: Proxied) -> None:
    """Each status and its cookies come through, and nobody goes there."""
    for status in ("301 X", "302 X", "303 X", "307 X", "308 X"):
        site.upstream.forget()
        cookies = ("Set-Cookie: a=1", "Set-Cookie: b=2")
        location = "Location: https://accounts.example.com/x"
        site.upstream.answer = whole(status, location, *cookies, "Content-Length: 0")
        answer = await site.ask("/__clerk/v1/oauth_callback")
        assert answer.status == int(status[:3])
        assert answer.values("set-cookie") == ["a=1", "b=2"]
        assert answer.values("location") == ["https://accounts.example.com/x"]
        assert len(site.upstream.requests) == 1


LED_BACK = [
    ("{upstream}/v1/x?a=%2F#b", "{proxy}/v1/x?a=%2F#b"),
    ("{upstream}", "{proxy}/"),
    ("/v1/x?a=b", "{proxy}/v1/x?a=b"),
    ("x?a=b", "{proxy}/v1/x?a=b"),
    ("?a=b", "{proxy}/v1/client?a=b"),
    ("https://local-clerk-0.clerk.accounts.dev/v1/x", "{proxy}/v1/x"),
]
LEFT_ALONE = [
    *("https://evil.test/v1/x", "//evil.test/x", "https://local-clerk-0.clerk.accounts.dev.evil/"),
    *(
        "https://local-clerk-0.clerk.accounts.dev@evil.test/",
        "com.app://x",
        "http://[x",
        "http://\xe9",
    ),
]


@pytest.mark.parametrize(("location", "led_back"), [*LED_BACK, *((x, x) for x in LEFT_ALONE)])
async def test_redirects_within_clerk_lead_through_the_proxy(
    site: Proxied, location: str, led_back: str
) -> None:
    """Absolute or relative; those that lead elsewhere, or nowhere, are left alone."""
    upstream, proxy = site.upstream.url, f"http://{site.address}/__clerk"
    location = location.format(upstream=upstream)
    site.upstream.answer = whole("302 X", f"Location: {location}", "Content-Length: 0")
    answer = await site.ask("/__clerk/v1/client")
    sent = [value.encode("latin-1").decode() for value in answer.values("location")]
    assert (answer.status, sent) == (302, [led_back.format(proxy=proxy)])


async def test_headers_that_speak_of_clerks_host_stay_there(site: Proxied) -> None:
    """They would be taken for the application's: its security policy, its connection."""
    theirs = [
        *("Strict-Transport-Security: max-age=1; includeSubDomains", "Alt-Svc: h3", "NEL: {}"),
        *(
            "Report-To: {}",
            "Server: theirs",
            "Keep-Alive: 5",
            "Proxy-Authenticate: x",
            "Trailer: x",
        ),
        *("X-Mine: 1", "Connection: keep-alive, x-mine"),
    ]
    kept = "Cache-Control: public, max-age=1"
    site.upstream.answer = whole("200 OK", *theirs, kept, "Content-Length: 0")
    answer = await site.ask("/__clerk/v1/client")
    names = sorted(name.lower() for name, _ in answer.headers)
    assert names == ["cache-control", "connection", "content-length", "date", "server"]
    assert answer.values("server") == ["uvicorn"]


async def test_encoded_body_is_passed_on_as_it_is(site: Proxied) -> None:
    """With the name of its encoding, so that the browser can read it."""
    body = gzip.compress(b'{"response":null}')
    length = f"Content-Length: {len(body)}"
    site.upstream.answer = whole("200 OK", "Content-Encoding: gzip", length, body=body)
    answer = await site.ask("/__clerk/v1/client")
    assert (answer.values("content-encoding"), answer.body) == (["gzip"], body)
    assert answer.values("content-length") == [str(len(body))]


async def test_body_in_chunks_stays_in_chunks(site: Proxied) -> None:
    """Its length is not known before it ends."""
    body = b"2\r\n{}\r\n0\r\n\r\n"
    site.upstream.answer = whole("404 Not Found", "Transfer-Encoding: chunked", body=body)
    answer = await site.ask("/__clerk/v1/client")
    assert (answer.status, answer.body) == (404, b"{}")
    assert answer.values("content-length") == []


async def test_head_has_a_length_and_no_body(site: Proxied) -> None:
    """That of the body which GET would bring."""
    site.upstream.answer = whole("200 OK", "Content-Length: 12345")
    answer = await site.ask("/__clerk/v1/client", method="HEAD")
    assert (answer.status, answer.values("content-length")) == (200, ["12345"])


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_answer_that_cannot_have_a_body_has_none(site: Proxied, status: str) -> None:
    """Nor a length; what else it says comes through."""
    extra = ["Content-Length: 5"] if status.startswith("304") else []
    site.upstream.answer = whole(status, 'ETag: "a"', *extra)
    answer = await site.ask("/__clerk/v1/client", 'If-None-Match: "a"')
    assert (answer.status, answer.body) == (int(status[:3]), b"")
    assert answer.values("etag") == ['"a"']
    assert answer.values("content-length") == []


async def test_protocol_is_never_switched(site: Proxied) -> None:
    """Whatever the upstream wants to speak."""
    site.upstream.answer = whole("101 Switching Protocols", "Upgrade: x", "Connection: upgrade")
    answer = await site.ask("/__clerk/v1/client", "Upgrade: x", "Connection: upgrade")
    assert answer.status == 502
