"""Which Clerk is running in the application that a request has reached."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, cast

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.refusals import teach

__all__ = ["applications", "running_engine", "start", "stop"]

_RUNNING = "clerk_fastapi.running"

Routes = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


class _Entrance:
    """What every request passes on its way to the routes of an application that has a Clerk.

    So the closest Clerk on the way decides, however an application is mounted, and how often.
    """

    def __init__(self, routes: Routes, engine: Engine[Any]) -> None:
        self.routes = routes
        self.engine: Engine[Any] | None = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.engine is not None and scope["type"] != "lifespan":
            scope[_RUNNING] = self.engine
            teach(scope)
        await self.routes(scope, receive, send)


def running_engine(scope: Scope) -> Engine[Any]:
    """Find the Clerk of the innermost application, or of the closest one around it.

    :raises ConfigurationError: if none was started; the sentence says which line to add.
    """
    engine = scope.get(_RUNNING)
    if isinstance(engine, Engine):
        return engine
    raise ConfigurationError(
        "No Clerk is running in this application: write app = FastAPI(lifespan=clerk.lifespan) or, "
        "in a lifespan of your own, async with clerk.lifespan(app); a test client must run the "
        "lifespan too: with TestClient(app) as client."
    )


def start(app: Starlette, engine: Engine[Any]) -> None:
    """Let an engine decide for an application and for what is mounted in it.

    :raises ConfigurationError: if the application has a Clerk of its own already.
    """
    entrance = app.router.middleware_stack
    if isinstance(entrance, _Entrance) and entrance.engine is not None:
        raise ConfigurationError(
            "This application has a running Clerk already; give the second one to require(), or to "
            "a mounted application of its own."
        )
    app.router.middleware_stack = _Entrance(entrance, engine)


def stop(app: Starlette, engine: Engine[Any]) -> None:
    """Undo :func:`start`, so that a Clerk that was stopped decides nothing any more."""
    entrance = app.router.middleware_stack
    if isinstance(entrance, _Entrance) and entrance.engine is engine:
        entrance.engine = None  # for requests that are on their way
        app.router.middleware_stack = cast(Any, entrance.routes)


def applications(app: Starlette) -> Iterator[Starlette]:
    """Walk through an application and all that are mounted in it."""
    yield app
    for route in app.routes:
        mounted = getattr(route, "app", None)
        if isinstance(mounted, Starlette):
            yield from applications(mounted)
