"""The instance's faces as one ASGI application: Frontend API, Backend API, and ``/local``."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi.testing.answers import as_clerk_says_it
from clerk_fastapi.testing.backend_api import backend_api
from clerk_fastapi.testing.frontend_api import frontend_api
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.workbench import workbench

__all__ = ["build_app"]


def build_app(instance: Instance) -> ASGIApp:
    """Give the instance its faces. What is nobody else's path belongs to the Backend API.

    As long as a server runs it, webhooks are delivered in the background. Sessions and
    invitations whose time has run out have ended before anybody asks.
    """
    backend = backend_api(instance)
    faces = Starlette(
        routes=[
            *frontend_api(instance),
            Mount("/local", workbench(instance)),
            Mount("/v1", backend),
            Mount("", backend),
        ],
        exception_handlers={HTTPException: as_clerk_says_it},
        lifespan=lambda _: instance.outbox.delivering(),
    )

    async def in_time(scope: Scope, receive: Receive, send: Send) -> None:
        instance.expire_sessions()
        instance.expire_invitations()
        await faces(scope, receive, send)

    return in_time
