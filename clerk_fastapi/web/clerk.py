"""Clerk, as an application meets it: an instance with a lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, overload

from starlette.applications import Starlette

from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.authenticate import AcceptsToken
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.engine.facts import Connection
from clerk_fastapi.engine.machine import MachineAuth
from clerk_fastapi.protocol.reading import ClaimsT
from clerk_fastapi.protocol.requirement import Requirement
from clerk_fastapi.web.guards import Guard
from clerk_fastapi.web.openapi import document
from clerk_fastapi.web.refusals import teach_application
from clerk_fastapi.web.running import applications, start, stop
from clerk_fastapi.web.starting import check_application

__all__ = ["Clerk"]


class Clerk(Engine[ClaimsT]):
    """One Clerk instance, as an application is guarded by it.

    ``clerk = Clerk()`` reads the ``CLERK_*`` variables, ``app = FastAPI(lifespan=clerk.lifespan)``
    starts it, and the guards find it from there.

    Every key falls back to its ``CLERK_*`` variable. Keys for verification come from
    ``jwt_key`` (no network), else from the Backend API (``secret_key``), else from the
    instance's own ``/.well-known/jwks.json``.

    :param publishable_key: names the instance (``CLERK_PUBLISHABLE_KEY``).
    :param secret_key: opens the Backend API (``CLERK_SECRET_KEY``).
    :param jwt_key: the instance's public key as PEM (``CLERK_JWT_KEY``).
    :param api_url: where the Backend API is (``CLERK_API_URL``), ``https://api.clerk.com`` by
        default.
    :param authorized_parties: origins that tokens may have been issued to; ``None`` checks only
        the cookies of production instances, which must belong to the host they were sent to.
    :param audience: values of ``aud``, one of which a token must carry; ``None`` demands none.
    :param issuer: values that ``iss`` may have instead of the instance's own; ``False``
        believes any.
    :param clock_skew: seconds by which clocks may differ.
    :param claims: the type of the claims, a subclass of :class:`SessionClaims`.
    :param clock: tells the time in seconds since the epoch.
    :param transport: an httpx transport for every call to Clerk.
    :param algorithms: accepted signature algorithms.
    :param require_category: refuse tokens whose header has no ``cat``.
    :param jwks_ttl: seconds that fetched keys are good for.
    :param jwks_stale_for: seconds beyond that in which they serve while no new ones can be had.
    :param jwks_cooldown: seconds between two look-ups of unknown ``kid`` values.
    :param backend_timeout: seconds that a call to Clerk may take, retries included.
    :param token_memory: how many verified tokens are remembered; 0 verifies every time.
    :param machine_secret_key: the key of the machine in whose name opaque M2M tokens are verified
        (``CLERK_MACHINE_SECRET_KEY``); the secret key by default.
    :param opaque_token_ttl: seconds for which Clerk's yes to an opaque token is remembered, and so
        for which a revoked one may still be accepted; 0 asks every time.
    :param proxy_url: where browsers reach the Frontend API, if not at its own host: an ``https``
        URL, or a path of this site such as ``/__clerk`` (``CLERK_PROXY_URL``).
    :param domain: the host that a satellite runs on, such as ``shop.example.net``
        (``CLERK_DOMAIN``).
    :param is_satellite: whether users sign in on another, the primary domain
        (``CLERK_IS_SATELLITE``: ``true`` or ``false``).
    :param satellite_auto_sync: whether a satellite sends every new visitor to the primary domain
        and back, to see if they are signed in there.
    :param sign_in_url: the sign-in page, a URL or a path of this site (``CLERK_SIGN_IN_URL``); for
        satellites of development instances the URL on the primary domain.
    :param sign_up_url: the sign-up page, likewise (``CLERK_SIGN_UP_URL``); ``<sign_in_url>/create``
        by default.
    :param allowed_redirect_origins: origins of satellites, to which the primary domain of a
        development instance leads browsers back, besides ``authorized_parties`` and this machine.
    :param trusted_proxies: IP addresses, networks such as ``10.0.0.0/8``, or ``*`` for whoever
        connects; only from these, by ``scope["client"]``, do ``X-Forwarded-Host`` and
        ``X-Forwarded-Proto`` count.
    :param organization_sync: an :class:`OrganizationSync`: paths that name the organization which
        has to be active there.
    :param store: where revocations, webhook deliveries and rate limits are remembered:
        ``RedisStore("redis://...")`` for several workers, ``MemoryStore()`` for one. With a store,
        tokens older than ``longest_token`` are refused; without, memory is used, and they are not.
    :param longest_token: seconds that session tokens may live, and revocations are remembered.
    :raises ConfigurationError: if anything is missing, malformed or contradictory.
    """

    @overload
    async def protect(
        self,
        connection: Connection,
        requirement: Requirement | None = ...,
        *,
        accepts_token: Literal["session_token"] = ...,
        treat_pending_as_signed_out: bool = ...,
    ) -> Auth[ClaimsT]: ...

    @overload
    async def protect(
        self,
        connection: Connection,
        requirement: Requirement | None = ...,
        *,
        accepts_token: AcceptsToken,
        treat_pending_as_signed_out: bool = ...,
    ) -> Auth[ClaimsT] | MachineAuth: ...

    async def protect(
        self,
        connection: Connection,
        requirement: Requirement | None = None,
        *,
        accepts_token: AcceptsToken = "session_token",
        treat_pending_as_signed_out: bool = True,
    ) -> Any:
        """Judge a request inside a handler, as a guard does before it.

        The parameters are those of :func:`~clerk_fastapi.require`, and so are the errors, which are
        answered as those of guards are.
        """
        guard = Guard(requirement, treat_pending_as_signed_out, self, accepts_token=accepts_token)
        return await guard.admit(connection)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, Any]]:
        """Run this Clerk for as long as the application runs: ``FastAPI(lifespan=clerk.lifespan)``.

        In a lifespan of your own, write ``async with clerk.lifespan(app) as state:`` and yield what
        it gives you, with whatever you add: then handlers find it in ``request.state.clerk``.

        :raises ConfigurationError: if the application could not do what it was made for.
        """
        check_application(app, self.store)
        document(app)
        for application in applications(app):
            teach_application(application)
        entrance = start(app, self)
        try:
            async with self:
                yield {"clerk": self}
        finally:
            stop(app, entrance)
