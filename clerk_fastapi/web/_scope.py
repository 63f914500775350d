"""From the scope of a request to the Clerk that the running application was started with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.types import Scope

from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import ConfigurationError

__all__ = ["STATE_KEY", "applications", "attach", "detach", "running_instance"]

STATE_KEY = "clerk_fastapi"
"""Under this name the lifespan state holds the Clerk."""

# Not in app.state, where looking it up would cost more than the rest of a guard.
_ATTRIBUTE = "_clerk_fastapi_attachments"


class _Attachment(NamedTuple):
    """An instance known to an application: started with it, or with one that it is mounted in."""

    instance: Engine[Any]
    owner: Starlette
    distance: int


class _Attachments(tuple[_Attachment, ...]):
    """A type of its own, so that nobody else's attribute passes for it."""


def running_instance(scope: Scope) -> Engine[Any]:
    """Find the Clerk of the innermost application, or of the closest one around it.

    :raises ConfigurationError: if none was started; the sentence says which line to add.
    """
    attached = _attachments(scope.get("app"))
    if len(attached) == 1 and not attached[0].distance:
        return attached[0].instance
    # The server keeps what the outermost application's lifespan yielded.
    outermost = scope.get("state", {}).get(STATE_KEY)
    if isinstance(outermost, Engine):
        around = [each for each in attached if _belongs_to(each, outermost)]
        return min(around, key=_distance).instance if around else outermost
    if not attached:
        raise ConfigurationError(
            "No Clerk is running in this application: write app = FastAPI(lifespan=clerk.lifespan) "
            "or, in a lifespan of your own, async with clerk.lifespan(app); a test client must run "
            "the lifespan too: with TestClient(app) as client."
        )
    closest = min(attached, key=_distance)
    if sum(each.distance == closest.distance for each in attached) > 1:
        raise ConfigurationError(
            "This application is mounted in several that have a Clerk each: let their lifespans "
            "yield what clerk.lifespan(app) gives, so that requests can be told apart."
        )
    return closest.instance


def attach(app: Starlette, instance: Engine[Any]) -> None:
    """Make an instance known to an application and to everything mounted in it.

    :raises ConfigurationError: if the application has a Clerk of its own already.
    """
    if any(each.owner is app for each in _attachments(app)):
        raise ConfigurationError(
            "This application has a running Clerk already; give the second one to require(), or to "
            "a mounted application of its own."
        )
    for application, distance in applications(app):
        known = (*_attachments(application), _Attachment(instance, app, distance))
        setattr(application, _ATTRIBUTE, _Attachments(known))


def detach(app: Starlette) -> None:
    """Undo :func:`attach`, so that a Clerk that was stopped decides nothing any more."""
    for application, _ in applications(app):
        left = (each for each in _attachments(application) if each.owner is not app)
        setattr(application, _ATTRIBUTE, _Attachments(left))


def applications(app: Starlette, distance: int = 0) -> Iterator[tuple[Starlette, int]]:
    """Walk through an application and all that are mounted in it, with how deep they are."""
    yield app, distance
    for route in app.routes:
        mounted = getattr(route, "app", None)
        if isinstance(mounted, Starlette):
            yield from applications(mounted, distance + 1)


def _attachments(app: Starlette | None) -> tuple[_Attachment, ...]:
    found = getattr(app, _ATTRIBUTE, None)
    return found if isinstance(found, _Attachments) else ()


def _belongs_to(attachment: _Attachment, outermost: Engine[Any]) -> bool:
    """Whether an attachment was made within the application that ``outermost`` was started with."""
    known = _attachments(attachment.owner)
    return any(each.instance is outermost for each in known)


def _distance(attachment: _Attachment) -> int:
    return attachment.distance
