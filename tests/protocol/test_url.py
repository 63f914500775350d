"""URLs in and out: no request line, host or parameter names a place that it should not."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.protocol.url import (
    PublicUrl,
    form_encoded,
    hostname_of,
    origin_of,
    with_parameters,
)

APP = "https://app.example.com"


def page(target: str) -> PublicUrl:
    """A page of the application."""
    url = PublicUrl.build("https", "app.example.com", target.encode("latin-1"))
    assert url is not None
    return url


# --- the public URL -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "host", "origin"),
    [
        ("https", "app.example.com", APP),
        ("https", "APP.Example.com", APP),
        ("https", "app.example.com:443", APP),
        ("http", "app.example.com:80", "http://app.example.com"),
        ("http", "app.example.com:443", "http://app.example.com:443"),
        ("https", "app.example.com:8443", f"{APP}:8443"),
        ("http", "localhost:8000", "http://localhost:8000"),
        ("http", "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http", "[::1]", "http://[::1]"),
        ("http", "[::1]:8000", "http://[::1]:8000"),
        ("https", "[2001:DB8::7]:443", "https://[2001:db8::7]"),
        ("http", "my_service", "http://my_service"),
        ("https", "app.example.com:65535", f"{APP}:65535"),
    ],
)
def test_origin_is_written_as_browsers_write_it(scheme: str, host: str, origin: str) -> None:
    """In lower case, and without the port that goes without saying."""
    url = PublicUrl.build(scheme, host, b"/")
    assert url is not None
    assert url.origin == origin


@pytest.mark.parametrize(
    "host",
    [
        "",
        "ada@app.example.com",
        "ada:secret@app.example.com",
        "evil.example@app.example.com",
        "app.example.com, evil.example",
        "app.example.com evil.example",
        "app.example.com/evil",
        "app.example.com?x",
        "app.example.com#x",
        "evil.example\\app.example.com",
        "app.example.com\r\nSet-Cookie: a=b",
        "app.example.com\n",
        "app.example.com:",
        "app.example.com:port",
        "app.example.com:65536",
        "app.example.com:99999",
        "app.example.com:123456",
        "app.example.com:80:80",
        "app.exampl\xe9.com",
        "app%2eexample.com",
        "::1",
        "[::1",
        "[::1]evil.example",
        "[1.2.3.4]",
        "[:::]",
        "[1::2::3]",
        "[app.example.com]",
        "https://app.example.com",
        "a" * 300,
    ],
)
def test_host_that_is_no_plain_host_is_none(host: str) -> None:
    """User names, lists and half addresses name no place to go back to."""
    assert PublicUrl.build("https", host, b"/") is None


def test_host_is_as_long_as_a_name_can_be() -> None:
    """255 characters and a port (RFC 1035 section 2.3.4), and no more."""
    for length, found in ((255, True), (256, False)):
        host = "a" * length + ":65535"
        assert (PublicUrl.build("https", host, b"/") is not None) is found


@pytest.mark.parametrize(
    "scheme", ["", "ws", "wss", "ftp", "javascript", "https:", "HTTPS", "null"]
)
def test_page_is_reached_by_http_or_https(scheme: str) -> None:
    """A proxy that says anything else says nothing."""
    assert PublicUrl.build(scheme, "app.example.com", b"/") is None


@pytest.mark.parametrize(
    "target", [b"", b"*", b"app.example.com:443", b"http://evil.example/", b"?a=b", b"page"]
)
def test_target_that_is_no_path_is_none(target: bytes) -> None:
    """Of the four forms of RFC 9112 section 3.2 only the first is a page of this site."""
    assert PublicUrl.build("https", "app.example.com", target) is None


@pytest.mark.parametrize(
    ("target", "written"),
    [
        ("/", "/"),
        ("/a/b?c=d&e", "/a/b?c=d&e"),
        ("//evil.example", "//evil.example"),
        ("//evil.example//x?y", "//evil.example//x?y"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("/../..", "/../.."),
        ("/@evil.example", "/@evil.example"),
        ("/%2F%2fevil", "/%2F%2fevil"),
        ("/a b", "/a%20b"),
        ("/a\r\nb", "/a%0D%0Ab"),
        ("/\xe9", "/%E9"),
        ("/a#b", "/a%23b"),
        ('/"<>`{}', "/%22%3C%3E%60%7B%7D"),
        ("/?", "/"),
        ("/?a=b?c", "/?a=b?c"),
        ("/?a=\r\n#<", "/?a=%0D%0A%23%3C"),
    ],
)
def test_page_stays_on_its_own_origin(target: str, written: str) -> None:
    """Whatever the path says, the origin is its beginning, and all of it fits into a header."""
    assert str(page(target)) == APP + written


@given(target=st.binary())
def test_random_targets_stay_on_their_origin(target: bytes) -> None:
    """Nothing that a path or a query holds leads a browser elsewhere."""
    url = PublicUrl.build("https", "app.example.com", b"/" + target)
    assert url is not None
    for text in (str(url), url.without(("x",)), url.without(())):
        assert text.startswith(f"{APP}/")
        assert text.isascii()
        assert text.isprintable()
        assert "\\" not in text.partition("?")[0]


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("", None),
        ("b=1", None),
        ("xa=1", None),
        ("a", ""),
        ("a=", ""),
        ("a=1", "1"),
        ("b=2&a=1&a=3", "1"),
        ("a=x+y%26z", "x y&z"),
        ("%61=1", "1"),
        ("a=%FF", "\ufffd"),
        ("a=1;b=2", "1;b=2"),
    ],
)
def test_parameter_is_the_first_of_its_name(query: str, value: str | None) -> None:
    """Decoded as forms are; an empty one is there."""
    assert page(f"/?{query}").parameter("a") == value


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("/x?a=1", "/x"),
        ("/x?a=1&b=2&a=3", "/x?b=2"),
        ("/x?c=3&a&b=", "/x?c=3&b="),
        ("/x?b=~&c=%20*", "/x?b=%7E&c=+*"),
        ("/x?%61=1&b=%E2%82%AC", "/x?b=%E2%82%AC"),
        ("//evil.example?a=1", "//evil.example"),
        ("/x", "/x"),
    ],
)
def test_parameters_are_taken_out(target: str, left: str) -> None:
    """Every value of them, however the name was written; the others stay in their order."""
    assert page(target).without({"a"}) == APP + left


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", "https://a.example/?p=1&s=true"),
        ("https://a.example/", "https://a.example/?p=1&s=true"),
        ("https://a.example?x=1&x=1", "https://a.example/?x=1&x=1&p=1&s=true"),
        ("https://a.example/x?s=false&y=2", "https://a.example/x?s=true&y=2&p=1"),
        ("https://a.example/x?s=1&p=2&s=2", "https://a.example/x?s=true&p=1"),
        ("https://a.example/x#y?s=1", "https://a.example/x?p=1&s=true#y?s=1"),
        ("https://a.example/x y", "https://a.example/x%20y?p=1&s=true"),
        ("https://a.example/\r\nx#\r\ny", "https://a.example/%0D%0Ax?p=1&s=true#%0D%0Ay"),
        ("https://a.example/\xe9", "https://a.example/%C3%A9?p=1&s=true"),
    ],
)
def test_parameters_are_added_before_the_fragment(url: str, expected: str) -> None:
    """What was there under their names gives way; nothing breaks out of the header."""
    assert with_parameters(url, [("p", "1"), ("s", "true")]) == expected


def test_query_is_written_as_forms_are() -> None:
    """As WHATWG URL section 5.2 says: blanks as plus, four signs as they are, no tilde."""
    pairs = [("a", "x y"), ("b", "*-._~"), ("c", "&=+#%/?"), ("\u20ac", "\ud800")]
    assert form_encoded(pairs) == "a=x+y&b=*-._%7E&c=%26%3D%2B%23%25%2F%3F&%E2%82%AC=%3F"
    assert form_encoded([]) == ""


# --- origins --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://app.example.com", APP),
        ("HTTPS://APP.example.com:443/path?query#fragment", APP),
        ("https://app.example.com?query", APP),
        ("http://[::1]:3000/", "http://[::1]:3000"),
        ("https://app.example.com/@evil.example", APP),
        ("https://app.example.com?@evil.example", APP),
        ("mailto:ada@example.com", "null"),
        ("javascript:alert(1)", "null"),
        ("about:blank", "null"),
        ("android-app://com.example/", "null"),
    ],
)
def test_origin_is_read_as_browsers_read_it(url: str, origin: str) -> None:
    """Scheme, host and port; what is not of the web has an opaque one."""
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/path",
        "//app.example.com",
        "app.example.com",
        "https:app.example.com",
        "https:/app.example.com",
        "https:///app.example.com",
        "https://",
        "https://ada@app.example.com",
        "https://app.example.com@evil.example",
        "https://evil.example\\@app.example.com",
        "https://evil.example\\.app.example.com",
        "https://app.example.com:65536",
        "https://app.example.com:x",
        "https://app example.com",
        "https://app.example.com\t.evil.example",
        " https://app.example.com",
        "https://[::1",
        "https://exampl\xe9.com",
    ],
)
def test_url_without_a_plain_host_has_no_origin(url: str) -> None:
    """Where two readers could find two hosts, there is none."""
    assert origin_of(url) is None


@given(url=st.text(), prefix=st.sampled_from(["", "https://", "http://a.example", "https:"]))
def test_origin_names_the_host_that_others_find(url: str, prefix: str) -> None:
    """No text makes this reader find another host than the standard library does."""
    origin = origin_of(prefix + url)
    if origin not in (None, "null"):
        assert urlsplit(str(origin)).hostname == urlsplit(prefix + url).hostname


@pytest.mark.parametrize(
    ("origin", "hostname"),
    [
        ("https://app.example.com:8443", "app.example.com"),
        ("http://[::1]:3000", "::1"),
        ("null", ""),
    ],
)
def test_hostname_is_without_port_and_brackets(origin: str, hostname: str) -> None:
    """An opaque origin has none."""
    assert hostname_of(origin) == hostname
