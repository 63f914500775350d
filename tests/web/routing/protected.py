"""Applications protected by policies, and what they serve."""

from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from clerk_fastapi import Clerk, ClerkMiddleware, Policy, Role

__all__ = ["ADMIN", "OWNER", "below", "opaque", "page", "protected"]

OWNER = Role("org:owner")  # whom nobody is
ADMIN = Role("org:admin")  # whom Ada is


def page(request: Request) -> PlainTextResponse:
    """A handler of Starlette's kind."""
    return PlainTextResponse("page")


async def opaque(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that nobody can look into."""
    await PlainTextResponse("opaque")(scope, receive, send)


def protected(clerk: Clerk[Any], *policies: Policy, **options: Any) -> FastAPI:
    """An application without routes, protected by policies."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.add_middleware(ClerkMiddleware, policies=policies, **options)
    return app


def below(*routes: Any, **options: Any) -> FastAPI:
    """An application to be mounted."""
    return FastAPI(openapi_url=None, routes=list(routes), **options)
