"""Redis, asked within bounds: whatever goes wrong is said without secrets, as StoreUnavailable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Driver"]

_PATIENCE: Final = 2.0  # seconds that any answer may take
_CONNECTIONS: Final = 32


class Driver:
    """A connection pool to one Redis, opened by the first question.

    ``failure`` is what went wrong last, in a word of the driver's.

    :param url: where it is, as ``redis.asyncio`` reads it.
    :raises ConfigurationError: if the extra ``redis`` is missing.
    :raises ValueError: if the URL is malformed.
    """

    def __init__(self, url: str) -> None:
        try:
            from redis.asyncio import BlockingConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
        except ImportError:
            raise ConfigurationError(
                'RedisStore needs the extra: pip install "clerk-fastapi[redis]".'
            ) from None
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,  # whoever comes when all are taken waits for one
            timeout=_PATIENCE,
            socket_connect_timeout=_PATIENCE,
            socket_timeout=_PATIENCE,
            # Once, over a new connection: those from before a restart of Redis are no good, and
            # whatever is asked may be asked twice.
            retry=Retry(NoBackoff(), 1),
        )
        self.redis: Redis = Redis.from_pool(pool)
        self._failures: Final = (RedisError, OSError, TimeoutError)
        self.failure = "not asked yet"

    async def ask(self, question: Awaitable[Any]) -> Any:
        """Wait for an answer, within bounds.

        What the driver says it is depends on its version, and on the protocol; callers know.

        :raises StoreUnavailable: if there is none, or a refusal.
        """
        try:
            async with asyncio.timeout(_PATIENCE):
                return await question
        except self._failures as error:
            self.failure = type(error).__name__
        # Outside of the except clause: what the driver raises may tell where Redis is.
        raise StoreUnavailable

    async def close(self) -> None:
        """Close all connections."""
        await self.redis.aclose()

    def __repr__(self) -> str:
        return "<Driver>"
