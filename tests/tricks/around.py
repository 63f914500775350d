"""Other middleware, inside and outside of ClerkMiddleware."""

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Passing", "Renaming", "put_inside", "put_outside"]


class Renaming:
    """Middleware that knows old names of the paths behind it."""

    def __init__(self, app: ASGIApp, old: str = "/old/", new: str = "/") -> None:
        self.app = app
        self.names = old, new

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Use the new name."""
        if scope["type"] != "lifespan":
            scope = {**scope, "path": scope["path"].replace(*self.names, 1)}
        await self.app(scope, receive, send)


class Passing(BaseHTTPMiddleware):
    """Middleware of the kind that runs what is behind it in a task of its own."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Pass the request on."""
        return await call_next(request)


def put_inside(app: FastAPI) -> None:
    """Add what stands between ClerkMiddleware and the routes."""
    app.add_middleware(Renaming, old="/inner/", new="/")
    app.add_middleware(Passing)


def put_outside(app: FastAPI) -> None:
    """Add what stands before it."""
    app.add_middleware(Renaming, old="/outer/", new="/")
    app.add_middleware(GZipMiddleware)
    app.add_middleware(
        CORSMiddleware, allow_origins=["https://other.example"], allow_methods=["GET"]
    )
    hosts = ["*.example", "app.example", "127.0.0.1"]
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
