"""Redis, asked within bounds: whatever goes wrong is said without secrets, as StoreUnavailable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from clerk_fastapi.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["Driver"]

_PATIENCE: Final = 2.0  # seconds that any answer may take
_BEATS: Final = 8  # that they are counted in
_TURNS: Final = 32  # questions that may be on their way at once, each over a connection
_ELSEWHERE: Final = (
    "This store belongs to the event loop in which its Clerk was started, and was asked in another."
)


class Driver:
    """A connection pool to one Redis, opened by the first question.

    ``failure`` is what went wrong last, in a word of the driver's.

    :param url: where it is, as ``redis.asyncio`` reads it.
    :param loop: the event loop that its connections belong to; by default that of the first
        question.
    :raises ConfigurationError: if the extra ``redis`` is missing.
    :raises ValueError: if the URL is malformed.
    """

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop | None = None) -> None:
        try:
            from redis.asyncio import ConnectionPool, Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff
            from redis.exceptions import ConnectionError as Disconnected
            from redis.exceptions import RedisError
            from redis.exceptions import TimeoutError as Silent
        except ImportError:
            raise ConfigurationError(
                'RedisStore needs the extra: pip install "clerk-fastapi[redis]".'
            ) from None
        pool = ConnectionPool.from_url(
            url,
            max_connections=_TURNS,
            # Longer than patience, which is what ends a question: were they over at the same time,
            # it would be asked again just then, in an exchange that can swallow a cancellation.
            socket_connect_timeout=2 * _PATIENCE,
            socket_timeout=2 * _PATIENCE,
            # Once, over a new connection: those from before a restart of Redis are no good, and
            # whatever is asked may be asked twice.
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[Disconnected, Silent],
        )
        self.redis: Redis = Redis.from_pool(pool)
        self.failure = "not asked yet"
        # The driver raises ValueError if what answers is no Redis.
        self._failures: Final = (RedisError, OSError, TimeoutError, ValueError)
        self._silence: Final = (Silent, TimeoutError)
        self._silences = 0
        self._turns: Final = asyncio.Semaphore(_TURNS)
        self._loop = loop
        self._is_closed = False

    async def ask(self, question: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Wait for a turn, then for an answer, within bounds.

        Waiting for a turn takes as long as Redis answers: a storm of questions is no outage.

        :param question: a method of ``redis`` that says it, with its arguments. What the driver
            says it answers depends on its version, and on the protocol; callers know.
        :raises StoreUnavailable: if there is no answer, or a refusal.
        """
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if loop is not self._loop:  # whose connections would be left behind in the pool of this one
            raise StoreUnavailable(_ELSEWHERE)
        if self._is_closed:
            raise StoreUnavailable
        silences = self._silences
        async with self._turns:
            # Whoever stood in line would wait in vain as well.
            if silences == self._silences and not self._is_closed:
                try:
                    async with _patience(_PATIENCE):
                        return await question(*args, **options)
                except self._failures as error:
                    self.failure = type(error).__name__
                    self._silences += isinstance(error, self._silence)
        # Outside of the except clause: what the driver raises may tell where Redis is.
        raise StoreUnavailable

    async def close(self) -> None:
        """Close all connections, when what is under way has come to its end."""
        self._is_closed = True
        # The driver would connect anew for questions that lose their connection.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for _ in range(_TURNS):
                    await self._turns.acquire()
        with suppress(*self._failures):
            await self.redis.aclose()

    def __repr__(self) -> str:
        return "<Driver>"


@asynccontextmanager
async def _patience(seconds: float) -> AsyncIterator[None]:
    """A timeout in beats: while a process is held up, by whatever it is, one passes at most."""
    loop = asyncio.get_running_loop()
    beating: asyncio.Handle
    async with asyncio.timeout(None) as limit:

        def beat(left: int) -> None:
            nonlocal beating
            if left:
                beating = loop.call_later(seconds / _BEATS, beat, left - 1)
            else:
                limit.reschedule(0.0)  # which is over

        beating = loop.call_soon(beat, _BEATS)
        try:
            yield
        finally:
            beating.cancel()
