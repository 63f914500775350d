"""What the proxy asks Clerk's Frontend API, in which words, and what it does not ask at all."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from clerk_fastapi import Clerk, ConfigurationError, FrontendApiProxy
from clerk_fastapi.testing import LocalClerk, SigningKey
from tests.web.serving import open_websocket, running
from tests.web.upstream import Proxied, proxied

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def served(signing_key: SigningKey) -> AsyncIterator[Proxied]:
    """A proxy that trusts nobody."""
    async with proxied(LocalClerk(signing_key=signing_key)) as site:
        yield site


@pytest.fixture(scope="module")
async def behind(signing_key: SigningKey) -> AsyncIterator[Proxied]:
    """A proxy behind another one, which is trusted."""
    trusted = ["127.0.0.1"]
    async with proxied(LocalClerk(signing_key=signing_key), trusted_proxies=trusted) as site:
        yield site


@pytest.fixture
def site(served: Proxied) -> Proxied:
    """That which trusts nobody, as new."""
    served.upstream.forget()
    return served


async def test_clerk_learns_who_asks_where_and_for_whom(site: Proxied) -> None:
    """The headers that Clerk wants are there once, with the values that are ours."""
    seen = await site.seen("/__clerk/v1/client?a=1", "User-Agent: mosaic", "Authorization: x y")
    assert seen.line == "GET /v1/client?a=1 HTTP/1.1"
    assert sorted(seen.headers) == [
        ("accept-encoding", "identity"),
        ("authorization", "x y"),
        ("clerk-proxy-url", f"http://{site.address}/__clerk"),
        ("clerk-secret-key", site.local.secret_key),
        ("host", site.upstream.url.removeprefix("http://")),
        ("user-agent", "mosaic"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-host", site.address),
        ("x-forwarded-proto", "http"),
    ]


OURS = [
    *("Clerk-Proxy-Url", "Clerk-Secret-Key", "Clerk_Secret_Key", "clerk_proxy-URL"),
    *("Accept-Encoding", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"),
    *("X_Forwarded_For", "X-Forwarded-Port", "X-Real-IP", "CF-Connecting-IP", "CF-Ray"),
    *("Forwarded", "True-Client-IP", "CF_Connecting_IP"),
]


@pytest.mark.parametrize("name", OURS)
async def test_what_we_say_nobody_says_for_us(site: Proxied, name: str) -> None:
    """A visitor's copy of such a header is not passed on, however it is spelled."""
    plain = await site.seen("/__clerk/v1/client")
    assert await site.seen("/__clerk/v1/client", f"{name}: 6.6.6.6", f"{name}: evil") == plain


HOP_BY_HOP = [
    *("Keep-Alive: 5", "Proxy-Authenticate: x", "Proxy-Authorization: x", "TE: trailers"),
    *("Trailer: x", "Upgrade: h2c", "Proxy-Connection: x", "HTTP2-Settings: x"),
]


async def test_headers_for_one_connection_stay_there(site: Proxied) -> None:
    """Those of HTTP, and those that ``Connection`` names."""
    plain = await site.seen("/__clerk/v1/client")
    named = ["Connection: X-Mine, x-yours", "X-Mine: 1", "X-Yours: 2"]
    assert await site.seen("/__clerk/v1/client", *HOP_BY_HOP, *named) == plain


async def test_only_the_cookies_of_clerk_go_along(site: Proxied) -> None:
    """The application's own session stays at home."""
    clerks = "__session=a; __client_uat_abcdefgh=1; __client=c%3B; __clerk_db_jwt=d; __cf_bm=e"
    others = "session=s3cret; csrftoken=t; __sessionfoo=x; x__client=y; clerk_fastapi_sign_ins=1"
    seen = await site.seen("/__clerk/v1/client", f"Cookie: {others}; {clerks}; broken")
    assert seen.values("cookie") == [clerks]
    seen = await site.seen("/__clerk/v1/client", f"Cookie: {others}")
    assert seen.values("cookie") == []


PASSED = [
    ("", "/"),
    ("/", "/"),
    ("/?a=1", "/?a=1"),
    ("/v1/client?_method=PATCH&b=%2e%2e&c", "/v1/client?_method=PATCH&b=%2e%2e&c"),
    ("/npm/@clerk/clerk-js@5/dist/clerk.browser.js", None),
    ("/@evil.test", None),
    ("/v1/a%2Fb%20c/", None),
    ("/v1//client", None),
    ("/v1/x:80/y;z=1/...", None),
    ("/http://evil.test/", None),
]


@pytest.mark.parametrize(("target", "passed"), PASSED)
async def test_path_goes_on_as_it_was_sent(site: Proxied, target: str, passed: str | None) -> None:
    """Nothing is decoded or tidied on the way, and the host stays Clerk's."""
    if target == "":  # mounted by hand, the bare path is redirected by the router
        assert (await site.ask("/__clerk")).status == 307
        return
    seen = await site.seen(f"/__clerk{target}")
    assert seen.line == f"GET {passed or target} HTTP/1.1"


