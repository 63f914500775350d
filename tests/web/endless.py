"""An application with a handler that never ends, to be run by a server of its own."""

import asyncio

from fastapi import FastAPI

from clerk_fastapi import Clerk
from clerk_fastapi.engine.deliveries import PACE
from clerk_fastapi.protocol.events import UserEvent
from clerk_fastapi.web.webhooks import Webhooks

clerk = Clerk()
clerk.deliveries.pace = PACE._replace(first=0.1, grace=0.1)
webhooks = Webhooks()
app = FastAPI(lifespan=clerk.lifespan)
app.include_router(webhooks)


@webhooks.on("user.created")
async def endless(event: UserEvent) -> None:
    """Wait for what never comes."""
    await asyncio.Event().wait()
