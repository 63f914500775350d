"""Users and organizations, as Clerk knows them now: looked up, shut out and let in again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias

from clerk_fastapi.backend.official import Official
from clerk_fastapi.backend.paths import path_segment
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.errands import Errands, shut_out
from clerk_fastapi.engine.listing import Listing, Part
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.errors import AccessDenied
from clerk_fastapi.protocol.authorization import Organization as ActiveOrganization
from clerk_fastapi.protocol.organizations import Membership, Organization
from clerk_fastapi.protocol.resource import Name, Resource
from clerk_fastapi.protocol.users import User

__all__ = ["Organizations", "Users"]

_Call: TypeAlias = Callable[[Any], Awaitable[object]]
_NOW: Final = 60  # seconds within which a date of Clerk's is that of what was done just now


class _Gone(Resource):
    """What Clerk says of a user who is no more."""

    id: Name


class _Members(Resource):
    """A page of members."""

    data: tuple[Membership, ...]
    total_count: int | None = None


class Users:
    """The users of an instance: ``clerk.users``; for all else there is ``clerk.backend.users``.

    Whatever shuts a user out tells Clerk first, and then has all workers refuse the user's tokens
    at once; it is carried through, also if whoever asked is cancelled. Where that raises
    ``StoreUnavailable``, Clerk has done it and this process knows; other workers are told as soon
    as the store can be reached. If Clerk's answer is lost or makes no sense, the user is refused,
    though nobody knows what Clerk has done: call it again.

    :param official: how Clerk is asked.
    :param revocations: where it is made known who is shut out.
    :param errands: carries through what is under way.
    :param clock: tells the time in seconds since the epoch.
    """

    def __init__(
        self,
        official: Official,
        revocations: Revocations,
        errands: Errands,
        clock: Callable[[], float],
    ) -> None:
        self._official = official
        self._revocations = revocations
        self._errands = errands
        self._clock = clock

    async def get(self, user_id: str) -> User:
        """Fetch a user.

        :raises ResourceNotFound: if Clerk does not know them.
        :raises BackendError: the leaf names what else went wrong.
        """
        path_segment(user_id)
        return await self._official.ask(User, lambda clerk: clerk.users.get_async(user_id=user_id))

    async def ban(self, user_id: str) -> User:
        """Shut a user out until :meth:`unban`, as the Clerk dashboard does."""
        return await self._shut_out(user_id, lambda clerk: clerk.users.ban_async(user_id=user_id))

    async def unban(self, user_id: str) -> User:
        """Let a banned user in again; one who is locked as well stays outside."""
        path_segment(user_id)
        errand = self._let_in(lambda clerk: clerk.users.unban_async(user_id=user_id))
        return await self._errands.run(errand)

    async def lock(self, user_id: str) -> User:
        """Shut a user out for a time, as after too many wrong passwords."""
        return await self._shut_out(user_id, lambda clerk: clerk.users.lock_async(user_id=user_id))

    async def unlock(self, user_id: str) -> User:
        """Let a locked user in again; one who is banned as well stays outside."""
        path_segment(user_id)
        errand = self._let_in(lambda clerk: clerk.users.unlock_async(user_id=user_id))
        return await self._errands.run(errand)

    async def delete(self, user_id: str) -> None:
        """Delete a user, for good.

        :raises ResourceNotFound: if Clerk does not know them, or no longer: their tokens are
            refused all the same.
        :raises BackendError: the leaf names what else went wrong.
        """
        path_segment(user_id)

        async def remove(_: object = None) -> None:
            await self._revocations.remove_user(user_id)

        errand = shut_out(
            lambda: self._official.ask(
                _Gone, lambda clerk: clerk.users.delete_async(user_id=user_id)
            ),
            remove,
            # Not for good: they may be there yet.
            or_at_worst=partial(self._report_shut_out, user_id),
            if_gone=remove,
        )
        await self._errands.run(errand)

    async def _shut_out(self, user_id: str, call: _Call) -> User:
        path_segment(user_id)
        errand = shut_out(
            partial(self._official.ask, User, call),
            self._report,
            or_at_worst=partial(self._report_shut_out, user_id),
        )
        return await self._errands.run(errand)

    async def _let_in(self, call: _Call) -> User:
        user = await self._official.ask(User, call)
        # Who is neither in nor out for certain stays as they were.
        if (user.banned or user.locked) or (user.banned is False and user.locked is False):
            await self._report(user)
        return user

    async def _report(self, user: User) -> None:
        """Make it known whether a user is shut out now; only Clerk's word says that one is not."""
        now, until = self._clock(), None
        if user.banned is False and user.lockout_expires_in_seconds is not None:
            until = now + user.lockout_expires_in_seconds
        dated = user.updated_at
        if dated is None or abs(dated / 1000 - now) > _NOW:
            dated = int(now * 1000)  # of what was done this moment Clerk says an odd date
        await self._revocations.report_user(
            user.id,
            is_shut_out=not (user.banned is False and user.locked is False),
            version=dated,
            until=until,
        )

    async def _report_shut_out(self, user_id: str) -> None:
        now = int(self._clock() * 1000)
        await self._revocations.report_user(user_id, is_shut_out=True, version=now)


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
        return await self._official.ask(
            Organization,
            lambda clerk: clerk.organizations.get_async(organization_id=organization_id),
        )

    def members(self, auth: Auth[Any], *, limit: int = 100, offset: int = 0) -> Listing[Membership]:
        """List the members of the active organization.

        ``await`` it for one page, or go through all with ``async for``.

        :param limit: how many a page has, up to 500.
        :param offset: how many to leave out.
        :raises AccessDenied: if there is no active organization.
        :raises BackendError: when it is awaited: the leaf names what went wrong.
        """
        organization_id = _active(auth)

        async def fetch(limit: int, offset: int) -> Part[Membership]:
            page = await self._official.ask(
                _Members,
                lambda clerk: clerk.organization_memberships.list_async(
                    organization_id=organization_id, limit=limit, offset=offset
                ),
            )
            return Part(page.data, page.total_count)

        return Listing(fetch, limit=limit, offset=offset)


def _active(auth: Auth[Any]) -> str:
    if not auth.org_id:
        raise AccessDenied(ActiveOrganization())
    return auth.org_id
