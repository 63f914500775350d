"""One worker of an application whose workers meet in Redis."""

import os
from typing import cast

from fastapi import FastAPI

from clerk_fastapi import Clerk, CurrentAuth, RedisStore
from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.stores.store import OnOutage
from tests.redis.patience import be_patient

be_patient()
clerk = Clerk(
    store=RedisStore(os.environ["REDIS_URL"], on_outage=cast("OnOutage", os.environ["ON_OUTAGE"])),
    longest_token=3_600,
)
app = FastAPI(lifespan=clerk.lifespan)


@app.get("/me")
async def me(auth: CurrentAuth) -> str:
    """Who is asking."""
    return auth.user_id


@app.post("/ended/{session_id}")
async def end(session_id: str) -> bool:
    """End a session; False if the others have to be told later."""
    try:
        await clerk.revocations.end_session(session_id)
    except StoreUnavailable:
        return False
    return True


@app.get("/behind")
async def behind() -> bool:
    """Whether this worker has lost Redis."""
    return clerk.revocations.is_behind
