"""One worker of an application whose workers count in Redis how often somebody asks."""

import os
import time
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi import Clerk, RateLimit, RedisStore, require_auth
from tests.redis.patience import be_patient

AN_HOUR = 3_600

be_patient()
clerk = Clerk(store=RedisStore(os.environ["REDIS_URL"], on_outage="continue"))
app = FastAPI(lifespan=clerk.lifespan)


class Stamped:
    """Notes when a request has come."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note it."""
        scope["came_at"] = time.time()
        await self.app(scope, receive, send)


app.add_middleware(Stamped)
guarded = Depends(require_auth)


@app.get("/hour", dependencies=[Depends(RateLimit(10, per=AN_HOUR)), guarded])
async def hour() -> None:
    """Ten an hour."""


@app.get("/second", dependencies=[Depends(RateLimit(10, per=1)), guarded])
async def second(request: Request) -> tuple[float, float]:
    """Ten a second: between which moments it was decided."""
    return request.scope["came_at"], time.time()


refusing = RateLimit(3, per=AN_HOUR)
allowing = RateLimit(3, per=AN_HOUR, on_outage="allow")
counting = RateLimit(3, per=AN_HOUR, on_outage="local")


@app.get("/refuse")
async def refuse(_: Annotated[None, Depends(refusing)]) -> None:
    """Three an hour, and none without Redis."""


@app.get("/allow")
async def allow(_: Annotated[None, Depends(allowing)]) -> None:
    """Three an hour, and all without Redis."""


@app.get("/local")
async def local(_: Annotated[None, Depends(counting)]) -> None:
    """Three an hour, and three of each worker without Redis."""
