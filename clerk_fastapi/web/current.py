"""Who is signed in, and in which organization, as Clerk knows them now: dependencies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

from fastapi import Depends
from starlette.requests import HTTPConnection

from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.engine import Engine
from clerk_fastapi.errors import AccessDenied, ResourceNotFound, SessionEnded
from clerk_fastapi.protocol.authorization import Organization as ActiveOrganization
from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.protocol.organizations import Organization
from clerk_fastapi.protocol.users import User
from clerk_fastapi.web.guards import require_auth, require_organization
from clerk_fastapi.web.running import running_engine

if TYPE_CHECKING:
    from clerk_fastapi.backend.official import OfficialClerk

__all__ = [
    "BackendApi",
    "CurrentOrganization",
    "CurrentUser",
    "backend_api",
    "current_organization",
    "current_user",
]

_T = TypeVar("_T")


class _Fetched(NamedTuple):
    """What a request was told by Clerk, for whoever asks again; nothing else passes for it."""

    engine: Engine[Any]
    id: str
    resource: Any


async def current_user(
    connection: HTTPConnection, auth: Annotated[Auth[SessionClaims], Depends(require_auth)]
) -> User:
    """Demand a signed-in user, and fetch them: one call a request, however many ask.

    :raises SessionEnded: 401, if the user was deleted, banned or locked meanwhile.
    :raises BackendError: the leaf names what else went wrong.
    """
    engine = running_engine(connection.scope)
    try:
        user = await _once(connection, engine, "user", auth.user_id, engine.users.get)
    except ResourceNotFound:
        user = None
    if user is None or user.banned or user.locked:
        raise SessionEnded
    return user


async def current_organization(
    connection: HTTPConnection,
    auth: Annotated[Auth[SessionClaims], Depends(require_organization)],
) -> Organization:
    """Demand an active organization, and fetch it: one call a request, however many ask.

    :raises AccessDenied: 403, if there is none, or it was deleted meanwhile.
    :raises BackendError: the leaf names what else went wrong.
    """
    engine = running_engine(connection.scope)

    async def fetch(_: str) -> Organization:
        return await engine.organizations.get(auth)

    try:
        return await _once(connection, engine, "organization", auth.org_id or "", fetch)
    except ResourceNotFound:
        pass
    raise AccessDenied(ActiveOrganization())


async def backend_api(connection: HTTPConnection) -> Any:
    """Clerk's own client of its Backend API, ``clerk.backend``, which lets nobody in by itself.

    :raises ConfigurationError: without a secret key, or without the extra ``backend``.
    """
    return await running_engine(connection.scope).official.ready()


async def _once(
    connection: HTTPConnection,
    engine: Engine[Any],
    what: str,
    id: str,
    fetch: Callable[[str], Awaitable[_T]],
) -> _T:
    name = f"clerk_fastapi.current_{what}"
    kept = connection.scope.get(name)
    if isinstance(kept, _Fetched) and kept.engine is engine and kept.id == id:
        resource: _T = kept.resource
        return resource
    resource = await fetch(id)
    connection.scope[name] = _Fetched(engine, id, resource)
    return resource


CurrentUser = Annotated[User, Depends(current_user)]
"""The signed-in user, ready to be used as the type of a parameter."""

CurrentOrganization = Annotated[Organization, Depends(current_organization)]
"""The active organization, ready to be used as the type of a parameter."""

if TYPE_CHECKING:
    BackendApi = Annotated[OfficialClerk, Depends(backend_api)]
else:
    # Its type is not there before somebody needs it: importing it takes a while.
    BackendApi = Annotated[Any, Depends(backend_api)]
