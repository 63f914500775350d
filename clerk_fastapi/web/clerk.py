"""Clerk, as an application meets it: an instance with a lifespan."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette

from clerk_fastapi.engine.instance import Instance
from clerk_fastapi.protocol.custom import ClaimsT
from clerk_fastapi.web._scope import STATE_KEY, attach, detach
from clerk_fastapi.web.openapi import document

__all__ = ["Clerk"]


class Clerk(Instance[ClaimsT]):
    """One Clerk instance, as an application is guarded by it.

    ``clerk = Clerk()`` reads the ``CLERK_*`` variables, ``app = FastAPI(lifespan=clerk.lifespan)``
    starts it, and the guards find it from there.
    """

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[dict[str, Any]]:
        """Run this Clerk for as long as the application runs: ``FastAPI(lifespan=clerk.lifespan)``.

        In a lifespan of your own, write ``async with clerk.lifespan(app) as state:`` and yield what
        it gives you, with whatever you add.
        """
        attach(app, self)
        try:
            document(app)
            async with self:
                yield {STATE_KEY: self}
        finally:
            detach(app, self)
