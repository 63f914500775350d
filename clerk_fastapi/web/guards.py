"""Guards: dependencies that enforce a requirement, for HTTP and WebSockets alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Final, NoReturn, ParamSpec

from fastapi import Depends
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from clerk_fastapi.engine.answer import ANSWER
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.authenticate import Accepted, AcceptsToken, accepted
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.engine.facts import Connection
from clerk_fastapi.engine.judgement import enforce
from clerk_fastapi.engine.machine import MachineAuth
from clerk_fastapi.engine.state import Handshake, SignedIn, SignedOut, State
from clerk_fastapi.errors import ConfigurationError, HandshakeRequired
from clerk_fastapi.protocol.authorization import (
    AllOf,
    Feature,
    Fresh,
    Level,
    Organization,
    Permission,
    Plan,
    Preset,
    Requirement,
    Reverified,
    Role,
    Scope,
)
from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.protocol.uncalled import UNCALLED
from clerk_fastapi.web.refusals import teach
from clerk_fastapi.web.running import running_engine
from clerk_fastapi.web.schemes import describe_guard, guard_name

__all__ = [
    "CurrentAuth",
    "Guard",
    "optional_auth",
    "require",
    "require_api_key",
    "require_auth",
    "require_feature",
    "require_fresh",
    "require_m2m",
    "require_oauth",
    "require_organization",
    "require_permission",
    "require_plan",
    "require_reverification",
    "require_role",
    "require_scope",
]

_P = ParamSpec("_P")


@dataclass(frozen=True)
class Guard(SecurityBase):
    """A dependency that lets a request pass only with a session that meets a requirement.

    With ``optional`` it lets guests pass, too. Guards that demand the same are equal, so that
    FastAPI's ``dependency_overrides`` find them. They take FastAPI's part of a security scheme, so
    that FastAPI itself finds them wherever they are used and writes them into the OpenAPI document,
    where :mod:`clerk_fastapi.web.openapi` turns them into words.
    """

    requirement: Requirement | None = None
    treat_pending_as_signed_out: bool = True
    clerk: Engine[Any] | None = None
    optional: bool = False
    accepts_token: AcceptsToken = "session_token"
    _accepts: Accepted = field(init=False, repr=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.requirement, Requirement | None):
            raise ConfigurationError("A guard takes a requirement, such as Permission(...).")
        if not isinstance(self.clerk, Engine | None):
            raise ConfigurationError("A guard takes a Clerk, if it is to ask a certain one.")
        accepts = accepted(self.accepts_token)
        if not isinstance(self.accepts_token, str):
            object.__setattr__(self, "accepts_token", accepts.kinds)
        object.__setattr__(self, "_accepts", accepts)
        # FastAPI wants these of a security scheme, and hashes guards several times a request.
        model = describe_guard(self.requirement, accepts.kinds, optional=self.optional)
        object.__setattr__(self, "model", model)
        object.__setattr__(self, "scheme_name", guard_name(model))
        demands = (self.requirement, self.treat_pending_as_signed_out, self.clerk, self.optional)
        try:
            object.__setattr__(self, "_hash", hash((demands, self.accepts_token)))
        except TypeError:
            raise ConfigurationError(
                "A requirement has to be hashable: make it a frozen dataclass."
            ) from None

    def __hash__(self) -> int:
        return self._hash

    def __deepcopy__(self, memo: object) -> NoReturn:
        # FastAPI copies the defaults of parameters, and a guard that is one guards nothing.
        raise ConfigurationError("A guard goes into Depends(...): auth=Depends(require_auth).")

    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes
    ) -> Auth[SessionClaims] | MachineAuth | None:
        """Judge a request; called by FastAPI."""
        return await self.admit(connection, security_scopes.scopes)

    async def admit(
        self,
        connection: Connection,
        scopes: Sequence[str] = (),
        *,
        clerk: Engine[Any] | None = None,
    ) -> Auth[SessionClaims] | MachineAuth | None:
        """Authenticate, once for all guards of a request, and judge.

        :param connection: a request or WebSocket, on its way through an application.
        :param scopes: permissions to demand of sessions, and scopes of machines' tokens, as well.
        :param clerk: the instance to ask if the guard does not name one; else the running one.
        :returns: who is asking; ``None`` for guests, where they are welcome.
        :raises HandshakeRequired: 307, if a browser has to go round by Clerk first.
        :raises TokenError: 401, if nobody is signed in, or not recently enough for ``Fresh``.
        :raises AccessDenied: 403, with the part of the requirement that is missing.
        :raises BackendUnavailable: 503, if the instance's keys cannot be had.
        """
        teach(connection.scope)
        clerk = self.clerk or clerk or running_engine(connection.scope)
        state = await clerk.authenticate(
            connection,
            accepts_token=self._accepts,
            treat_pending_as_signed_out=self.treat_pending_as_signed_out,
        )
        if state.location is not None:
            raise _redirect(state, connection.scope)
        return self._judge(state, scopes, clerk.clock)

    def _judge(
        self, state: State[Any], scopes: Sequence[str], clock: Callable[[], float]
    ) -> Auth[SessionClaims] | MachineAuth | None:
        if not isinstance(state, SignedIn):
            if self.optional:
                return None
            # Afresh, because the state is shared and tracebacks grow.
            raise type(state.error)(state.error.message)
        requirement = self.requirement
        if scopes:
            kind = Permission if state.auth.token_type == "session_token" else Scope
            requirement = _with_scopes(requirement, kind, tuple(scopes))
        if requirement is not None:
            enforce(requirement, state.auth, clock())
        auth: Auth[SessionClaims] | MachineAuth = state.auth
        return auth


def _redirect(state: SignedIn[Any] | SignedOut | Handshake, scope: Any) -> HandshakeRequired:
    # The cookies of a session that came home are on their way already, if anybody sends them.
    sent = ANSWER in scope and not isinstance(state, Handshake)
    reason, location = state.reason or "signed-in", state.location or ""
    return HandshakeRequired(reason, location, () if sent else state.cookies)


@lru_cache(maxsize=1024)
def _with_scopes(
    requirement: Requirement | None,
    kind: type[Permission] | type[Scope],
    scopes: tuple[str, ...],
) -> Requirement:
    wanted = tuple(kind(scope) for scope in scopes)
    return AllOf(wanted if requirement is None else (requirement, *wanted))


require_auth: Final = Guard()
"""Demand a signed-in user: ``auth: Annotated[Auth[Claims], Depends(require_auth)]``.

