"""A key set that a test publishes, withholds and takes back, and the fetches of it."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from anyio import wait_all_tasks_blocked
from anyio.lowlevel import checkpoint

from clerk_fastapi.backend.jwks import JwksAges, JwksCache
from clerk_fastapi.errors import BackendUnavailable
from clerk_fastapi.protocol._jose import VerificationKey, key_from_jwk
from clerk_fastapi.testing import SigningKey
from tests.backend.clock import Clock


async def settle() -> None:
    """Let everything run that can, to the last callback."""
    await wait_all_tasks_blocked()
    await checkpoint()


class Publisher:
    """Publishes one key under any number of names: what a cache fetches from."""

    def __init__(self, signing_key: SigningKey) -> None:
        self.signing_key = signing_key
        self.kids = ["ins_1"]
        self.failure: BackendUnavailable | None = None
        self.fetches = 0
        self._held: asyncio.Event | None = None

    def key(self, kid: str) -> VerificationKey:
        """Build the key that is published under a name; equal to every other of that name."""
        return key_from_jwk(replace(self.signing_key, kid=kid).jwk)

    @contextmanager
    def holding(self) -> Iterator[asyncio.Event]:
        """Keep answers back while the block runs, or until the event is set.

        They say what was published when they were asked for.
        """
        self._held = asyncio.Event()
        try:
            yield self._held
        finally:
            self._held.set()
            self._held = None

    async def fetch(self) -> Mapping[str, VerificationKey]:
        """What the cache calls."""
        self.fetches += 1
        published, failure = {kid: self.key(kid) for kid in self.kids}, self.failure
        if self._held is not None:
            await self._held.wait()
        if failure is not None:
            raise failure
        return published

    def cache(self, clock: Clock) -> JwksCache:
        """A cache of this publisher's keys: good for 300 s, stale for 3,600 s, cool-down 60 s."""
        return JwksCache(self.fetch, clock=clock, ages=JwksAges(300, 3_600, 60))
