"""A small application, for one trick alone, and what it answers."""

from contextlib import suppress
from typing import Any

import httpx
from fastapi import FastAPI

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.web.middleware import ClerkMiddleware
from clerk_fastapi.web.routing.policies import Policy
from tests.tricks.conftest import Instance

__all__ = ["application", "get"]


def application(instance: Instance, *policies: Policy) -> FastAPI:
    """An application in which only what is named is public."""
    clerk: Clerk[Any] = Clerk(**instance.local.settings())
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.add_middleware(ClerkMiddleware, policies=list(policies), default="signed_in")
    return app


async def get(app: FastAPI, client: httpx.AsyncClient, path: str, *headers: Any) -> int:
    """The status of an answer; an error of the application's is 500."""
    with suppress(ConfigurationError):
        return (await client.get(path, headers=list(headers))).status_code
    return 500
