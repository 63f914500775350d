"""From the scope of a request to the Clerk that the running application was started with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.types import Scope

from clerk_fastapi.engine.instance import Instance
from clerk_fastapi.errors import ConfigurationError

__all__ = ["STATE_KEY", "attach", "detach", "running_instance"]

STATE_KEY = "clerk_fastapi"
"""Under this name the lifespan state holds the Clerk, and ``app.state`` its attachment."""


class _Attachment(NamedTuple):
    """An instance on an application: its own, or that of the application it is mounted in."""

    instance: Instance[Any]
    inherited: bool


def running_instance(scope: Scope) -> Instance[Any]:
    """Find the Clerk of the innermost application, or of the one around it.

    :raises ConfigurationError: if none was started; the sentence says which line to add.
    """
    attachment = getattr(getattr(scope.get("app"), "state", None), STATE_KEY, None)
    if isinstance(attachment, _Attachment):
        return attachment.instance
    instance = scope.get("state", {}).get(STATE_KEY)
    if isinstance(instance, Instance):
        return instance
    raise ConfigurationError(
        "No Clerk is running in this application: write app = FastAPI(lifespan=clerk.lifespan), or "
        "async with clerk.lifespan(app) in a lifespan of your own; a test client must run the "
        "lifespan too: with TestClient(app) as client."
    )


def attach(app: Starlette, instance: Instance[Any]) -> None:
    """Make an instance known on an application and on everything mounted in it that has none.

    :raises ConfigurationError: if the application has a Clerk of its own already.
    """
    for application in _applications(app):
        present = getattr(application.state, STATE_KEY, None)
        own = application is app
        if own and isinstance(present, _Attachment) and not present.inherited:
            raise ConfigurationError(
                "This application has a running Clerk already; give the second one to require(), "
                "or to a mounted application of its own."
            )
        if own or present is None:
            setattr(application.state, STATE_KEY, _Attachment(instance, inherited=not own))


def detach(app: Starlette, instance: Instance[Any]) -> None:
    """Undo :func:`attach`, so that a Clerk that was stopped decides nothing any more."""
    for application in _applications(app):
        present = getattr(application.state, STATE_KEY, None)
        if isinstance(present, _Attachment) and present.instance is instance:
            delattr(application.state, STATE_KEY)


def _applications(app: Starlette) -> Iterator[Starlette]:
    yield app
    for route in app.routes:
        mounted = getattr(route, "app", None)
        if isinstance(mounted, Starlette):
            yield from _applications(mounted)
