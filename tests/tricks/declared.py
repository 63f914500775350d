"""What the routes of the application declare for themselves, whatever policies make of it."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import TypeAlias

from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope
from starlette.websockets import WebSocket

__all__ = ["FILES", "REQUEST_ID", "Endpoint", "Level", "Reached", "Socket", "Visits"]

REQUEST_ID = "x-request-id"


class Level(IntEnum):
    """What a route demands, and what a caller has."""

    PUBLIC = 0
    SIGNED_IN = 1
    ADMIN = 2


Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]
Socket: TypeAlias = Callable[[WebSocket], Awaitable[None]]
Declared: TypeAlias = Level | Callable[[Scope], Level]
Reached: TypeAlias = tuple[str, Level]

# Files have no handlers of ours: an answer with an entity tag and this length is one of them.
FILES: dict[int, Reached] = {
    101: ("public file", Level.PUBLIC),
    102: ("private file", Level.SIGNED_IN),
    103: ("public frontend", Level.PUBLIC),
    104: ("private frontend", Level.SIGNED_IN),
}


class Visits:
    """Which handlers were reached, by the id of the request."""

    def __init__(self) -> None:
        self.of: defaultdict[str, list[Reached]] = defaultdict(list)
        self.handlers = {name for name, _ in FILES.values()}

    def note(self, connection: HTTPConnection, name: str, declared: Declared) -> str:
        """Write down that a handler runs, and say something that tells requests apart."""
        level = declared if isinstance(declared, Level) else declared(connection.scope)
        self.of[connection.headers.get(REQUEST_ID, "")].append((name, level))
        return f"{name} {sorted(connection.path_params.items(), key=str)}"

    def page(self, name: str, level: Declared) -> Endpoint:
        """A handler for HTTP."""
        self.handlers.add(name)

        async def endpoint(request: Request) -> Response:
            return PlainTextResponse(self.note(request, name, level))

        endpoint.__name__ = name
        return endpoint

    def socket(self, name: str, level: Declared) -> Socket:
        """A handler for WebSockets."""
        self.handlers.add(name)

        async def endpoint(websocket: WebSocket) -> None:
            said = self.note(websocket, name, level)
            await websocket.accept()
            await websocket.send_text(said)
            await websocket.close()

        endpoint.__name__ = name
        return endpoint
