"""Sliding windows, counted exactly, in memory or in Redis."""

from __future__ import annotations

from clerk_fastapi.stores.store import Hit

__all__ = ["Windows"]


class Windows:
    """How many requests of whom were within the last seconds (to be written)."""

    def __init__(self, url: str | None = None, prefix: str = "") -> None:
        self._url = url
        self._prefix = prefix

    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        """Count a request."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close what is open."""