With ``Security(require_auth, scopes=["org:data:read"])`` the scopes are permissions of the session.
"""

optional_auth: Final = Guard(optional=True)
"""Tell who is signed in, if anyone: ``auth: Annotated[Auth | None, Depends(optional_auth)]``."""

require_organization: Final = Guard(Organization())
"""Demand an active organization; ``require(Organization("acme"))`` demands a certain one."""


def _to_be_called(make: Callable[_P, Guard]) -> Callable[_P, Guard]:
    make.__signature__ = UNCALLED  # type: ignore[attr-defined]  # read by inspect
    return make


require_api_key: Final = Guard(accepts_token="api_key")
"""Demand an API key of a user or an organization: ``key: Annotated[ApiKeyAuth, Depends(...)]``.

With ``Security(require_api_key, scopes=["data:read"])`` the scopes are those of the key.
"""

require_m2m: Final = Guard(accepts_token="m2m_token")
"""Demand the M2M token of a machine: ``machine: Annotated[M2MAuth, Depends(require_m2m)]``."""

require_oauth: Final = Guard(accepts_token="oauth_token")
"""Demand an OAuth access token: ``client: Annotated[OAuthAuth, Depends(require_oauth)]``."""


@_to_be_called
def require(
    requirement: Requirement | None = None,
    *,
    accepts_token: AcceptsToken = "session_token",
    treat_pending_as_signed_out: bool = True,
    clerk: Engine[Any] | None = None,
) -> Guard:
    """Make a guard of requirements joined with ``&`` and ``|``.

    :param requirement: what to demand beyond being signed in.
    :param accepts_token: ``session_token``, ``api_key``, ``m2m_token``, ``oauth_token``, a list of
        them, or ``any``; what the route gets is then an ``Auth``, ``ApiKeyAuth``, ``M2MAuth`` or
        ``OAuthAuth``, told apart by its type or by ``token_type``.
    :param treat_pending_as_signed_out: whether a session whose user still has tasks to finish, such
        as choosing an organization, is turned away like none.
    :param clerk: the instance to ask, in an application with several; by default the one that the
        application was started with.
    """
    return Guard(
        requirement, treat_pending_as_signed_out, clerk, optional=False, accepts_token=accepts_token
    )


@_to_be_called
def require_role(name: str) -> Guard:
    """Demand a role in the active organization, such as ``org:admin``."""
    return Guard(Role(name))


@_to_be_called
def require_permission(name: str) -> Guard:
    """Demand a custom permission in the active organization, such as ``org:data:read``."""
    return Guard(Permission(name))


@_to_be_called
def require_scope(name: str) -> Guard:
    """Demand a scope of an API key, M2M token or OAuth access token, such as ``data:read``.

    Sessions have no scopes, so they are not accepted; ``require(Scope(...), accepts_token=...)``
    narrows it to certain kinds of token.
    """
    return Guard(Scope(name), accepts_token=("api_key", "m2m_token", "oauth_token"))


@_to_be_called
def require_feature(slug: str) -> Guard:
    """Demand a feature; ``org:<slug>`` or ``user:<slug>`` looks in one place only."""
    return Guard(Feature(slug))


@_to_be_called
def require_plan(slug: str) -> Guard:
    """Demand a plan; ``org:<slug>`` or ``user:<slug>`` looks in one place only."""
    return Guard(Plan(slug))


@_to_be_called
def require_reverification(
    preset: Preset | None = None, *, level: Level | None = None, after_minutes: float | None = None
) -> Guard:
    """Demand that the user proved who they are lately: ``require_reverification("strict")``.

    The parameters are those of :class:`~clerk_fastapi.Reverified`.
    """
    return Guard(Reverified(preset, level=level, after_minutes=after_minutes))


@_to_be_called
def require_fresh(max_age: float) -> Guard:
    """Demand a session no older than so many seconds; older ones are a 401 ``session-too-old``.

    :param max_age: seconds since the user last proved who they are, counted as by
        :class:`~clerk_fastapi.Fresh`.
    """
    return Guard(Fresh(max_age))


CurrentAuth = Annotated[Auth[SessionClaims], Depends(require_auth)]
"""A signed-in user, ready to be used as the type of a parameter."""
