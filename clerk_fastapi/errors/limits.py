"""429: too many requests within a window."""

from __future__ import annotations

from collections.abc import Mapping

from clerk_fastapi.errors.root import ClerkError

__all__ = ["RateLimited"]


class RateLimited(ClerkError):
    """Somebody asked more often than a rate limit allows; ``retry_after`` is in whole seconds.

    ``headers`` are those that tell clients about the limit.
    """

    code = "rate-limited"
    status = 429
    sentence = "Too many requests; try again when Retry-After is over."

    def __init__(self, *, retry_after: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.retry_after = retry_after
        self.headers = dict(headers or {})
