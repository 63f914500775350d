"""Sessions, managed: who is signed in where, and how that is ended here and everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import ConfigDict, RootModel

from clerk_fastapi.backend.official import Official
from clerk_fastapi.backend.paths import path_segment
from clerk_fastapi.backend.problems import may_be_done
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.errands import Errands, shut_out
from clerk_fastapi.engine.listing import LONGEST_PAGE, Listing, Part
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.errors import (
    BackendError,
    BackendRateLimited,
    ConfigurationError,
    ResourceNotFound,
    SecretKeyRefused,
    StoreUnavailable,
)
from clerk_fastapi.protocol.events import Session

__all__ = ["SessionFilter", "Sessions"]

SessionFilter: TypeAlias = Literal[
    "abandoned", "active", "ended", "expired", "removed", "replaced", "revoked"
]
"""What Clerk can choose sessions by."""

# What has a status that is newer than this may be signed in.
_OVER: Final = frozenset(get_args(SessionFilter)) - {"active"}
_MOST_ROUNDS: Final = 5
_AT_ONCE: Final = 8
_MOST_OUTAGES: Final = 3
_THEY_KEEP_BEGINNING: Final = (
    "New sessions of this user begin as fast as they are ended; ban or lock the user first."
)
_THEY_ARE_STILL_LISTED: Final = (
    "Clerk lists sessions of this user as signed in that it has ended; their tokens are refused."
)


class _Page(RootModel[tuple[Session, ...]]):
    """A page of sessions, which Clerk sends as a bare list."""

    model_config = ConfigDict(defer_build=True)


class Sessions:
    """The sessions of an instance: ``clerk.sessions``.

    Whatever ends a session tells Clerk first, and then has all workers refuse its tokens at once;
    it is carried through, also if whoever asked is cancelled. Where that raises
    ``StoreUnavailable``, Clerk has ended the session and this process knows; other workers are told
    as soon as the store can be reached. If Clerk's answer is lost or makes no sense, the tokens are
    refused, though nobody knows what Clerk has done: it is tried again in the background.

    :param official: how Clerk is asked.
    :param revocations: where the end of a session is made known.
    :param errands: carries through what is under way.
    """

    def __init__(self, official: Official, revocations: Revocations, errands: Errands) -> None:
        self._official = official
        self._revocations = revocations
        self._errands = errands

    def list(
        self,
        *,
        user_id: str | None = None,
        client_id: str | None = None,
        status: SessionFilter | None = "active",
        limit: int = 100,
        offset: int = 0,
    ) -> Listing[Session]:
        """List the sessions of a user or of a browser, newest first.

        ``await`` it for one page, or go through all with ``async for``.

        :param status: which ones; ``None`` for all that Clerk still knows, pending ones included.
        :param limit: how many a page has, up to 500.
        :param offset: how many to leave out.
        :raises ConfigurationError: if it is not said whose, or Clerk cannot choose by that status.
        :raises BackendError: when it is awaited: the leaf names what went wrong.
        """
        if not user_id and not client_id:
            raise ConfigurationError("Say whose sessions: user_id or client_id.")
        if status is not None and status not in get_args(SessionFilter):
            raise ConfigurationError(
                f"status is None or one of {', '.join(get_args(SessionFilter))}."
            )
        chosen: Any = status  # the official client takes the words for its own enumeration

        async def fetch(limit: int, offset: int) -> Part[Session]:
            page = await self._official.ask(
                _Page,
                lambda clerk: clerk.sessions.list_async(
                    user_id=user_id, client_id=client_id, status=chosen, limit=limit, offset=offset
                ),
            )
            return Part(page.root)

        return Listing(fetch, limit=limit, offset=offset)

    async def of_user(self, user_id: str) -> tuple[Session, ...]:
        """The sessions in which a user is signed in, in whichever browser, newest first."""
        return await self._signed_in(user_id=user_id)

    async def of_browser(self, auth: Auth[Any]) -> tuple[Session, ...]:
        """The sessions in the browser of one, of whichever user, newest first.

        There are several where users can be signed in to more than one account.
        """
        session = await self.get(auth.session_id)
        if not session.client_id:  # made by a server, in no browser
            return (session,)
        return await self._signed_in(client_id=session.client_id)

    async def get(self, session_id: str) -> Session:
        """Fetch a session.

        :raises ResourceNotFound: if Clerk does not know it.
        :raises BackendError: the leaf names what else went wrong.
        """
        path_segment(session_id)
        return await self._official.ask(
            Session, lambda clerk: clerk.sessions.get_async(session_id=session_id)
        )

    async def revoke(self, session_id: str, *, of: str | None) -> None:
        """End a session; one that has ended already stays so.

        :param of: the user whose session it has to be, so that nobody ends that of somebody else by
            naming it; ``None`` does not ask.
        :raises ResourceNotFound: if Clerk does not know it, or it is somebody else's.
        :raises BackendError: the leaf names what else went wrong; calling again does no harm.
        """
        is_over = False
        if of is not None:
            session = await self.get(session_id)
            if session.user_id != of:
                raise ResourceNotFound
            is_over = session.status in _OVER
        if is_over:
            await self._revocations.end_session(session_id)
        else:
            await self._end(session_id)

    async def sign_out(self, auth: Auth[Any]) -> None:
        """End the session of a request.

        :raises BackendError: the leaf names what went wrong; calling again does no harm.
        """
        with suppress(ResourceNotFound):  # it is over: that is what was wanted
            await self._end(auth.session_id)

    async def sign_out_everywhere(self, user_id: str, *, keep: str | None = None) -> int:
        """End all sessions of a user, and those that begin meanwhile.

        A few are ended at a time, and the one that was active last, which most likely is that of
        who asks, when the others have been. Should it fail on the way, what was ended is ended and
        made known, and what Clerk was not heard of is refused and tried again in the background.
        It is safe to call it again for the others.

        :param keep: the id of a session that stays, such as that of the request.
        :returns: how many were ended.
        :raises BackendError: the leaf names what went wrong.
        """
        ended: set[str] = set()
        has_begun = False
        for _ in range(_MOST_ROUNDS):
            listed = await self.of_user(user_id)
            sessions = tuple(each for each in listed if each.id != keep)
            if not sessions:
                return len(ended)
            await self._end_all(sessions)
            has_begun = not ended.issuperset(each.id for each in sessions)
            ended.update(each.id for each in sessions)
        raise BackendError(_THEY_KEEP_BEGINNING if has_begun else _THEY_ARE_STILL_LISTED)

    async def _end_all(self, sessions: tuple[Session, ...]) -> None:
        waiting = sorted(sessions, key=lambda session: session.last_active_at or 0)
        failures: list[BackendError] = []
        while waiting:
            some = waiting[: min(_AT_ONCE, max(len(waiting) - 1, 1))]
            del waiting[: len(some)]
            found = await asyncio.gather(*(self._failure_to_end(session.id) for session in some))
            failures += [error for error in found if error is not None]
            if any(isinstance(error, BackendRateLimited | SecretKeyRefused) for error in failures):
                break  # Clerk says no to everything now: who asks has to be able to ask again
            if sum(_is_outage(error) for error in failures) >= _MOST_OUTAGES:
                await asyncio.gather(*(self._end_later(session.id) for session in waiting))
                break
        if failures:
            # That a session goes on matters more than who has been told that another does not.
            raise min(failures, key=lambda error: isinstance(error, StoreUnavailable))

    async def _failure_to_end(self, session_id: str) -> BackendError | None:
        try:
            with suppress(ResourceNotFound):
                await self._end(session_id)
        except BackendError as error:
            return error
        return None

    async def _end(self, session_id: str) -> None:
        path_segment(session_id)
        await self._errands.run(
            self._tell_clerk(session_id, or_at_worst=partial(self._end_later, session_id))
        )

    async def _end_later(self, session_id: str) -> None:
        """Refuse a session now, and keep asking Clerk to end it."""
        refuse = partial(self._revocations.end_session, session_id)

        async def attempt() -> None:
            with suppress(StoreUnavailable):
                await refuse()  # the memory of it must not end before
            await self._tell_clerk(session_id, or_at_worst=refuse)

        self._errands.try_afterwards(session_id, attempt)
        with suppress(StoreUnavailable):  # told as soon as the store can be reached
            await refuse()

    async def _tell_clerk(
        self, session_id: str, *, or_at_worst: Callable[[], Awaitable[None]]
    ) -> None:
        async def announce(_: object = None) -> None:
            await self._revocations.end_session(session_id)

        await shut_out(
            lambda: self._official.ask(
                Session,
                lambda clerk: clerk.sessions.revoke_async(session_id=session_id),
                repeatable=True,
            ),
            announce,
            or_at_worst=or_at_worst,
            if_gone=announce,
        )

    async def _signed_in(
        self, *, user_id: str | None = None, client_id: str | None = None
    ) -> tuple[Session, ...]:
        # Clerk does not choose by "pending", so that all have to be looked through.
        whose = self.list(user_id=user_id, client_id=client_id, status=None, limit=LONGEST_PAGE)
        return tuple([session async for session in whose if session.status not in _OVER])


def _is_outage(error: BackendError) -> bool:
    return may_be_done(error) and not isinstance(error, StoreUnavailable)
