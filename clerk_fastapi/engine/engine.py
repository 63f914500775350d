"""One running Clerk instance: settings, keys, memory and clock put together, shared with none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from hashlib import sha256
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Self, overload

from clerk_fastapi.backend.browser import BrowserBackend
from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.frontend_api import FrontendApi
from clerk_fastapi.backend.jwks import JwksAges, JwksCache, Keys, PinnedKey, fetch_keys
from clerk_fastapi.backend.official import Official
from clerk_fastapi.backend.tokens import TokenEndpoint
from clerk_fastapi.backend.transport import HttpTransport, Transport
from clerk_fastapi.engine.answer import ANSWER, Answer
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.authenticate import (
    SESSIONS,
    Accepted,
    AcceptsToken,
    Authenticator,
    accepted,
)
from clerk_fastapi.engine.browser import Browsers
from clerk_fastapi.engine.deliveries import Deliveries
from clerk_fastapi.engine.facts import Connection, Scope, read_facts
from clerk_fastapi.engine.machine import MachineAuth, MachineAuthenticator
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.engine.session_tokens import SessionTokens
from clerk_fastapi.engine.sessions import Sessions
from clerk_fastapi.engine.state import Handshake, SignedIn, SignedOut, State
from clerk_fastapi.engine.users import Organizations, Users
from clerk_fastapi.engine.verifier import Verifier
from clerk_fastapi.errors import ConfigurationError, SessionPending
from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.protocol.credentials import Facts
from clerk_fastapi.protocol.handshake import Visit
from clerk_fastapi.protocol.reading import ClaimsReader, ClaimsT
from clerk_fastapi.protocol.site import OrganizationSync
from clerk_fastapi.settings import (
    KeyArguments,
    RuleArguments,
    Settings,
    SiteArguments,
    check_count,
    check_seconds,
    read_settings,
)
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.store import Store
from clerk_fastapi.stores.tokens import TokenMemory

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
        reader = ClaimsReader(claims)
        keys = KeyArguments(publishable_key, secret_key, jwt_key, machine_secret_key, api_url)
        dates = authorized_parties, audience, issuer, clock_skew
        where = proxy_url, domain, is_satellite, satellite_auto_sync, sign_in_url, sign_up_url
        trust = allowed_redirect_origins, trusted_proxies, organization_sync
        rules = RuleArguments(*dates, algorithms, require_category)
        settings = read_settings(keys, rules, SiteArguments(*where, *trust))
        ages = JwksAges(jwks_ttl, jwks_stale_for, jwks_cooldown)
        check_seconds(
            **ages._asdict(), backend_timeout=backend_timeout, longest_token=longest_token
        )
        check_count("token_memory", token_memory)
        if opaque_token_ttl:
            check_seconds(opaque_token_ttl=opaque_token_ttl)
        self.clock = clock
        self.site = settings.site
        self.secret_key = settings.secret_key
        self.frontend_api = FrontendApi(transport)
        self._namespace = _namespace(settings)
        self._kept_under = f"clerk_fastapi.state.{id(self)}"
        self._transport = Transport(transport, timeout=backend_timeout)
        self._keys = _keys(settings, self._transport, partial(JwksCache, clock=clock, ages=ages))
        memory = TokenMemory(token_memory) if token_memory else None
        if not isinstance(store, Store | None):
            raise ConfigurationError("store is a MemoryStore() or a RedisStore(...).")
        self.store = store or MemoryStore()
        self.deliveries = Deliveries(self.store)
        self._ledger = Ledger(clock)
        self.revocations = Revocations(
            self.store,
            self._ledger,
            clock,
            longest_token=None if store is None else longest_token,
            memory=longest_token + clock_skew + 1,  # Clerk's clock may be ahead by that
        )
        calls = _backend_calls(settings, self._transport, backend_timeout)
        endpoint = None if calls is None else TokenEndpoint(calls, settings.api_url)
        self._tokens = SessionTokens(endpoint, self.revocations, clock, longest_token)
        self.official = Official(calls, settings.api_url)
        self.sessions = Sessions(self.official, self.revocations)
        self.users = Users(self.official, self.revocations)
        self.organizations = Organizations(self.official)
        knowing = memory, self.revocations, self._tokens
        self._verifier = Verifier(settings.rules, self._keys, *knowing, reader, clock)
        browser_backend = _browser_backend(settings, self._transport)
        self._browsers = Browsers(settings.site, self._verifier, browser_backend)
        asking = self._transport, self._keys, self.revocations, clock, opaque_token_ttl
        machines = MachineAuthenticator(settings, *asking)
        self._authenticator = Authenticator(self._verifier, self._browsers, machines)

    @property
    def backend(self) -> OfficialClerk:
        """Clerk's own client of its Backend API, of which methods in ``_async`` are awaited.

        It needs the extra ``backend``. Calls are bounded by ``backend_timeout``, and errors are
        those of this package.

        :raises ConfigurationError: without a secret key, or without the extra.
        """
        return self.official.client

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
        return self._browsers.visit(read_facts(connection.scope))

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
        return self._verifier.auth(raw, await self._verifier.verified(raw))

    async def __aenter__(self) -> Self:
        await self._transport.open()
        await self.frontend_api.open()
        await self.store.open(self._namespace, self._ledger)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.deliveries.close()
        await self.store.close()
        await self._tokens.close()
        await self._keys.close()
        await self.frontend_api.close()
        await self._transport.close()


def _namespace(settings: Settings) -> str:
    """What tells an instance from others that use the same store; nothing of a secret is in it."""
    if settings.publishable_key is not None:
        return settings.publishable_key.host
    if settings.secret_key is not None:
        return sha256(settings.secret_key.get_secret_value().encode()).hexdigest()[:16]
    return "clerk"


def _keys(settings: Settings, transport: Transport, cache: Callable[..., JwksCache]) -> Keys:
    if settings.jwt_key is not None:
        return PinnedKey(settings.jwt_key)
    if settings.secret_key is not None:
        url = f"{settings.api_url}/v1/jwks"
        return cache(partial(fetch_keys, transport, url, settings.secret_key))
    assert settings.publishable_key is not None, "read_settings demands one key at least"
    url = f"{settings.publishable_key.issuer}/.well-known/jwks.json"
    return cache(partial(fetch_keys, transport, url, None))


def _backend_calls(settings: Settings, transport: Transport, seconds: float) -> BackendCalls | None:
    secret_key = settings.secret_key
    return None if secret_key is None else BackendCalls(transport, secret_key, seconds)


def _browser_backend(settings: Settings, transport: Transport) -> BrowserBackend | None:
    if settings.secret_key is None:
        return None
    return BrowserBackend(transport, settings.api_url, settings.secret_key)