REFUSED = [
    *("//evil.test/x", "//", "/\\evil.test", "/%5cevil.test", "/%5Cevil.test", "/%255cevil.test"),
    *("/%2f%2fevil.test", "/%2fevil.test", "/%252f%252fevil.test", "/../x", "/..", "/.", "/v1/./x"),
    *("/v1/..%2fx", "/%2e%2e/x", "/%2E./x", "/.%2e", "/%252e%252e/x", "/%25252e%25252e/x"),
    *("/v1%2f..%2fx", "/v1/..;/x", "/v1/..;a=b/x", "/v1/%2e%2e%3bx/y", "/%c0%ae%c0%ae/x", "/%00"),
    *("/a%00b", "/a%0d", "/a%0A", "/a%09b", "/%zz", "/%", "/%2", "/a%7f"),
    *("/%2525252525252e", "/%e2%80%ae", "/a\\..\\b", "/[x]", "/a|b"),
]


@pytest.mark.parametrize("target", REFUSED)
async def test_path_that_readers_differ_on_is_refused(site: Proxied, target: str) -> None:
    """Nobody is asked, so that the secret key goes nowhere."""
    answer = await site.ask(f"/__clerk{target}")
    assert answer.status == 400
    assert b'{"errors":[{"code":"proxy_path_mismatch",' in answer.body
    assert answer.values("cache-control") == ["no-store"]
    assert not site.upstream.asked.is_set()


ELSEWHERE = [
    *(
        "/__clerkx/v1",
        "/__clerk@evil.test/",
        "/__clerk.evil.test/",
        "//__clerk/v1",
        "/x/../__clerk/",
    ),
    *("http://evil.test/__clerk/v1/client", "/__CLERK/v1", "/__clerk%2fv1", "*"),
]


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_what_is_not_below_the_path_is_not_served(site: Proxied, target: str) -> None:
    """Another path with the same beginning, or one that only looks like ours when decoded."""
    assert (await site.ask(target)).status in (400, 404)
    assert not site.upstream.asked.is_set()


@pytest.mark.parametrize("host", ["", "evil.test/path", "a b", "user@evil.test", "x" * 300])
async def test_host_that_is_none_is_refused(site: Proxied, host: str) -> None:
    """Clerk is told where the proxy is; from this that cannot be said."""
    answer = await site.ask("/__clerk/v1/client", f"Host: {host}")
    assert (answer.status, site.upstream.asked.is_set()) == (400, False)


BELIEVED = [
    (["CF-Connecting-IP: 203.0.113.7", "X-Real-IP: 6.6.6.6"], "203.0.113.7"),
    (["X-Real-IP: 203.0.113.7", "X-Forwarded-For: 6.6.6.6"], "203.0.113.7"),
    (["X-Forwarded-For: 203.0.113.7, 10.0.0.1"], "203.0.113.7"),
    (["X-Forwarded-For: 2001:DB8::1"], "2001:db8::1"),
    (["CF-Connecting-IP: evil", "X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),
    (["X-Forwarded-For: unknown"], "127.0.0.1"),
    (["X-Forwarded-For: fe80::1%0a"], "127.0.0.1"),
    (["X-Real-IP: 203.0.113.7", "X-Real-IP: 203.0.113.8"], "127.0.0.1"),
    ([], "127.0.0.1"),
]


@pytest.mark.parametrize(("headers", "visitor"), BELIEVED)
async def test_trusted_proxy_says_who_the_visitor_is(
    behind: Proxied, headers: list[str], visitor: str
) -> None:
    """An address counts, anything else is passed over."""
    seen = await behind.seen("/__clerk/v1/client", *headers)
    assert seen.values("x-forwarded-for") == [visitor]


async def test_trusted_proxy_says_where_the_browser_is(behind: Proxied) -> None:
    """Scheme and host are those of the first of several values."""
    said = ["X-Forwarded-Host: app.example.com, inner", "X-Forwarded-Proto: https, http"]
    seen = await behind.seen("/__clerk/v1/client", *said)
    assert seen.values("clerk-proxy-url") == ["https://app.example.com/__clerk"]
    assert seen.values("x-forwarded-host") == ["app.example.com"]
    assert seen.values("x-forwarded-proto") == ["https"]


async def test_whole_proxy_url_is_told_as_it_was_configured(local: LocalClerk) -> None:
    """Nobody's ``Host`` header changes it."""
    url = "https://app.example.com/__clerk/"
    async with proxied(local, proxy_url=url) as site:
        seen = await site.seen("/__clerk/v1/client", "Host: evil.test")
    assert seen.values("clerk-proxy-url") == ["https://app.example.com/__clerk"]


async def test_body_goes_on_with_its_length(site: Proxied) -> None:
    """As it was declared, once; an empty one is none."""
    more = ("Content-Length: 5", "Content-Type: text/plain")
    seen = await site.seen("/__clerk/v1/client", *more, method="POST", body=b"a=b&c")
    assert (seen.body, seen.values("content-length")) == (b"a=b&c", ["5"])
    assert seen.values("transfer-encoding") == []
    seen = await site.seen("/__clerk/v1/client", "Content-Length: 0", method="POST")
    assert (seen.body, seen.values("content-length")) == (b"", ["0"])
    seen = await site.seen("/__clerk/v1/client", method="DELETE")
    assert seen.values("content-length") + seen.values("transfer-encoding") == []


async def test_body_without_a_length_goes_on_in_chunks(site: Proxied) -> None:
    """An empty first chunk is no end."""
    chunks = b"3\r\na=b\r\n2\r\n&c\r\n0\r\n\r\n"
    more = "Transfer-Encoding: chunked"
    seen = await site.seen("/__clerk/v1/client", more, method="PATCH", body=chunks)
    assert (seen.body, seen.values("transfer-encoding")) == (b"a=b&c", ["chunked"])
    assert seen.values("content-length") == []
    seen = await site.seen("/__clerk/v1/client", more, method="POST", body=b"0\r\n\r\n")
    assert (seen.body, seen.values("content-length")) == (b"", ["0"])


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "TRACK", "get", "PROPFIND"])
async def test_other_methods_are_refused(site: Proxied, method: str) -> None:
    """TRACE would show the secret key, and CONNECT is no request for the Frontend API."""
    answer = await site.ask("/__clerk/v1/client", method=method)
    assert (answer.status, site.upstream.asked.is_set()) == (405, False)
    assert answer.values("allow") == ["DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"]


