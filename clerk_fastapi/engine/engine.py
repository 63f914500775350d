"""One running Clerk instance: settings, keys, memory and clock put together, shared with none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Self, overload

from clerk_fastapi.backend.frontend_api import FrontendApi
from clerk_fastapi.backend.jwks import JwksAges
from clerk_fastapi.backend.official import Official
from clerk_fastapi.backend.transport import HttpTransport
from clerk_fastapi.engine.answer import ANSWER, Answer
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.authenticate import (
    SESSIONS,
    Accepted,
    AcceptsToken,
    accepted,
)
from clerk_fastapi.engine.deliveries import Deliveries
from clerk_fastapi.engine.facts import Connection, Scope, read_facts
from clerk_fastapi.engine.machine import MachineAuth
from clerk_fastapi.engine.parts import Parts, Tuning
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.engine.sessions import Sessions
from clerk_fastapi.engine.state import Handshake, SignedIn, SignedOut, State
from clerk_fastapi.engine.users import Organizations, Users
from clerk_fastapi.errors import SessionPending
from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.protocol.credentials import Facts
from clerk_fastapi.protocol.handshake import Visit
from clerk_fastapi.protocol.reading import ClaimsReader, ClaimsT
from clerk_fastapi.protocol.site import OrganizationSync
from clerk_fastapi.settings import (
    KeyArguments,
    RuleArguments,
    SiteArguments,
    read_settings,
)
from clerk_fastapi.stores.store import Store

if TYPE_CHECKING:
    from clerk_fastapi.backend.official import OfficialClerk

__all__ = ["Engine"]


class _Kept(NamedTuple):
    """What a request turned out to be, for the next guard that asks, and the facts it rests on.

    A scope may be copied and its headers changed, so the facts are compared; and the type is
    private, so that nobody else's entry in a scope passes for it. The engine is kept, too: names
    are made of addresses, which are given to others when their owners are gone.
    """

    engine: Engine[Any]
    facts: Facts
    state: State[Any]


class Engine(Generic[ClaimsT]):
    """One Clerk instance: it believes tokens, and shares nothing with any other."""

    def __init__(
        self,
        *,
        publishable_key: str | None = None,
        secret_key: str | None = None,
        jwt_key: str | None = None,
        machine_secret_key: str | None = None,
        api_url: str | None = None,
        authorized_parties: Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        issuer: str | Iterable[str] | Literal[False] | None = None,
        clock_skew: float = 5.0,
        claims: type[ClaimsT] = SessionClaims,  # type: ignore[assignment]  # as its default says
        clock: Callable[[], float] = time.time,
        transport: HttpTransport | None = None,
        algorithms: Iterable[str] = ("RS256",),
        require_category: bool = False,
        jwks_ttl: float = 300.0,
        jwks_stale_for: float = 3_600.0,
        jwks_cooldown: float = 60.0,
        backend_timeout: float = 5.0,
        token_memory: int = 4_096,
        opaque_token_ttl: float = 0.0,
        proxy_url: str | None = None,
        domain: str | None = None,
        is_satellite: bool | None = None,
        satellite_auto_sync: bool = False,
        sign_in_url: str | None = None,
        sign_up_url: str | None = None,
        allowed_redirect_origins: Iterable[str] | None = None,
        trusted_proxies: Iterable[str] = (),
        organization_sync: OrganizationSync | None = None,
        store: Store | None = None,
        longest_token: float = 3_600.0,
    ) -> None:
        """Check the configuration; nothing is fetched yet. ``Clerk`` explains the parameters."""
        keys = KeyArguments(publishable_key, secret_key, jwt_key, machine_secret_key, api_url)
        dates = authorized_parties, audience, issuer, clock_skew
        where = proxy_url, domain, is_satellite, satellite_auto_sync, sign_in_url, sign_up_url
        trust = allowed_redirect_origins, trusted_proxies, organization_sync
        rules = RuleArguments(*dates, algorithms, require_category)
        settings = read_settings(keys, rules, SiteArguments(*where, *trust))
        ages = JwksAges(jwks_ttl, jwks_stale_for, jwks_cooldown)
        tuning = Tuning(ages, backend_timeout, token_memory, opaque_token_ttl, longest_token)
        reader = ClaimsReader(claims)
        self.clock = clock
        self.site = settings.site
        self.secret_key = settings.secret_key
        self._kept_under = f"clerk_fastapi.state.{id(self)}"
        self._parts = Parts(settings, tuning, reader, clock=clock, transport=transport, store=store)
        self._authenticator = self._parts.authenticator

    @property
    def is_running(self) -> bool:
        """Whether it keeps connections and hears of what other workers revoke."""
        return self._parts.is_open

    @property
    def revocations(self) -> Revocations:
        """Who is refused at once, in all workers."""
        return self._parts.revocations

    @property
    def sessions(self) -> Sessions:
        """The sessions of users: listed, revoked, signed out."""
        return self._parts.sessions

    @property
    def users(self) -> Users:
        """Users: looked up, banned, locked, deleted."""
        return self._parts.users

    @property
    def organizations(self) -> Organizations:
        """The active organization of whoever is signed in, and its members."""
        return self._parts.organizations

    @property
    def store(self) -> Store:
        """Where workers meet."""
        return self._parts.store

    @property
    def deliveries(self) -> Deliveries:
        """What webhooks have brought, and who is at it."""
        return self._parts.deliveries

    @property
    def official(self) -> Official:
        """What makes :attr:`backend`, without keeping the event loop waiting."""
        return self._parts.official

    @property
    def frontend_api(self) -> FrontendApi:
        """The way to the Frontend API, for the proxy."""
        return self._parts.frontend_api

    @property
    def backend(self) -> OfficialClerk:
        """Clerk's own client of its Backend API, of which methods in ``_async`` are awaited.

        It needs the extra ``backend``. Calls are bounded by ``backend_timeout``, and errors are
        those of this package.

        :raises ConfigurationError: without a secret key, or without the extra.
        """
        return self._parts.official.client

    @overload
    async def authenticate(
        self,
        connection: Connection,
        *,
        accepts_token: Literal["session_token"] = ...,
        treat_pending_as_signed_out: bool = ...,
    ) -> State[Auth[ClaimsT]]: ...

    @overload
    async def authenticate(
        self,
        connection: Connection,
        *,
        accepts_token: AcceptsToken | Accepted,
        treat_pending_as_signed_out: bool = ...,
    ) -> State[Auth[ClaimsT] | MachineAuth]: ...

    async def authenticate(
        self,
        connection: Connection,
        *,
        accepts_token: AcceptsToken | Accepted = SESSIONS,
        treat_pending_as_signed_out: bool = True,
    ) -> State[Any]:
        """Find out who stands behind a request or WebSocket; asked again, it remembers.

        :param connection: anything with an ASGI scope, such as a ``Request`` or a ``WebSocket``.
        :param accepts_token: ``session_token``, ``api_key``, ``m2m_token`` or ``oauth_token``, a
            list of them, or ``any``. Others are refused before anything is verified or sent.
        :param treat_pending_as_signed_out: whether a session whose user still has tasks to finish
            counts as none.
        :returns: ``SignedIn`` with an auth object, ``SignedOut`` with a reason, or ``Handshake``
            with the location that a browser has to visit first. What states hold in ``cookies``
            belongs to the answer; an application that runs ``clerk.lifespan`` sees to that itself.
        :raises BackendUnavailable: if Clerk's answer is needed and cannot be had.
        :raises ConfigurationError: if Clerk has to be asked and there is no secret key to do so.
        """
        accepts = accepts_token if isinstance(accepts_token, Accepted) else accepted(accepts_token)
        scope = connection.scope
        facts = read_facts(scope)
        kind = self._authenticator.kind(facts, accepts)
        if isinstance(kind, SignedOut):
            self._tell(kind, scope)
            return kind
        name = self._kept_under if kind == "session_token" else f"{self._kept_under}.machine"
        kept = scope.get(name)
        if isinstance(kept, _Kept) and kept.engine is self and kept.facts == facts:
            state = self._authenticator.look_again(kept.state, scope)
        elif kind == "session_token":
            state = await self._authenticator.session(facts, scope)
            scope[name] = _Kept(self, facts, state)
        else:
            state = await self._authenticator.machine(facts, kind)
            scope[name] = _Kept(self, facts, state)
        self._tell(state, scope)
        if treat_pending_as_signed_out and isinstance(state, SignedIn) and state.auth.is_pending:
            return SignedOut(SessionPending(), None, state.cookies, state.location)
        return state

    def hand_over(self, scope: Scope) -> None:
        """Have the answer carry the cookies of what was decided before the routes were reached."""
        kept = scope.get(self._kept_under)
        if isinstance(kept, _Kept):
            self._tell(kept.state, scope)

    def visit(self, connection: Connection) -> Visit:
        """Read what the browser behind a request says, without judging it."""
        return self._parts.browsers.visit(read_facts(connection.scope))

    def has_tasks(self, connection: Connection) -> bool:
        """Whether the session of a request, if anybody has asked for it yet, is pending."""
        kept = connection.scope.get(self._kept_under)
        state = kept.state if isinstance(kept, _Kept) else None
        return isinstance(state, SignedIn) and bool(state.auth.is_pending)

    def _tell(self, state: State[Any], scope: Scope) -> None:
        """Let whoever sends the answer know, if anybody wants to."""
        answer = scope.get(ANSWER)
        if isinstance(answer, Answer):
            answer.state = state
            answer.in_development = self.site.is_development
            if state.cookies and not isinstance(state, Handshake):
                answer.add(state.cookies)

    async def verify_token(self, token: str) -> Auth[ClaimsT]:
        """Believe a session token that did not come with a request, or say why not.

        The result may be pending: ``session_status`` tells.

        :raises TokenError: the leaf names the reason.
        :raises BackendUnavailable: if the instance's keys cannot be had.
        """
        raw = token.encode("utf-8", "surrogatepass")
        verifier = self._parts.verifier
        return verifier.auth(raw, await verifier.verified(raw))

    async def __aenter__(self) -> Self:
        await self._parts.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._parts.close()
