"""One worker of an application that receives webhooks, and does as it is told about them."""

import asyncio
import os
from pathlib import Path

from fastapi import FastAPI

from clerk_fastapi import Clerk, RedisStore
from clerk_fastapi.protocol.events import UserEvent
from clerk_fastapi.web.webhooks import Webhooks
from tests.redis.patience import be_patient

be_patient()
clerk = Clerk(store=RedisStore(os.environ["REDIS_URL"]))
webhooks = Webhooks()
app = FastAPI(lifespan=clerk.lifespan)
app.include_router(webhooks)

begun, leave = asyncio.Event(), asyncio.Event()


def note(what: str) -> None:
    """Write down, for the test, that a handler runs."""
    with Path(os.environ["DIARY"]).open("a") as diary:
        diary.write(f"{what}\n")


@webhooks.on("user.created")
def quick(event: UserEvent) -> None:
    """Be through at once."""
    note("quick")


@webhooks.on("user.created")
async def slow(event: UserEvent) -> None:
    """Wait for leave."""
    note("slow")
    begun.set()
    await leave.wait()


@webhooks.on("user.created")
def last(event: UserEvent) -> None:
    """Come after the slow one."""
    note("last")


@webhooks.on("user.updated")
async def moody(event: UserEvent) -> None:
    """Fail, unless there is leave to work."""
    note("moody")
    if not leave.is_set():
        raise ValueError("not now")


@app.get("/begun")
async def has_begun() -> int:
    """Wait until the slow handler runs, and tell in which process."""
    await begun.wait()
    return os.getpid()


@app.post("/leave")
async def give_leave() -> None:
    """Let handlers go on."""
    leave.set()