async def test_websockets_are_refused(local: LocalClerk) -> None:
    """The Frontend API has none."""
    clerk = Clerk(**local.settings(), proxy_url="/__clerk")
    app = FastAPI(lifespan=clerk.lifespan)
    app.mount("/__clerk", FrontendApiProxy(clerk))
    (sent,) = await open_websocket(app, "/__clerk/v1/client", {})
    assert sent["type"] == "websocket.close"


async def test_application_may_stand_below_a_path(local: LocalClerk) -> None:
    """The path of the proxy is the one that browsers see, whoever takes a part of it off."""
    clerk = Clerk(**local.settings(), proxy_url="/api/__clerk")
    proxy = FrontendApiProxy(clerk)
    inner = FastAPI()
    inner.mount("/__clerk", proxy)
    app = FastAPI(lifespan=clerk.lifespan)
    app.mount("/api", inner)
    async with running(app) as client:
        assert (await client.get("/api/__clerk/.well-known/jwks.json")).json() == local.jwks()
    transport = httpx.ASGITransport(proxy, root_path="/api")
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/__clerk/.well-known/jwks.json")).json() == local.jwks()
    assert {seen.path for seen in local.requests} == {"/.well-known/jwks.json"}


async def test_bare_path_is_the_root_of_the_frontend_api(local: LocalClerk) -> None:
    """Where no router redirects it."""
    proxy = FrontendApiProxy(Clerk(**local.settings(), proxy_url="/__clerk"))
    transport = httpx.ASGITransport(proxy)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get("/__clerk?a=1")
    (seen,) = local.requests
    assert (seen.path, seen.query) == ("/", "a=1")


SERVED = {
    "/__clerk": True,
    "/__clerk/": True,
    "/__clerk/v1/client": True,
    "/__clerkx": False,
    "/": False,
    "/v1/__clerk": False,
}


@pytest.mark.parametrize("path", SERVED)
def test_proxy_serves_its_path_and_what_is_below(local: LocalClerk, path: str) -> None:
    """Whoever puts it before an application asks it first."""
    proxy = FrontendApiProxy(Clerk(**local.settings(), proxy_url="/__clerk/"))
    for kind in ("http", "websocket"):
        assert proxy.serves({"type": kind, "path": path}) == SERVED[path]
        below = {"type": kind, "path": path, "root_path": "/api"}
        assert proxy.serves(below) is False
    assert proxy.serves({"type": "lifespan"}) is False


def test_proxy_that_lacks_something_is_not_made(local: LocalClerk) -> None:
    """The sentence names the variable."""
    keys: Any = {"publishable_key": local.publishable_key, "secret_key": local.secret_key}
    with pytest.raises(ConfigurationError, match="CLERK_PROXY_URL"):
        FrontendApiProxy(Clerk(**keys))
    with pytest.raises(ConfigurationError, match="CLERK_SECRET_KEY"):
        FrontendApiProxy(Clerk(publishable_key=keys["publishable_key"], proxy_url="/__clerk"))
