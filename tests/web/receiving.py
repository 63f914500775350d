"""An application that receives webhooks, and what is delivered to it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from clerk_fastapi import Clerk
from clerk_fastapi.protocol.events import Event
from clerk_fastapi.testing.webhooks import WebhookEndpoint
from clerk_fastapi.web.webhooks import Webhooks
from tests.web.serving import running

__all__ = ["CREATED", "Site", "told"]


class Site:
    """An application that receives webhooks, and the endpoint that Clerk knows it as."""

    def __init__(self, clerk: Clerk, endpoint: WebhookEndpoint) -> None:
        self.endpoint = endpoint
        self.webhooks = Webhooks(secret=endpoint.secret)
        self.app = FastAPI(lifespan=clerk.lifespan)
        self.app.include_router(self.webhooks)
        self.seen: list[Event[Any]] = []

    def see(self, *types: str) -> None:
        """Note events of these types."""

        @self.webhooks.on(*types)
        async def see(event: Event[Any]) -> None:
            self.seen.append(event)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Callable[..., Awaitable[httpx.Response]]]:
        """Run it, and deliver what a test wants: a body, and headers that fit unless given."""
        async with running(self.app) as client:

            async def deliver(
                body: bytes | dict[str, Any], headers: Any = None, **signed: Any
            ) -> httpx.Response:
                raw = body if isinstance(body, bytes) else json.dumps(body).encode()
                fitting = self.endpoint.sign(raw, **signed) if headers is None else headers
                return await client.post("/webhooks", content=raw, headers=fitting)

            yield deliver


def told(type: str, **data: Any) -> dict[str, Any]:
    """An event."""
    return {"data": {"id": "user_1", **data}, "object": "event", "type": type}


CREATED = told("user.created")
