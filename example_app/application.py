"""The application put together: Clerk or its local stand-in, the database, the routes."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles

from clerk_fastapi import Clerk, ClerkMiddleware, Policy
from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk, seed
from example_app import account, admin, export, home, items, live, organization, page, policies
from example_app.database import Database
from example_app.hub import Hub
from example_app.local import CLERK_PATH, errands_to, local_router, on_this_machine
from example_app.markup import STATIC, Pages
from example_app.models import Claims
from example_app.problems import refuse_invalid
from example_app.services import Errands
from example_app.settings import Settings, clerk_is_configured
from example_app.sign_in import SIGN_IN, sign_in_router

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
        app = _assemble(clerk, settings, clock)
        # A path is a place on this very site, so it is for us to serve it.
        _protect(app, proxy=(clerk.site.proxy_url or "").startswith("/"))
        return app
    logger.warning(
        "No CLERK_* variable is set: running on an embedded LocalClerk, for development only."
    )
    local = LocalClerk(session_claims=SEED_CLAIMS, clock=clock, proxy_url=CLERK_PATH)
    members = seed(local)
    clerk = Clerk(
        **local.settings(), claims=Claims, authorized_parties=parties, sign_in_url=SIGN_IN
    )
    app = _assemble(clerk, settings, clock, errands_to(local))
    app.include_router(local_router(local, members, parties[0]))
    app.include_router(sign_in_router(local, members))
    app.mount(CLERK_PATH, on_this_machine(local.app))
    _protect(app, policies.LOCAL)
    return app


def _protect(app: FastAPI, *more: Policy, proxy: bool = False) -> None:
    app.add_middleware(
        ClerkMiddleware,
        policies=[*policies.POLICIES, *more],
        default="signed_in",
        unauthorized_url="/unauthorized",
        identity_headers={"x-user-id": "user_id"},
        frontend_api_proxy=proxy,
    )


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
    app.state.errands = errands or list
    app.state.pages = Pages(embedded=errands is not None)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    for module in (items, organization, account, export, live, home, page, admin):
        app.include_router(module.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    return app
