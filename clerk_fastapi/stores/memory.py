"""What one process remembers: tokens that it has verified, by digest."""

from __future__ import annotations

from hashlib import sha256

from cachetools import LRUCache

from clerk_fastapi.protocol.verify import VerifiedToken

__all__ = ["TokenMemory"]


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
        return self._tokens.get(digest)

    def put(self, digest: bytes, verified: VerifiedToken) -> None:
        """Remember a token."""
        self._tokens[digest] = verified

    def forget(self, digest: bytes) -> None:
        """Drop a token, for instance because it has expired or its key has gone."""
        self._tokens.pop(digest, None)
