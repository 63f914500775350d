"""What one process remembers: tokens that it has verified or had verified, by digest."""

from __future__ import annotations

from hashlib import sha256
from typing import NamedTuple

from cachetools import LRUCache

from clerk_fastapi.protocol.machine import MachineToken
from clerk_fastapi.protocol.verify import VerifiedToken

__all__ = ["OpaqueMemory", "TokenMemory"]


class TokenMemory:
    """Verified tokens, by digest; those not used for longest give way to new ones.

    :param size: how many tokens are kept; each takes about three kilobytes.
    """

    def __init__(self, size: int) -> None:
        self._tokens: LRUCache[bytes, VerifiedToken] = LRUCache(size)

    @staticmethod
    def digest(token: bytes) -> bytes:
        """What a token is filed under, so that the memory holds nothing worth stealing."""
        return sha256(token).digest()

    def get(self, digest: bytes) -> VerifiedToken | None:
        """What a token was found to say, if it is remembered; the clock has the last word."""
        try:
            return self._tokens[digest]
        except KeyError:
            return None

    def put(self, digest: bytes, verified: VerifiedToken) -> None:
        """Remember a token."""
        self._tokens[digest] = verified

    def forget(self, digest: bytes) -> None:
        """Drop a token, for instance because it has expired or its key has gone."""
        self._tokens.pop(digest, None)


class _Known(NamedTuple):
    machine: MachineToken
    since: float


class OpaqueMemory:
    """Opaque tokens that Clerk has said yes to, for a short time: a revocation takes that long.

    :param ttl: seconds that a yes is good for, or less if the token itself expires before.
    :param size: how many tokens are kept.
    """

    def __init__(self, ttl: float, size: int = 4_096) -> None:
        self._ttl = ttl
        self._tokens: LRUCache[bytes, _Known] = LRUCache(size)

    def get(self, token: bytes, now: float) -> MachineToken | None:
        """What Clerk said of a token, if that is remembered and still good at ``now``."""
        digest = TokenMemory.digest(token)
        known = self._tokens.get(digest)
        if known is None:
            return None
        expires_at = known.machine.expires_at
        # An answer from the future tells of a clock that was set back: its age is unknown.
        if 0 <= now - known.since < self._ttl and (expires_at is None or now < expires_at):
            return known.machine
        del self._tokens[digest]
        return None

    def put(self, token: bytes, machine: MachineToken, now: float) -> None:
        """Remember what Clerk said of a token at ``now``."""
        self._tokens[TokenMemory.digest(token)] = _Known(machine, now)
