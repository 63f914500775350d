"""Pages that browsers load and calls that they make, and how they are told what comes of them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import HTTPConnection

from clerk_fastapi import Handshake, SignedIn, State
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.clock import NOW
from tests.engine.connections import HOST

__all__ = [
    "DOCUMENT",
    "FETCH",
    "cookie_header",
    "directives",
    "page",
    "parameter",
    "place",
    "told",
    "with_nonce",
    "with_token",
]

Header = tuple[str, str]

DOCUMENT: Header = ("sec-fetch-dest", "document")
FETCH: Header = ("sec-fetch-dest", "empty")


def page(
    target: str = "/",
    cookies: Mapping[str, str] | None = None,
    *headers: Header,
    method: str = "GET",
    kind: str = "http",
    scheme: str = "https",
    host: str = HOST,
    peer: str | None = "203.0.113.9",
) -> HTTPConnection:
    """A page that is loaded into a tab; other ``headers`` make it something else."""
    path, _, query = target.partition("?")
    sent = {"host": host} | dict(headers or [DOCUMENT])
    if cookies:
        sent["cookie"] = cookie_header(cookies)
    scope = {
        "type": kind,
        "scheme": scheme,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "client": None if peer is None else (peer, 40_000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
    }
    return HTTPConnection(scope if kind == "websocket" else scope | {"method": method})


def cookie_header(cookies: Mapping[str, str]) -> str:
    """What a browser that holds these sends."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def told(state: State) -> str:
    """Status, reason and place: all that a browser learns."""
    words = [state.status]
    if state.reason is not None:
        words.append(state.reason)
    if state.location is not None:
        words.append(place(state))
    return " ".join(words)


def place(state: State) -> str:
    """Where the browser is sent, without the parameters."""
    assert state.location is not None, told(state)
    return state.location.partition("?")[0]


def parameter(state: State, name: str) -> str | None:
    """What the browser is sent with."""
    assert isinstance(state, Handshake | SignedIn), told(state)
    values = parse_qs(urlsplit(state.location or "").query, keep_blank_values=True).get(name)
    return None if values is None else values[0]


def directives(local: LocalClerk, session: Session, **says: Any) -> list[str]:
    """What a handshake brings home: a fresh token, and when the sign-in state changed."""
    return [
        f"__session={local.token(session, **says)}; Path=/",
        f"__session_{local.cookie_suffix}={local.token(session, **says)}; Path=/; Secure",
        f"__client_uat={NOW}; Path=/; Domain=example.com",
    ]


def with_nonce(local: LocalClerk, brought: list[str]) -> str:
    """A query that carries a nonce for these directives."""
    return f"/page?__clerk_handshake_nonce={local.nonces.keep(brought)}&x=1"


def with_token(token: str) -> str:
    """A query that carries a handshake token."""
    return f"/page?x=1&__clerk_handshake={token}"
