"""The application put together: Clerk or its local stand-in, the database, the routes."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.staticfiles import StaticFiles

from clerk_fastapi import Clerk, ClerkMiddleware, Policy
from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk, seed
from example_app import (
    account,
    admin,
    downstream,
    export,
    home,
    items,
    live,
    organization,
    page,
    policies,
    report,
    sessions,
    sessions_page,
    webhooks,
)
from example_app.database import Database
from example_app.hub import Hub
from example_app.local import CLERK_PATH, errands_to, local_router, on_this_machine
from example_app.markup import STATIC, Pages
from example_app.models import Claims
from example_app.problems import refuse_invalid
from example_app.settings import (
    Settings,
    clerk_is_configured,
    read_settings,
    webhooks_are_configured,
)
from example_app.sign_in import SIGN_IN, sign_in_router

DOWNSTREAM = "/downstream"
"""Where the other service is mounted; it could be anywhere."""

_ROUTERS = (
    *(items.router, organization.router, account.router, sessions.router, report.router),
    *(export.router, live.router, home.router, page.router, sessions_page.router, admin.router),
)

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
    :raises ConfigurationError: if Clerk is configured by half, or a variable is malformed.
    """
    settings = settings or read_settings()
    if not clerk_is_configured():
        return _around_a_local_clerk(settings, clock)
    clerk = Clerk(
        claims=Claims,
        authorized_parties=settings.parties,
        clock=clock,
        transport=transport,
        store=settings.store,
    )
    app = _assemble(clerk, settings, clock, transport)
    more = []
    if webhooks_are_configured():
        app.include_router(webhooks.webhooks_router())
        more.append(policies.WEBHOOKS)
    # A path is a place on this very site, so it is for us to serve it.
    _protect(app, *more, proxy=(clerk.site.proxy_url or "").startswith("/"))
    return app


def _around_a_local_clerk(settings: Settings, clock: Callable[[], float]) -> FastAPI:
    logger.warning(
        "No CLERK_* variable is set: running on an embedded LocalClerk, for development only."
    )
    local = LocalClerk(session_claims=SEED_CLAIMS, clock=clock, proxy_url=CLERK_PATH)
    members = seed(local)
    local.add_jwt_template(settings.jwt_template, claims=downstream.TEMPLATE_CLAIMS)
    endpoint = local.add_webhook_endpoint(
        str(settings.url.join(webhooks.PATH)), events=webhooks.EVENTS
    )
    clerk = Clerk(
        **local.settings(),
        claims=Claims,
        authorized_parties=settings.parties,
        sign_in_url=SIGN_IN,
        store=settings.store,
    )
    app = _assemble(clerk, settings, clock, local.transport(), local)
    app.include_router(webhooks.webhooks_router(endpoint.secret))
    app.include_router(local_router(local, members, settings.parties[0]))
    app.include_router(sign_in_router(local, members))
    app.mount(CLERK_PATH, on_this_machine(local.app))
    _protect(app, policies.WEBHOOKS, policies.LOCAL)
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
    transport: httpx.AsyncBaseTransport | None,
    local: LocalClerk | None = None,
) -> FastAPI:
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        delivering = local.delivering_webhooks() if local else nullcontext()
        async with (
            clerk.lifespan(app) as state,
            database.lifespan(),
            httpx.AsyncClient(base_url=settings.url, trust_env=False) as client,
            delivering,
        ):
            way = report.Downstream(client, f"{DOWNSTREAM}/believed", settings.jwt_template)
            yield {**state, "downstream": way}

    app = FastAPI(title="Notes for organizations", lifespan=lifespan)
    app.state.database = database
    app.state.hub = Hub()
    app.state.clock = clock
    app.state.errands = errands_to(local) if local else list
    app.state.pages = Pages(embedded=local is not None)
    app.add_exception_handler(RequestValidationError, refuse_invalid)
    for router in _ROUTERS:
        app.include_router(router)
    assert clerk.site.key, "without a publishable key there would be no Clerk"
    issuer = clerk.site.key.issuer
    service = downstream.create_downstream(issuer, clock=clock, transport=transport)
    app.mount(DOWNSTREAM, service)
    app.mount("/static", StaticFiles(directory=STATIC))
    return app
