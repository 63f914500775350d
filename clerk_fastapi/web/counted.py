"""As whom a request counts: a user, an organization, a machine's token, or an address."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from starlette.requests import HTTPConnection
from starlette.types import Scope

from clerk_fastapi.engine.authenticate import Accepted, accepted
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.engine.state import SignedIn
from clerk_fastapi.errors import BackendUnavailable, ConfigurationError
from clerk_fastapi.protocol.addresses import client_address, network_of
from clerk_fastapi.protocol.machine import TokenType
from clerk_fastapi.web.guards import Guard
from clerk_fastapi.web.routing.declared import called_below, dependant_serving

__all__ = ["ACCEPTED", "By", "Counted", "KeyOf", "counted_as"]

By: TypeAlias = Literal["user", "organization", "api_key", "address"]
"""What requests are told apart by; whoever has none of it counts by address."""

KeyOf: TypeAlias = Callable[[HTTPConnection], str | Awaitable[str | None] | None]
"""A function of one's own that tells requests apart; by address where it returns nothing."""

ACCEPTED: Final = "clerk_fastapi.accepted"
"""Where a scope holds the kinds of token that the policies of a route accept."""

_SESSIONS: Final[frozenset[TokenType]] = frozenset({"session_token"})
_UNKNOWN: Final = "unknown"


class Counted(NamedTuple):
    """As whom a request counts: what kind of name it is, and the name."""

    kind: str
    name: str


async def counted_as(by: By | KeyOf, connection: HTTPConnection, engine: Engine[Any]) -> Counted:
    """Find out as whom a request counts: somebody always.

    Nobody is refused here: who cannot be believed, or not at the moment, counts by address.
    """
    if callable(by):
        key = by(connection)
        if inspect.isawaitable(key):
            key = await key
        if not isinstance(key, str | None):
            raise ConfigurationError("What a rate limit counts by returns text, or None.")
        return Counted("key", key) if key else _address(connection.scope, engine)
    auth = None if by == "address" else await _auth(connection, engine)
    return _address(connection.scope, engine) if auth is None else _counted(by, auth)


async def _auth(connection: HTTPConnection, engine: Engine[Any]) -> Any:
    try:
        state = await engine.authenticate(
            connection,
            accepts_token=_accepted(_kinds(connection.scope)),
            treat_pending_as_signed_out=False,
        )
    except BackendUnavailable:
        return None  # guards say so; what is public stays public
    return state.auth if isinstance(state, SignedIn) else None


def _counted(by: By, auth: Any) -> Counted:
    is_machine = auth.token_type != "session_token"
    if by == "api_key" and is_machine:
        return Counted("token", auth.id) if auth.id else Counted("subject", auth.subject)
    org_id = getattr(auth, "org_id", None)
    if by == "organization" and org_id is not None:
        return Counted("organization", org_id)
    user_id = getattr(auth, "user_id", None)
    return Counted("subject", auth.subject) if user_id is None else Counted("user", user_id)


def _address(scope: Scope, engine: Engine[Any]) -> Counted:
    client = scope.get("client")
    forwarded = (value for name, value in scope["headers"] if name == b"x-forwarded-for")
    address = client_address(client[0] if client else None, forwarded, engine.site.proxies)
    return Counted("address", network_of(address) if address else _UNKNOWN)


def _kinds(scope: Scope) -> frozenset[TokenType]:
    """The kinds of token that a route accepts: no other is verified, or shown to Clerk."""
    kinds: frozenset[TokenType] = scope.get(ACCEPTED, frozenset())
    dependant = dependant_serving(scope)
    if dependant is not None:
        for called, _ in called_below(dependant):
            if isinstance(called, Guard):
                kinds |= accepted(called.accepts_token).kinds
    return kinds or _SESSIONS


@lru_cache(maxsize=16)
def _accepted(kinds: frozenset[TokenType]) -> Accepted:
    return accepted("session_token" if kinds == _SESSIONS else kinds)
