"""The way from the proxy to the Frontend API and back: what may take it, and where it leads."""

import pytest
from pydantic import SecretStr

from clerk_fastapi import ConfigurationError
from clerk_fastapi.protocol.keys import InstanceType, PublishableKey
from clerk_fastapi.protocol.proxy import (
    Asked,
    Outgoing,
    Passage,
    ProxyRefused,
    declared_length,
)
from clerk_fastapi.protocol.site import Proxies, Site
from clerk_fastapi.protocol.url import PublicUrl

SECRET = SecretStr("sk_test_" + "x" * 20)
HOSTS: dict[InstanceType, str] = {
    "development": "foo-bar-13.clerk.accounts.dev",
    "production": "clerk.example.com",
}


def site_of(kind: InstanceType, proxy_url: str | None = "/__clerk", **options: object) -> Site:
    """A site with a proxy."""
    key = PublishableKey.build(HOSTS[kind], kind)
    return Site(kind, key, proxy_url=proxy_url, **options)  # type: ignore[arg-type]  # as named


def passage(kind: InstanceType = "production", **options: object) -> Passage:
    """The way of that site."""
    return Passage.between(site_of(kind, **options), SECRET, None)


def asked(target: bytes = b"/__clerk/v1", *headers: tuple[bytes, bytes]) -> Asked:
    """What a browser asks."""
    url = PublicUrl.build("https", "app.example.com", target)
    return Asked("GET", url, "10.0.0.7", headers)


def test_production_instances_are_reached_where_clerk_has_proxies_ask() -> None:
    """Their own host need not exist, which is what a proxy is for."""
    assert passage().origin == "https://frontend-api.clerk.dev"
    sent = passage().outgoing(asked())
    assert sent.url == "https://frontend-api.clerk.dev/v1"
    assert (b"host", b"frontend-api.clerk.dev") in sent.headers


def test_development_instances_are_reached_at_their_own_host() -> None:
    """It always exists, and Clerk has no proxies before it."""
    assert passage("development").origin == "https://foo-bar-13.clerk.accounts.dev"


@pytest.mark.parametrize(
    "url", ["https://fapi.example.com", "https://fapi.example.com:8443/", "http://[::1]:9000"]
)
def test_frontend_api_may_be_elsewhere(url: str) -> None:
    """At any origin of https, or of this machine."""
    assert Passage.between(site_of("production"), SECRET, url).origin == url.rstrip("/")


NO_ORIGINS = [
    *("http://fapi.example.com", "ftp://fapi.example.com", "fapi.example.com", "https://", ""),
    *("https://u@fapi.example.com", "https://fapi.example.com/v1", "https://fapi.example.com//"),
    *("https://fapi.example.com?x", "https://fapi.example.com#x", "https://fapi.example.com\\x"),
    *("https://fapi.example.com:99999", "null", "mailto:x"),
]


@pytest.mark.parametrize("url", NO_ORIGINS)
def test_frontend_api_is_an_origin_that_can_keep_a_secret(url: str) -> None:
    """Not more than an origin, and encrypted beyond this machine."""
    with pytest.raises(ConfigurationError, match="frontend_api_url"):
        Passage.between(site_of("production"), SECRET, url)


@pytest.mark.parametrize(
    "place", ["https://app.example.com", "/", "/a//b", "/a/../b", "/.", "/%61", "/{x}", "/a;b"]
)
def test_place_of_the_proxy_is_a_plain_path(place: str) -> None:
    """Everything below it goes to Clerk, so that the root would be too much."""
    with pytest.raises(ConfigurationError, match=r"CLERK_PROXY_URL.*path"):
        Passage.between(site_of("production", place), SECRET, None)


@pytest.mark.parametrize(
    ("place", "prefix"),
    [("/__clerk///", "/__clerk"), ("https://app.example.com/a/.b", "/a/.b")],
)
def test_prefix_is_the_path_of_the_proxy_url(place: str, prefix: str) -> None:
    """Without slashes at its end."""
    assert Passage.between(site_of("production", place), SECRET, None).prefix == prefix


