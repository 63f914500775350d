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

    def get(self, token: bytes) -> VerifiedToken | None:
        """What a token was found to say, if it is remembered."""
        return self._tokens.get(sha256(token).digest())

    def put(self, token: bytes, verified: VerifiedToken) -> None:
        """Remember a token until its expiry, under its digest: a memory holds nothing to steal."""
        if self._tokens.maxsize:
            self._tokens[sha256(token).digest()] = verified

    def forget(self, token: bytes) -> None:
        """Drop a token, for instance because its key has gone."""
        self._tokens.pop(sha256(token).digest(), None)


def _until_expiry(_digest: bytes, verified: VerifiedToken, _now: float) -> float:
    return verified.identity.expires_at
