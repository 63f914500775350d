"""One running Clerk instance: settings, keys, memory and clock put together, shared with none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, Generic, Literal, NamedTuple, Self

from clerk_fastapi.backend.jwks import JwksCache, Keys, PinnedKey, fetch_keys
from clerk_fastapi.backend.transport import HttpTransport, Transport
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.authenticate import Authenticator, KeyWanted, signed_out
from clerk_fastapi.engine.facts import Connection, read_facts
from clerk_fastapi.engine.state import SignedIn, SignedOut, State
from clerk_fastapi.errors import ConfigurationError, SessionPending, TokenError
from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.protocol.credentials import Facts
from clerk_fastapi.protocol.reading import ClaimsReader, ClaimsT
from clerk_fastapi.settings import Settings, check_seconds, read_settings
from clerk_fastapi.stores.memory import TokenMemory

__all__ = ["Engine"]


class _Kept(NamedTuple):
    """What a request turned out to be, for the next guard that asks, and the facts it rests on.

    A scope may be copied and its headers changed, so the facts are compared; and the type is
    private, so that nobody else's entry in a scope passes for it.
    """

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
    ) -> None:
        """Check the configuration; nothing is fetched yet. ``Clerk`` explains the parameters."""
        reader = ClaimsReader(claims)
        settings = read_settings(
            publishable_key=publishable_key,
            secret_key=secret_key,
            jwt_key=jwt_key,
            api_url=api_url,
            authorized_parties=authorized_parties,
            audience=audience,
            issuer=issuer,
            clock_skew=clock_skew,
            algorithms=algorithms,
            require_category=require_category,
        )
        check_seconds(
            jwks_ttl=jwks_ttl,
            jwks_stale_for=jwks_stale_for,
            jwks_cooldown=jwks_cooldown,
            backend_timeout=backend_timeout,
        )
        if type(token_memory) is not int or token_memory < 0:
            raise ConfigurationError("token_memory must be a whole number of tokens, zero or more.")
        self._transport = Transport(transport, timeout=backend_timeout)
        self._keys = _keys(
            settings,
            self._transport,
            partial(
                JwksCache,
                clock=clock,
                ttl=jwks_ttl,
                stale_for=jwks_stale_for,
                cooldown=jwks_cooldown,
            ),
        )
        memory = TokenMemory(token_memory) if token_memory else None
        self._authenticator = Authenticator(settings, self._keys, memory, reader, clock)
        self._kept_under = f"clerk_fastapi.state.{id(self)}"
        self.clock = clock

    async def authenticate(
        self, connection: Connection, *, treat_pending_as_signed_out: bool = True
    ) -> State[ClaimsT]:
        """Find out who stands behind a request or WebSocket; asked again, it remembers.

        :param connection: anything with an ASGI scope, such as a ``Request`` or a ``WebSocket``.
        :param treat_pending_as_signed_out: whether a session whose user still has tasks to finish
            counts as none.
        :returns: ``SignedIn`` with an :class:`Auth`, or ``SignedOut`` with a reason.
        :raises BackendUnavailable: if the instance's keys cannot be had.
        """
        scope = connection.scope
        facts = read_facts(scope)
        kept = scope.get(self._kept_under)
        if isinstance(kept, _Kept) and kept.facts == facts:
            state = self._authenticator.look_again(kept.state)
        else:
            state = await self._authenticate(facts)
            scope[self._kept_under] = _Kept(facts, state)
        if treat_pending_as_signed_out and isinstance(state, SignedIn) and state.auth.is_pending:
            return SignedOut(SessionPending())
        return state

    async def verify_token(self, token: str) -> Auth[ClaimsT]:
        """Believe a session token that did not come with a request, or say why not.

        The result may be pending: ``session_status`` tells.

        :raises TokenError: the leaf names the reason.
        :raises BackendUnavailable: if the instance's keys cannot be had.
        """
        raw = token.encode("utf-8", "surrogatepass")
        try:
            return self._authenticator.verify(raw)
        except KeyWanted as wanted:
            kid = wanted.kid
        return self._authenticator.verify(raw, await self._keys.key_for(kid))

    async def _authenticate(self, facts: Facts) -> State[ClaimsT]:
        try:
            return self._authenticator.authenticate(facts)
        except KeyWanted as wanted:
            kid = wanted.kid
        try:
            key = await self._keys.key_for(kid)
        except TokenError as error:
            return signed_out(error)
        return self._authenticator.authenticate(facts, key)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._keys.close()
        await self._transport.close()


def _keys(settings: Settings, transport: Transport, cache: Callable[..., JwksCache]) -> Keys:
    if settings.jwt_key is not None:
        return PinnedKey(settings.jwt_key)
    if settings.secret_key is not None:
        url = f"{settings.api_url}/v1/jwks"
        return cache(partial(fetch_keys, transport, url, settings.secret_key))
    assert settings.publishable_key is not None, "read_settings demands one key at least"
    url = f"{settings.publishable_key.issuer}/.well-known/jwks.json"
    return cache(partial(fetch_keys, transport, url, None))