def test_what_is_missing_is_named() -> None:
    """With the variable to set."""
    keyless = Site("production", None, proxy_url="/__clerk")
    for site, secret, name in (
        (site_of("production", None), SECRET, "CLERK_PROXY_URL"),
        (keyless, SECRET, "CLERK_PUBLISHABLE_KEY"),
        (site_of("production"), None, "CLERK_SECRET_KEY"),
    ):
        with pytest.raises(ConfigurationError, match=name):
            Passage.between(site, secret, None)


def test_nothing_secret_is_shown() -> None:
    """Tracebacks show all of these."""
    question = asked(b"/__clerk/v1?token=s3cret", (b"cookie", b"__session=s3cret"))
    way = passage()
    for each in (question, way, way.outgoing(question)):
        assert "s3cret" not in repr(each)
        assert SECRET.get_secret_value() not in repr(each)


@pytest.mark.parametrize("peer", [None, "testclient", ""])
def test_visitor_without_an_address_is_named_by_nobody(peer: str | None) -> None:
    """Behind a unix socket there is none."""
    question = asked(b"/__clerk/v1", (b"x-forwarded-for", b"203.0.113.7"))._replace(peer=peer)
    names = dict(passage().outgoing(question).headers)
    assert b"x-forwarded-for" not in names
    believed = passage(proxies=Proxies.named("*")).outgoing(question)
    assert dict(believed.headers)[b"x-forwarded-for"] == b"203.0.113.7"


def test_names_of_headers_are_read_in_any_case() -> None:
    """Servers write them small, and whoever comes before us may not."""
    theirs = [(b"Clerk-Secret-Key", b"x"), (b"Cookie", b"app=1; __client=2"), (b"Connection", b"X")]
    sent = passage().outgoing(asked(b"/__clerk/v1", *theirs, (b"x", b"y"), (b"Z", b"z"))).headers
    assert [value for name, value in sent if name == b"cookie"] == [b"__client=2"]
    assert (b"z", b"z") in sent
    assert not {b"x", b"connection"} & {name for name, _ in sent}
    back = [(b"Set-Cookie", b"a=1"), (b"ALT-SVC", b"x"), (b"Content-Length", b"0")]
    outgoing = Outgoing("GET", "https://frontend-api.clerk.dev/v1", (), "https://x.test/__clerk")
    assert passage().answer_headers(200, back, outgoing) == [
        (b"set-cookie", b"a=1"),
        (b"content-length", b"0"),
    ]


def test_cookies_of_several_headers_are_one() -> None:
    """HTTP/2 sends them apart."""
    cookies = [(b"cookie", b"__client=1"), (b"cookie", b"app=2"), (b"cookie", b"__session=3")]
    sent = passage().outgoing(asked(b"/__clerk/v1", *cookies)).headers
    assert [value for name, value in sent if name == b"cookie"] == [b"__client=1; __session=3"]


@pytest.mark.parametrize(
    "path", [b"/elsewhere", b"/__clerkx", b"/%5f_clerk/v1", b"/__clerk/a%0d%0ab", b"/__clerk/%ff"]
)
def test_path_that_is_none_of_ours_is_refused(path: bytes) -> None:
    """Even if somebody took it for one."""
    with pytest.raises(ProxyRefused) as refusal:
        passage().outgoing(asked(path))
    assert (refusal.value.status, refusal.value.code) == (400, "proxy_path_mismatch")


LENGTHS = [
    ([(b"content-length", b"5")], 5),
    ([(b"Content-Length", b"0")], 0),
    ([], None),
    ([(b"content-length", b"5"), (b"content-length", b"5")], None),
    ([(b"content-length", b"5"), (b"transfer-encoding", b"chunked")], None),
    ([(b"content-length", b"+5")], None),
    ([(b"content-length", b"5, 5")], None),
    ([(b"content-length", b"-1")], None),
    ([(b"content-length", b"9" * 16)], None),
]


@pytest.mark.parametrize(("headers", "length"), LENGTHS)
def test_length_is_believed_in_one_clear_word(
    headers: list[tuple[bytes, bytes]], length: int | None
) -> None:
    """Of two, or of none, it is not known."""
    assert declared_length(headers) == length
