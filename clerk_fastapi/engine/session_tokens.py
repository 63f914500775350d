"""Tokens for other services, in the name of a session: asked for once, remembered until late."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Final

from clerk_fastapi.backend.calls import needed
from clerk_fastapi.backend.flights import Flights
from clerk_fastapi.backend.tokens import TokenEndpoint
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.errors import ConfigurationError, SessionEnded, TokenInvalid
from clerk_fastapi.protocol.tokens import peek, peek_claims
from clerk_fastapi.protocol.verify import VerifiedToken
from clerk_fastapi.stores.minted import Minted, MintedTokens, SessionState, Wanted

__all__ = ["SessionTokens"]

# These differ between two tokens of a session in which nothing has changed.
_PASSING: Final = frozenset({"azp", "exp", "fva", "iat", "jti", "nbf"})


class SessionTokens:
    """Has Clerk mint tokens, and remembers them, for the sessions of one instance.

    :param endpoint: where they are minted; ``None`` without a secret key.
    :param revocations: whose sessions have ended.
    :param clock: tells the time in seconds since the epoch.
    :param longest_token: seconds that a session token may be good for.
    """

    def __init__(
        self,
        endpoint: TokenEndpoint | None,
        revocations: Revocations,
        clock: Callable[[], float],
        longest_token: float,
    ) -> None:
        self._endpoint = endpoint
        self._revocations = revocations
        self._clock = clock
        self._longest_token = longest_token
        self._memory = MintedTokens()
        self._flights: Flights[tuple[str, SessionState, Wanted], str] = Flights()

    async def get(
        self, verified: VerifiedToken, template: str | None, expires_in_seconds: int | None
    ) -> str:
        """A token for the session of a verified one.

        :raises SessionEnded: if the session is no more.
        :raises TemplateNotFound: if there is no such template.
        :raises ConfigurationError: without a secret key, or if such a token cannot be.
        :raises BackendError: the leaf names what else went wrong.
        """
        wanted = self._checked(template, expires_in_seconds)
        self.check_ended(verified)
        session_id = verified.identity.session_id
        state = _state(verified)
        token = self._memory.get(session_id, state, wanted, self._clock())
        if token is not None:
            return token
        token = await self._flights.join(
            (session_id, state, wanted), partial(self._mint, session_id, state, wanted)
        )
        self.check_ended(verified)  # it may have been revoked meanwhile
        return token

    def check_ended(self, verified: VerifiedToken) -> None:
        """Hand out nothing more of a session that is revoked.

        :raises SessionEnded: if it is, or its user, or who is acting in their place.
        :raises StoreUnavailable: if nobody can know, and the store is not to ``continue`` then.
        """
        try:
            self._revocations.check_ended(verified.identity)
        except SessionEnded:
            self._memory.forget(verified.identity.session_id)
            raise

    async def close(self) -> None:
        """Abandon what is under way."""
        await self._flights.close()

    def _checked(self, template: str | None, seconds: int | None) -> Wanted:
        needed(self._endpoint)
        if template is not None and (not isinstance(template, str) or not template):
            raise ConfigurationError("template is the name of a JWT template, such as 'supabase'.")
        if seconds is not None and (type(seconds) is not int or seconds <= 0):
            raise ConfigurationError("expires_in_seconds is a whole number greater than zero.")
        if template is None and seconds is not None and seconds > self._longest_token:
            raise ConfigurationError(
                "expires_in_seconds is more than longest_token, for which revocations are "
                "remembered; ask for less, or give the Clerk a greater longest_token."
            )
        return Wanted(template, seconds)

    async def _mint(self, session_id: str, state: SessionState, wanted: Wanted) -> str:
        try:
            token = await needed(self._endpoint).mint(session_id, *wanted)
        except SessionEnded:
            self._memory.forget(session_id)
            raise
        try:
            claims = peek_claims(peek(token.encode())[1])
        except TokenInvalid:  # of a kind that only those can read who it is for
            return token
        minted_at, expires_at = claims.get("iat"), claims.get("exp")
        if isinstance(minted_at, int | float) and isinstance(expires_at, int | float):
            now = self._clock()
            # Later nobody here may know any more that the session was revoked; Clerk does.
            expires_at = min(expires_at, now + self._longest_token)
            good = Minted(token, minted_at, now, expires_at)
            self._memory.put(session_id, state, wanted, good)
        return token


def _state(verified: VerifiedToken) -> SessionState:
    """All that a token says of its session, so that whatever changes makes another state."""
    claims = {
        name: value for name, value in peek_claims(verified.payload).items() if name not in _PASSING
    }
    said = json.dumps(claims, sort_keys=True).encode()
    return SessionState(sha256(said).digest(), verified.identity.issued_at)
