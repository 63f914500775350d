"""What a request says, read once: headers that come twice are joined and never chosen from."""

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.engine.facts import read_facts
from clerk_fastapi.protocol.credentials import Facts, Navigation
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.connections import auth_of, code_of, request

pytestmark = pytest.mark.anyio


def test_facts_are_read_from_the_scope() -> None:
    """Kind, scheme and four headers; everything else is nobody's business here."""
    connection = request(
        ("authorization", "Bearer abc"),
        ("cookie", "a=1"),
        ("origin", "https://app.example.com"),
        ("x-clerk-auth-status", "signed-in"),
        ("x-forwarded-host", "evil.example"),
        kind="websocket",
        scheme="wss",
    )
    assert read_facts(connection.scope) == Facts(
        "websocket",
        "wss",
        b"Bearer abc",
        b"a=1",
        b"app.example.com",
        b"https://app.example.com",
    )


def test_missing_headers_are_none() -> None:
    """Nothing is made up; a scheme is optional in ASGI and then ``http``."""
    scope = {"type": "http", "headers": []}
    assert read_facts(scope) == Facts(
        "http",
        "http",
        None,
        None,
        None,
        None,
        Navigation("", b"", None, None, None, None, None, None),
    )


PAGE = {
    "type": "http",
    "method": "GET",
    "path": "/a b",
    "raw_path": b"/a%20b",
    "query_string": b"x=1?",
    "client": ("203.0.113.9", 40_000),
    "headers": [
        (b"accept", b"text/html"),
        (b"sec-fetch-dest", b"document"),
        (b"referer", b"https://www.example.com/"),
        (b"x-forwarded-host", b"www.example.com"),
        (b"x-forwarded-proto", b"https"),
    ],
}


def test_what_a_browser_says_of_a_page_is_read() -> None:
    """As bytes, and before anybody judged it."""
    assert read_facts(PAGE).navigation == Navigation(
        "GET",
        b"/a%20b?x=1?",
        "203.0.113.9",
        b"text/html",
        b"document",
        b"https://www.example.com/",
        b"www.example.com",
        b"https",
    )


@pytest.mark.parametrize(
    ("scope", "target"),
    [
        ({}, b"/a%20b?x=1?"),
        ({"raw_path": None}, b"/a b?x=1?"),
        ({"raw_path": b""}, b"/a b?x=1?"),
        ({"raw_path": None, "path": "/\u00e9\udc80"}, b"/\xc3\xa9\xed\xb2\x80?x=1?"),
        ({"raw_path": b"/a?x=1?"}, b"/a?x=1?"),
        ({"query_string": b""}, b"/a%20b"),
        ({"root_path": ""}, b"/a%20b?x=1?"),
        ({"root_path": "/"}, b"/a%20b?x=1?"),
        ({"root_path": "/api"}, b"/api/a%20b?x=1?"),
        ({"root_path": "/api/"}, b"/api/a%20b?x=1?"),
        ({"root_path": "/a"}, b"/a/a%20b?x=1?"),
        ({"root_path": "/a b"}, b"/a%20b?x=1?"),
        ({"root_path": "/api", "path": "/api", "raw_path": b"/api"}, b"/api?x=1?"),
        ({"root_path": "/api", "path": "/api/x", "raw_path": b"/api/x"}, b"/api/x?x=1?"),
        ({"root_path": "/api", "path": "/apis", "raw_path": b"/apis"}, b"/api/apis?x=1?"),
        ({"root_path": "/\u00e9 ", "path": "/x", "raw_path": None}, b"/%C3%A9%20/x?x=1?"),
        (
            {"root_path": "/\u00e9", "path": "/\u00e9/x", "raw_path": b"/%C3%A9/x"},
            b"/%C3%A9/x?x=1?",
        ),
        ({"root_path": "/\udc80", "path": "/x", "raw_path": b"/x"}, b"/%3F/x?x=1?"),
    ],
)
def test_target_is_the_one_that_browsers_know(scope: dict[str, object], target: bytes) -> None:
    """With the prefix that a proxy has taken off, and as it was written where that is known."""
    navigation = read_facts(PAGE | scope).navigation
    assert navigation is not None
    assert navigation.target == target


@pytest.mark.parametrize("client", [None, []])
def test_peer_may_be_unknown(client: object) -> None:
    """As on a Unix socket."""
    navigation = read_facts(PAGE | {"client": client}).navigation
    assert navigation is not None
    assert navigation.peer is None


@pytest.mark.parametrize("value", [b"Bearer abc", b"BEARER ", b"bearer a b"])
def test_whoever_speaks_for_themselves_goes_nowhere(value: bytes) -> None:
    """So that nothing more is read of such a request."""
    headers = [*PAGE["headers"], (b"authorization", value)]  # type: ignore[misc]  # a scope is untyped
    assert read_facts(PAGE | {"headers": headers}).navigation is None
    basic = [*PAGE["headers"], (b"authorization", b"Basic abc")]  # type: ignore[misc]  # as above
    assert read_facts(PAGE | {"headers": basic}).navigation is not None


def test_headers_that_come_twice_are_joined() -> None:
    """With commas (RFC 9110 section 5.3), cookies with semicolons (RFC 6265 section 5.4)."""
    connection = request(
        ("host", "one"),
        ("authorization", "Bearer a"),
        ("cookie", "a=1"),
        ("origin", "https://one"),
        ("host", "two"),
        ("authorization", "Bearer b"),
        ("cookie", "b=2"),
        ("origin", "https://two"),
    )
    facts = read_facts(connection.scope)
    assert facts.authorization == b"Bearer a, Bearer b"
    assert facts.cookie == b"a=1; b=2"
    assert facts.host == b"one, two"
    assert facts.origin == b"https://one, https://two"


async def test_two_bearer_tokens_are_none(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Two good tokens, even the same one twice, do not let somebody choose."""
    token = f"Bearer {local.token(session)}"
    state = await clerk.authenticate(request(("authorization", token), ("authorization", token)))
    assert code_of(state) == "token-invalid"


async def test_internal_headers_are_never_believed(clerk: Clerk) -> None:
    """What frameworks tell each other in headers, anybody can send."""
    state = await clerk.authenticate(
        request(
            ("x-clerk-auth-status", "signed-in"),
            ("x-clerk-auth-token", "abc"),
            ("x-clerk-auth-signature", "abc"),
            ("x-middleware-subrequest", "middleware"),
        )
    )
    assert code_of(state) == "session-token-and-uat-missing"


async def test_cookies_split_over_headers_are_one_jar(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """HTTP/2 sends each cookie in a header of its own."""
    pairs = [("cookie", f"{name}={value}") for name, value in local.cookies(session).items()]
    assert auth_of(await clerk.authenticate(request(*pairs))).user_id == session.user.id


def test_header_is_read_up_to_a_bound() -> None:
    """A stranger may send a header hundreds of thousands of times."""
    headers = [(b"cookie", b"a=b")] * 200_000 + [(b"authorization", b"Bearer " + b"a" * 1_000_000)]
    facts = read_facts({"type": "http", "headers": headers})
    assert len(facts.cookie or b"") == len(facts.authorization or b"") == 65_536
