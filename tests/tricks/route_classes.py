"""Route classes of an application's own, which match and handle as they like."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

__all__ = ["CaseBlind", "Handling", "Timed", "Versioned"]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Timed(APIRoute):
    """A route that makes its own handler, as FastAPI's documentation shows."""

    def get_route_handler(self) -> Handler:
        """Wrap what FastAPI makes."""
        handler = super().get_route_handler()

        async def timed(request: Request) -> Response:
            response = await handler(request)
            response.headers["x-response-time"] = "0"
            return response

        return timed


class Handling(APIRoute):
    """A route that does something before it handles, and asks for no method."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Treat everything as a GET."""
        await super().handle({**scope, "method": "GET"}, receive, send)


class CaseBlind(APIRoute):
    """A route that takes its path in capitals, too."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Compare in small letters."""
        return super().matches({**scope, "path": scope["path"].lower()})


class Versioned(APIRoute):
    """A route for those who ask for its version in a header, and for others if it is the first."""

    version = ""

    @classmethod
    def of(cls, version: str) -> type["Versioned"]:
        """The class for one version."""
        return type(f"Version{version}", (cls,), {"version": version})

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Look at the header, as well."""
        asked = dict(scope["headers"]).get(b"x-version", b"1").decode("latin-1")
        return super().matches(scope) if asked == self.version else (Match.NONE, {})
