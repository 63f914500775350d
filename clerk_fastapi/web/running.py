"""Which Clerk is running in the application that a request has reached."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, NamedTuple, cast

from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from clerk_fastapi.engine.answer import ANSWER
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.answering import answering
from clerk_fastapi.web.refusals import teach

__all__ = [
    "Entrance",
    "applications",
    "choose",
    "clerk_of",
    "running_app",
    "running_engine",
    "start",
    "stop",
]

_RUNNING = "clerk_fastapi.running"
_CHOSEN = "clerk_fastapi.chosen"
_NOT_RUN = (
    "A mounted application was made with the lifespan of a Clerk of its own, and nobody runs the "
    "lifespans of mounted applications: take it off there, and write async with "
    "staff.lifespan(mounted_app) in the lifespan of the application around it."
)

Routes = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]


class _Running(NamedTuple):
    """The Clerk that decides from an application on; nothing else on a scope passes for it."""

    engine: Engine[Any]
    app: Starlette | None


class Entrance:
    """What every request passes on its way to the routes of an application that has a Clerk.

    So the closest Clerk on the way decides, however an application is mounted, and how often.
    """

    def __init__(self, routes: Routes, engine: Engine[Any]) -> None:
        self.routes = routes
        self.engine: Engine[Any] | None = engine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the Clerk that decides from here on."""
        if self.engine is not None and scope["type"] != "lifespan":
            engine = _chosen(scope) or self.engine
            scope[_RUNNING] = _Running(engine, scope.get("app"))
            teach(scope)
            if scope["type"] == "http" and ANSWER not in scope:
                send = answering(scope, send, explain=False)
            engine.hand_over(scope)
        await self.routes(scope, receive, send)


def running_engine(scope: Scope) -> Engine[Any]:
    """Find the Clerk of the innermost application, or of the closest one around it.

    :raises ConfigurationError: if none was started; the sentence says which line to add.
    """
    running, here = scope.get(_RUNNING), scope.get("app")
    engine, app = running if isinstance(running, _Running) else (None, None)
    if app is not here:  # a mounted application without a Clerk of its own, or without any
        chosen = _chosen(scope)
        if chosen is not None:
            return chosen
        if engine is not None and _declared(here) not in (None, engine):
            raise ConfigurationError(_NOT_RUN)
    if engine is not None:
        return engine
    raise ConfigurationError(
        "No Clerk is running in this application: write app = FastAPI(lifespan=clerk.lifespan) or, "
        "in a lifespan of your own, async with clerk.lifespan(app); a test client must run the "
        "lifespan too: with TestClient(app) as client."
    )


def running_app(scope: Scope) -> Starlette:
    """Find the application whose Clerk decides: the innermost one that has any."""
    running = scope.get(_RUNNING)
    app = running.app if isinstance(running, _Running) else None
    found: Starlette = scope["app"] if app is None else app
    return found


def clerk_of(app: Starlette, scope: Scope) -> Engine[Any]:
    """Find the Clerk that will decide in an application, before a request has reached its routes.

    :raises ConfigurationError: as :func:`running_engine`.
    """
    entrance = app.router.middleware_stack
    is_chosen = _CHOSEN in scope and _chosen({**scope, "app": app}) is not None
    if isinstance(entrance, Entrance) and entrance.engine is not None and not is_chosen:
        return entrance.engine
    return running_engine({**scope, "app": app})


def choose(app: Starlette, engine: Engine[Any], scope: Scope) -> None:
    """Let another Clerk than its own decide in an application, for this one request."""
    scope[_CHOSEN] = (app, engine)


def _chosen(scope: Scope) -> Engine[Any] | None:
    app, engine = scope.get(_CHOSEN, (None, None))
    return engine if app is not None and app is scope.get("app") else None


def start(app: Starlette, engine: Engine[Any]) -> Entrance:
    """Let an engine decide for an application and for what is mounted in it.

    :raises ConfigurationError: if the application has a Clerk of its own already, or one that is
        mounted in it expects a Clerk that nobody runs.
    """
    entrance = app.router.middleware_stack
    if isinstance(entrance, Entrance) and entrance.engine is not None:
        raise ConfigurationError(
            "This application has a running Clerk already; give the second one to require(), or to "
            "a mounted application of its own."
        )
    for mounted in applications(app):
        if mounted is not app and _declared(mounted) not in (None, engine):
            raise ConfigurationError(_NOT_RUN)
    app.router.middleware_stack = started = Entrance(entrance, engine)
    return started


def stop(app: Starlette, entrance: Entrance) -> None:
    """Undo :func:`start`, so that a Clerk that was stopped decides nothing any more."""
    entrance.engine = None  # wherever it stands by now, and for requests that are on their way
    if app.router.middleware_stack is entrance:
        app.router.middleware_stack = cast(Any, entrance.routes)


def applications(app: Starlette) -> Iterator[Starlette]:
    """Walk through an application and all that are mounted in it, as far as they can be seen."""
    yield app
    yield from _mounted(app.routes)


def _mounted(routes: Iterable[object]) -> Iterator[Starlette]:
    for route in routes:
        mounted = getattr(route, "app", None)
        if isinstance(mounted, Starlette):
            yield from applications(mounted)
        else:
            yield from _mounted(getattr(route, "routes", None) or ())


def _declared(app: Starlette | None) -> Engine[Any] | None:
    """The Clerk whose lifespan an application was made with, run or not."""
    lifespan = getattr(getattr(app, "router", None), "lifespan_context", None)
    engine = getattr(lifespan, "__self__", None)
    return engine if isinstance(engine, Engine) else None
