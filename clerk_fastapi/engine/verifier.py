"""Believes session tokens, with the keys, rules and memory of one instance."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Generic

from clerk_fastapi.backend.jwks import Keys
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.engine.session_tokens import SessionTokens
from clerk_fastapi.errors import TokenExpired
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.protocol.claims import (
    COOKIE_LIMIT,
    CUSTOM_CLAIMS_LIMIT,
    custom_claims_size,
)
from clerk_fastapi.protocol.reading import ClaimsReader, ClaimsT
from clerk_fastapi.protocol.tokens import UnverifiedToken, peek_claims, refuse_machine_claims
from clerk_fastapi.protocol.verify import Rules, VerifiedToken, check_header, verify
from clerk_fastapi.stores.tokens import TokenMemory

__all__ = ["KeyWanted", "Verifier"]

logger = logging.getLogger("clerk_fastapi")

_A_DAY = 86_400.0


class KeyWanted(Exception):
    """Not yet decided: the key that ``kid`` names has to be fetched, and then asked again."""

    def __init__(self, kid: str | None) -> None:
        super().__init__()  # without the name, which is the token's own word
        self.kid = kid


class Verifier(Generic[ClaimsT]):
    """Turns tokens into what they are believed to say.

    :param rules: what must hold to believe a token.
    :param keys: where the instance's keys come from.
    :param memory: tokens that need not be verified again, if any are to be remembered.
    :param revocations: who is refused although their tokens are good.
    :param tokens: where those who were believed get other tokens.
    :param reader: reads the claims as the application's type.
    :param clock: tells the time in seconds since the epoch.
    """

    def __init__(
        self,
        rules: Rules,
        keys: Keys,
        memory: TokenMemory | None,
        revocations: Revocations,
        tokens: SessionTokens,
        reader: ClaimsReader[ClaimsT],
        clock: Callable[[], float],
    ) -> None:
        self.rules = rules
        self.keys = keys
        self.revocations = revocations
        self.tokens = tokens
        self.reader = reader
        self.clock = clock
        self._memory = memory
        self._warned_of_size = False

    def at_once(self, token: bytes, fetched: VerificationKey | None = None) -> VerifiedToken:
        """Believe a token without waiting, or say why not.

        :param fetched: the key that was wanted before.
        :raises TokenError: the leaf names the reason.
        :raises KeyWanted: if the token's key has to be fetched first.
        :raises StoreUnavailable: if nobody can know what was revoked lately.
        """
        verified = self._at_once(token, fetched)
        self.revocations.check(verified.identity)
        return verified

    def _at_once(self, token: bytes, fetched: VerificationKey | None) -> VerifiedToken:
        memory = self._memory
        if memory is None:
            return self._believed(token, fetched)
        digest = memory.digest(token)
        known = memory.get(digest)
        if known is not None:
            if known.key is fetched or self.keys.ready(known.key.kid) is known.key:
                try:
                    known.identity.check_times(self.rules.clock_skew, self.clock())
                except TokenExpired:
                    memory.forget(digest)
                    raise
                return known
            memory.forget(digest)  # its key has gone, and it goes with it
        verified = self._believed(token, fetched)
        memory.put(digest, verified)
        return verified

    async def verified(self, token: bytes) -> VerifiedToken:
        """Believe a token, fetching its key if need be, or say why not.

        :raises TokenError: the leaf names the reason.
        :raises BackendUnavailable: if the instance's keys cannot be had.
        """
        try:
            return self.at_once(token)
        except KeyWanted as wanted:
            kid = wanted.kid
        return self.at_once(token, await self.keys.key_for(kid))

    def auth(self, token: bytes, verified: VerifiedToken) -> Auth[ClaimsT]:
        """What a handler gets to see of a token that was believed."""
        return Auth(token, verified, self.reader, self.clock, self.tokens)

    async def verified_by_a_wrong_clock(self, token: bytes) -> VerifiedToken:
        """Believe a token that Clerk has issued just now, whatever this machine's clock says.

        A day of difference is tolerated: for handshakes of development instances only.

        :raises TokenError: the leaf names the reason.
        """
        unverified = UnverifiedToken.parse(token)
        key = await self.keys.key_for(unverified.header.kid)
        rules = replace(self.rules, clock_skew=_A_DAY)
        verified = verify(unverified, key, rules, self.reader, self.clock())
        self.revocations.check_ended(verified.identity)
        return verified

    def _believed(self, token: bytes, fetched: VerificationKey | None) -> VerifiedToken:
        unverified = UnverifiedToken.parse(token)
        kid = unverified.header.kid
        key = fetched if fetched is not None else self.keys.ready(kid)
        if key is None:
            # What no key can save is refused before a key is fetched for it.
            check_header(unverified, self.rules)
            refuse_machine_claims(unverified.payload)
            raise KeyWanted(kid)
        verified = verify(unverified, key, self.rules, self.reader, self.clock())
        self._warn_of_size(token, verified.payload)
        return verified

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
