"""The application put together: Clerk or its local stand-in, the database, the routes."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError

from clerk_fastapi import Clerk
from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk, seed
from example_app import account, export, home, items, live, organization
from example_app.database import Database
from example_app.hub import Hub
from example_app.local import CLERK_PATH, errands_to, local_router, on_this_machine
from example_app.models import Claims
from example_app.page import Errands, page_router
from example_app.problems import refuse_invalid
from example_app.settings import Settings, clerk_is_configured

logger = logging.getLogger(__name__)


def create_app(
    settings: Settings | None = None,
    *,
    clock: Callable[[], float] = time.time,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    """Build the application around the Clerk of the environment, or around one of its own.

    :param clock: seconds since the epoch.
    :param transport: an httpx transport for every call to Clerk.
    :raises ConfigurationError: if Clerk is configured by half.
    """
    settings = settings or Settings()
    parties = settings.parties
    if clerk_is_configured():
        clerk = Clerk(claims=Claims, authorized_parties=parties, clock=clock, transport=transport)
        return _assemble(clerk, settings, clock)
    logger.warning(
        "No CLERK_* variable is set: running on an embedded LocalClerk, for development only."
    )
    local = LocalClerk(session_claims=SEED_CLAIMS, clock=clock, proxy_url=CLERK_PATH)
    clerk = Clerk(**local.settings(), claims=Claims, authorized_parties=parties)
    app = _assemble(clerk, settings, clock, errands_to(local))
    app.include_router(local_router(local, seed(local), parties[0]))
    app.mount(CLERK_PATH, on_this_machine(local.app))
    return app


def _assemble(
    clerk: Clerk[Claims],
    settings: Settings,
    clock: Callable[[], float],
    errands: Errands | None = None,
) -> FastAPI:
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with clerk.lifespan(app) as state, database.lifespan():
            yield state

    app = FastAPI(title="Notes for organizations", lifespan=lifespan)
    app.state.database = database
    app.state.hub = Hub()
    app.state.clock = clock
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    for module in (items, organization, account, export, live):
        app.include_router(module.router)
    app.include_router(page_router(errands or list))
    home.mount(app, embedded=errands is not None)
    return app
