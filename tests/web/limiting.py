"""Applications with rate limits, and whom they let in how often."""

from collections.abc import Iterable, Mapping
from typing import Any

import httpx
from fastapi import Depends, FastAPI

from clerk_fastapi import Clerk
from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.store import Hit
from tests.web.serving import running

__all__ = ["FIELDS", "FailingStore", "asked", "limited", "passes", "told"]

FIELDS = [
    *("RateLimit-Policy", "RateLimit"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
]


class FailingStore(MemoryStore):
    """A store that is away for as long as a test wants."""

    is_away = False

    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        """Count, if it can be had."""
        if self.is_away:
            raise StoreUnavailable
        return await super().hit(key, limit=limit, seconds=seconds)


def limited(clerk: Clerk[Any], *guards: Any) -> FastAPI:
    """An application with one page, which has guards."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/", dependencies=[Depends(guard) for guard in guards])
    def page() -> str:
        return "page"

    return app


async def asked(
    app: FastAPI, callers: Iterable[Mapping[str, str]], path: str = "/"
) -> list[httpx.Response]:
    """What each of several callers is answered, one after the other."""
    async with running(app) as client:
        return [await client.get(path, headers=headers) for headers in callers]


async def passes(app: FastAPI, *callers: Mapping[str, str], path: str = "/") -> list[bool]:
    """Which of several requests are let in, and none is refused for another reason."""
    found = await asked(app, callers, path)
    assert {answer.status_code for answer in found} <= {200, 429}
    return [answer.status_code == 200 for answer in found]


def told(answer: httpx.Response) -> dict[str, str]:
    """What an answer says about limits."""
    return {name: answer.headers[name] for name in FIELDS if name in answer.headers}
