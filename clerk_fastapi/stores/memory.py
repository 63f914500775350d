"""What one process remembers: verified tokens, by digest and never past their expiry."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from cachetools import TLRUCache

from clerk_fastapi.protocol.verify import VerifiedToken

__all__ = ["TokenMemory"]


class TokenMemory:
    """Verified tokens, the least recently used ones forgotten first.

    :param clock: tells the time in seconds since the epoch.
    :param size: how many tokens are kept; each takes about three kilobytes. 0 keeps none.
    """

    def __init__(self, clock: Callable[[], float], size: int) -> None:
        self._tokens: TLRUCache[bytes, VerifiedToken] = TLRUCache(size, _until_expiry, timer=clock)

    @staticmethod
    def digest(token: bytes) -> bytes:
        """What a token is filed under, so that the memory holds nothing worth stealing."""
        return sha256(token).digest()

    def get(self, digest: bytes) -> VerifiedToken | None:
        """What was remembered under a digest."""
        return self._tokens.get(digest)

    def put(self, digest: bytes, verified: VerifiedToken) -> None:
        """Remember a token until its expiry."""
        if self._tokens.maxsize:
            self._tokens[digest] = verified

    def forget(self, digest: bytes) -> None:
        """Drop a token, for instance because its key has gone."""
        self._tokens.pop(digest, None)


def _until_expiry(_digest: bytes, verified: VerifiedToken, _now: float) -> float:
    return verified.identity.expires_at
