"""One request, one direction: from credentials to claims, and to a state."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic

from clerk_fastapi.backend.jwks import Keys
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.state import SignedIn, SignedOut, State
from clerk_fastapi.errors import (
    ClientUatMissing,
    OriginMismatch,
    SessionSuperseded,
    TokenError,
    TokenExpired,
    TokenInvalidAuthorizedParties,
)
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.protocol.claims import (
    COOKIE_LIMIT,
    CUSTOM_CLAIMS_LIMIT,
    custom_claims_size,
)
from clerk_fastapi.protocol.credentials import Credentials, Facts, read_credentials
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.reading import ClaimsReader, ClaimsT
from clerk_fastapi.protocol.tokens import UnverifiedToken, peek_claims, refuse_machine_claims
from clerk_fastapi.protocol.verify import (
    VerifiedToken,
    check_header,
    verify,
)
from clerk_fastapi.settings import Settings
from clerk_fastapi.stores.memory import TokenMemory

__all__ = ["Authenticator", "KeyWanted", "signed_out"]

logger = logging.getLogger("clerk_fastapi")


class KeyWanted(Exception):
    """Not yet decided: the key that ``kid`` names has to be fetched, and then asked again."""

    def __init__(self, kid: str | None) -> None:
        super().__init__()  # without the name, which is the token's own word
        self.kid = kid


class Authenticator(Generic[ClaimsT]):
    """Turns facts into a state, with the keys, rules and memory of one instance.

    It never waits: whoever asks fetches the key if one is wanted, and asks again.

    :param settings: what was configured.
    :param keys: where the instance's keys come from.
    :param memory: tokens that need not be verified again, if any are to be remembered.
    :param reader: reads the claims as the application's type.
    :param clock: tells the time in seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        memory: TokenMemory | None,
        reader: ClaimsReader[ClaimsT],
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._rules = settings.rules
        self._keys = keys
        self._memory = memory
        self._reader = reader
        self._clock = clock
        key = settings.publishable_key
        self._is_production = key is not None and key.instance_type == "production"
        self._warned_of_size = False

    def authenticate(self, facts: Facts, fetched: VerificationKey | None = None) -> State[ClaimsT]:
        """Decide who is asking; not being believed is a state.

        :param fetched: the key that was wanted before.
        :raises KeyWanted: if the token's key has to be fetched first.
        """
        try:
            credentials = read_credentials(facts, self._settings.publishable_key, self._clock())
            token = credentials.token
            verified = self._verified(token, fetched)
            if credentials.carrier == "cookie":
                self._judge_browser(facts, credentials, verified.identity)
        except TokenError as error:
            return signed_out(error)
        return SignedIn(Auth(token, verified, self._reader))

    def look_again(self, state: State[ClaimsT]) -> State[ClaimsT]:
        """Hold what was decided before against the clock: WebSockets outlive their tokens."""
        if isinstance(state, SignedIn):
            try:
                state.auth.identity.check_times(self._rules.clock_skew, self._clock())
            except TokenError as error:
                return signed_out(error)
        return state

    def verify(self, token: bytes, fetched: VerificationKey | None = None) -> Auth[ClaimsT]:
        """Believe a token that did not come with a request, or say why not.

        :param fetched: the key that was wanted before.
        :raises TokenError: the leaf names the reason.
        :raises KeyWanted: if the token's key has to be fetched first.
        """
        return Auth(token, self._verified(token, fetched), self._reader)

    def _verified(self, token: bytes, fetched: VerificationKey | None) -> VerifiedToken:
        memory = self._memory
        if memory is None:
            return self._believed(token, fetched)
        digest = memory.digest(token)
        known = memory.get(digest)
        if known is not None:
            if known.key is fetched or self._keys.ready(known.key.kid) is known.key:
                try:
                    known.identity.check_times(self._rules.clock_skew, self._clock())
                except TokenExpired:
                    memory.forget(digest)
                    raise
                return known
            memory.forget(digest)  # its key has gone, and it goes with it
        verified = self._believed(token, fetched)
        memory.put(digest, verified)
        return verified

    def _believed(self, token: bytes, fetched: VerificationKey | None) -> VerifiedToken:
        unverified = UnverifiedToken.parse(token)
        kid = unverified.header.kid
        # The same request may turn to another cookie, for which another key was never fetched.
        key = fetched if fetched is not None and fetched.kid == kid else self._keys.ready(kid)
        if key is None:
            # What no key can save is refused before a key is fetched for it.
            check_header(unverified, self._rules)
            refuse_machine_claims(unverified.payload)
            raise KeyWanted(kid)
        verified = verify(unverified, key, self._rules, self._reader, self._clock())
        self._warn_of_size(token, verified.payload)
        return verified

    def _judge_browser(self, facts: Facts, credentials: Credentials, identity: Identity) -> None:
        """Hold a cookie against what else the browser said: cookies travel without being asked."""
        if credentials.client_uat == 0:
            raise ClientUatMissing
        if credentials.client_uat is not None and identity.issued_at < credentials.client_uat:
            raise SessionSuperseded
        parties = self._rules.authorized_parties
        own = _own_origins(facts, encrypted=self._is_production)
        if facts.kind == "websocket":
            # Browsers let any page open a WebSocket anywhere, cookies included.
            origin = (facts.origin or b"").decode("latin-1").lower()
            if origin and origin not in own and origin not in (parties or ()):
                raise OriginMismatch
        # Where nobody said which origins are ours, only this one is: a neighbouring subdomain must
        # not be able to plant its own visitors' tokens here.
        party = identity.authorized_party if parties is None and self._is_production else None
        if party is not None and party.lower() not in own:
            raise TokenInvalidAuthorizedParties

    def _warn_of_size(self, token: bytes, payload: bytes) -> None:
        cookie = len("__session_12345678=") + len(token)
        small = len(payload) <= CUSTOM_CLAIMS_LIMIT and cookie <= COOKIE_LIMIT
        if small or self._warned_of_size:
            return
        custom = custom_claims_size(peek_claims(payload))
        if custom > CUSTOM_CLAIMS_LIMIT or cookie > COOKIE_LIMIT:
            self._warned_of_size = True
            logger.warning(
                "a session token has %d bytes, %d of them custom claims: browsers keep cookies of "
                "up to %d bytes, so keep custom claims within %d",
                len(token),
                custom,
                COOKIE_LIMIT,
                CUSTOM_CLAIMS_LIMIT,
            )


def signed_out(error: TokenError) -> SignedOut:
    """Turn an error into a state, by a new error: the raised one keeps the token within reach."""
    logger.debug("signed out: %s", error.code)
    return SignedOut(type(error)(error.message))


def _own_origins(facts: Facts, *, encrypted: bool) -> frozenset[str]:
    """The origins that a page of this very host can have; TLS may have ended at a proxy."""
    host = (facts.host or b"").decode("latin-1").lower()
    origins = {f"https://{host.removesuffix(':443')}"}
    if not encrypted and facts.scheme in ("http", "ws"):
        origins.add(f"http://{host.removesuffix(':80')}")
    return frozenset(origins)
