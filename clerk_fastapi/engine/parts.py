"""The parts of one instance: how it asks Clerk, what it remembers, and what decides with that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, Generic, NamedTuple

from clerk_fastapi.backend.browser import BrowserBackend
from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.frontend_api import FrontendApi
from clerk_fastapi.backend.jwks import JwksAges, JwksCache, Keys, PinnedKey, fetch_keys
from clerk_fastapi.backend.official import Official
from clerk_fastapi.backend.tokens import TokenEndpoint
from clerk_fastapi.backend.transport import HttpTransport, Transport
from clerk_fastapi.engine.authenticate import Authenticator
from clerk_fastapi.engine.browser import Browsers
from clerk_fastapi.engine.deliveries import Deliveries
from clerk_fastapi.engine.errands import Errands
from clerk_fastapi.engine.machine import MachineAuthenticator
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.engine.session_tokens import SessionTokens
from clerk_fastapi.engine.sessions import Sessions
from clerk_fastapi.engine.users import Organizations, Users
from clerk_fastapi.engine.verifier import Verifier
from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.reading import ClaimsReader, ClaimsT
from clerk_fastapi.settings import Settings, check_count, check_seconds
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.store import Store
from clerk_fastapi.stores.tokens import TokenMemory

__all__ = ["Parts", "Tuning"]

_A_DAY: Final = 86_400.0  # that the OAuth access tokens of a user are good for


class Tuning(NamedTuple):
    """How long things are waited for, and how much is remembered, as it was given."""

    jwks: JwksAges
    backend_timeout: float
    token_memory: int
    opaque_token_ttl: float
    longest_token: float

    def check(self) -> None:
        """Make sure that times are times and counts are counts.

        :raises ConfigurationError: with the name of the one that is not.
        """
        check_seconds(**self.jwks._asdict(), backend_timeout=self.backend_timeout)
        check_seconds(longest_token=self.longest_token)
        check_count("token_memory", self.token_memory)
        if self.opaque_token_ttl:
            check_seconds(opaque_token_ttl=self.opaque_token_ttl)


class Parts(Generic[ClaimsT]):
    """What one instance is made of; no other instance has any of it.

    :param store: where workers meet; ``None`` for the memory of this process, which is not asked
        to remember longer than tokens live.
    :raises ConfigurationError: if the tuning is wrong, or the store is none.
    """

    def __init__(
        self,
        settings: Settings,
        tuning: Tuning,
        reader: ClaimsReader[ClaimsT],
        *,
        clock: Callable[[], float],
        transport: HttpTransport | None,
        store: Store | None,
    ) -> None:
        tuning.check()
        if not isinstance(store, Store | None):
            raise ConfigurationError("store is a MemoryStore() or a RedisStore(...).")
        self.store = store or MemoryStore()
        self._namespace = _namespace(settings, self.store)
        self._ledger = Ledger(clock)
        # Clerk's clock may be ahead by the skew, and those of workers by less than a minute.
        beyond = settings.rules.clock_skew + 60
        self.revocations = Revocations(
            self.store,
            self._ledger,
            clock,
            longest_token=None if store is None else tuning.longest_token,
            memory=tuning.longest_token + beyond,
            memory_of_users=max(tuning.longest_token, tuning.opaque_token_ttl, _A_DAY) + beyond,
        )
        self.deliveries = Deliveries(self.store)
        self.frontend_api = FrontendApi(transport)
        self._transport = Transport(transport, timeout=tuning.backend_timeout)
        self._keys = _keys(settings, self._transport, clock, tuning.jwks)
        calls = _calls(settings, self._transport, tuning.backend_timeout)
        endpoint = None if calls is None else TokenEndpoint(calls, settings.api_url)
        self._tokens = SessionTokens(endpoint, self.revocations, clock, tuning.longest_token)
        self.official = Official(calls, settings.api_url)
        self._errands = Errands()
        self.sessions = Sessions(self.official, self.revocations, self._errands)
        self.users = Users(self.official, self.revocations, self._errands, clock)
        self.organizations = Organizations(self.official)
        memory = TokenMemory(tuning.token_memory) if tuning.token_memory else None
        knowing = memory, self.revocations, self._tokens
        self.verifier = Verifier(settings.rules, self._keys, *knowing, reader, clock)
        browser_backend = _browser_backend(settings, self._transport)
        self.browsers = Browsers(settings.site, self.verifier, browser_backend)
        asking = self._transport, self._keys, self.revocations, clock, tuning.opaque_token_ttl
        machines = MachineAuthenticator(settings, *asking)
        self.authenticator = Authenticator(self.verifier, self.browsers, machines)
        self._opened = AsyncExitStack()
        self.is_open = False

    async def open(self) -> None:
        """Keep connections and follow the store from here on.

        :raises ConfigurationError: if the store belongs to another instance already.
        """
        async with AsyncExitStack() as opened:
            await self._transport.open()
            opened.push_async_callback(self._transport.close)
            await self.frontend_api.open()
            opened.push_async_callback(self.frontend_api.close)
            opened.push_async_callback(self._keys.close)
            opened.push_async_callback(self._tokens.close)
            await self.store.open(self._namespace, self._ledger)
            opened.push_async_callback(self.store.close)
            opened.push_async_callback(self._errands.close)
            opened.push_async_callback(self.deliveries.close)
            self._opened = opened.pop_all()
            self.is_open = True

    async def close(self) -> None:
        """Finish what is under way, and let go of everything, the last first."""
        self.is_open = False
        await self._opened.aclose()


def _namespace(settings: Settings, store: Store) -> str:
    """What workers find each other by in a store that they share."""
    if settings.publishable_key is not None:
        return settings.publishable_key.host
    if store.is_shared:
        raise ConfigurationError(
            "A store that workers share needs CLERK_PUBLISHABLE_KEY: by it they find each other."
        )
    return ""


def _keys(
    settings: Settings, transport: Transport, clock: Callable[[], float], ages: JwksAges
) -> Keys:
    if settings.jwt_key is not None:
        return PinnedKey(settings.jwt_key)
    if settings.secret_key is not None:
        url = f"{settings.api_url}/v1/jwks"
        fetch = partial(fetch_keys, transport, url, settings.secret_key)
    else:
        assert settings.publishable_key is not None, "read_settings demands one key at least"
        url = f"{settings.publishable_key.issuer}/.well-known/jwks.json"
        fetch = partial(fetch_keys, transport, url, None)
    return JwksCache(fetch, clock=clock, ages=ages)


def _calls(settings: Settings, transport: Transport, seconds: float) -> BackendCalls | None:
    secret_key = settings.secret_key
    return None if secret_key is None else BackendCalls(transport, secret_key, seconds)


def _browser_backend(settings: Settings, transport: Transport) -> BrowserBackend | None:
    if settings.secret_key is None:
        return None
    return BrowserBackend(transport, settings.api_url, settings.secret_key)
