"""Users and organizations, as Clerk knows them now: looked up, shut out and let in again."""

from __future__ import annotations

from typing import Any

from clerk_fastapi.backend.official import Official
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.listing import Listing, read_as
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.errors import AccessDenied, ResourceNotFound
from clerk_fastapi.protocol.authorization import Organization as ActiveOrganization
from clerk_fastapi.protocol.organizations import Membership, Organization
from clerk_fastapi.protocol.users import User

__all__ = ["Organizations", "Users"]


class Users:
    """The users of an instance: ``clerk.users``; for all else there is ``clerk.backend.users``.

    Whatever shuts a user out tells Clerk first, and then has all workers refuse the user's tokens
    at once. Where that raises ``StoreUnavailable``, Clerk has done it and this process knows; other
    workers are told as soon as the store can be reached.

    :param official: how Clerk is asked.
    :param revocations: where it is made known who is shut out.
    """

    def __init__(self, official: Official, revocations: Revocations) -> None:
        self._official = official
        self._revocations = revocations

    async def get(self, user_id: str) -> User:
        """Fetch a user.

        :raises ResourceNotFound: if Clerk does not know them.
        :raises BackendError: the leaf names what else went wrong.
        """
        client = await self._official.ready()
        return read_as(User, await client.users.get_async(user_id=user_id))

    async def ban(self, user_id: str) -> User:
        """Shut a user out until :meth:`unban`, as the Clerk dashboard does."""
        client = await self._official.ready()
        return await self._known(await client.users.ban_async(user_id=user_id))

    async def unban(self, user_id: str) -> User:
        """Let a banned user in again; one who is locked as well stays outside."""
        client = await self._official.ready()
        return await self._known(await client.users.unban_async(user_id=user_id))

    async def lock(self, user_id: str) -> User:
        """Shut a user out for a time, as after too many wrong passwords."""
        client = await self._official.ready()
        return await self._known(await client.users.lock_async(user_id=user_id))

    async def unlock(self, user_id: str) -> User:
        """Let a locked user in again; one who is banned as well stays outside."""
        client = await self._official.ready()
        return await self._known(await client.users.unlock_async(user_id=user_id))

    async def delete(self, user_id: str) -> None:
        """Delete a user, for good.

        :raises ResourceNotFound: if Clerk does not know them, or no longer: their tokens are
            refused all the same.
        :raises BackendError: the leaf names what else went wrong.
        """
        client = await self._official.ready()
        try:
            await client.users.delete_async(user_id=user_id)
        except ResourceNotFound:
            await self._revocations.remove_user(user_id)
            raise
        await self._revocations.remove_user(user_id)

    async def _known(self, said: Any) -> User:
        """Make it known whether a user is shut out now."""
        user = read_as(User, said)
        await self._revocations.report_user(
            user.id, is_shut_out=bool(user.banned or user.locked), version=user.updated_at or 0
        )
        return user


class Organizations:
    """The active organization of a session: ``clerk.organizations``.

    No other organization can be reached by it; for that there is ``clerk.backend.organizations``.

    :param official: how Clerk is asked.
    """

    def __init__(self, official: Official) -> None:
        self._official = official

    async def get(self, auth: Auth[Any]) -> Organization:
        """Fetch the active organization.

        :raises AccessDenied: if there is none.
        :raises ResourceNotFound: if it was deleted.
        :raises BackendError: the leaf names what else went wrong.
        """
        organization_id = _active(auth)
        client = await self._official.ready()
        said = await client.organizations.get_async(organization_id=organization_id)
        return read_as(Organization, said)

    def members(self, auth: Auth[Any], *, limit: int = 100, offset: int = 0) -> Listing[Membership]:
        """List the members of the active organization.

        ``await`` it for one page, or go through all with ``async for``.

        :param limit: how many a page has, up to 500.
        :param offset: how many to leave out.
        :raises AccessDenied: if there is no active organization.
        :raises BackendError: when it is awaited: the leaf names what went wrong.
        """
        organization_id = _active(auth)

        async def fetch(limit: int, offset: int) -> list[Membership]:
            client = await self._official.ready()
            said = await client.organization_memberships.list_async(
                organization_id=organization_id, limit=limit, offset=offset
            )
            return [read_as(Membership, each) for each in said.data]

        return Listing(fetch, limit=limit, offset=offset)


def _active(auth: Auth[Any]) -> str:
    if not auth.org_id:
        raise AccessDenied(ActiveOrganization())
    return auth.org_id
