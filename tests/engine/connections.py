"""Requests and WebSockets as servers hand them over, with the headers that a test wants."""

from collections.abc import Iterable, Mapping

from starlette.requests import HTTPConnection

from clerk_fastapi import Auth, SignedIn, SignedOut, State

__all__ = ["HOST", "auth_of", "bearer", "browser", "code_of", "request"]

HOST = "app.example.com"


def request(
    *headers: tuple[str, str], kind: str = "http", scheme: str | None = "https"
) -> HTTPConnection:
    """A connection to ``app.example.com`` with these headers, in this order."""
    pairs = [("host", HOST), *headers] if all(name != "host" for name, _ in headers) else headers
    scope = {
        "type": kind,
        "path": "/",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
    }
    return HTTPConnection(scope if scheme is None else scope | {"scheme": scheme})


def bearer(token: str) -> HTTPConnection:
    """A request that speaks for itself."""
    return request(("authorization", f"Bearer {token}"))


def browser(
    cookies: Mapping[str, str] | Iterable[tuple[str, str]],
    *headers: tuple[str, str],
    kind: str = "http",
    scheme: str | None = "https",
) -> HTTPConnection:
    """A request with the cookies of a browser."""
    jar = "; ".join(f"{name}={value}" for name, value in dict(cookies).items())
    return request(("cookie", jar), *headers, kind=kind, scheme=scheme)


def auth_of(state: State) -> Auth:
    """Who is signed in; anything else fails the test."""
    assert isinstance(state, SignedIn), state
    return state.auth


def code_of(state: State) -> str:
    """The code that says why nobody is signed in; anything else fails the test."""
    assert isinstance(state, SignedOut), state
    return state.error.code
