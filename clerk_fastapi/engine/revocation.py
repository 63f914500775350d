"""Instant revocation: who is refused although their tokens are still good."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from clerk_fastapi.errors import ConfigurationError, SessionEnded, StoreUnavailable, TokenExpired
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.revocation import FOREVER, Revocation
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import Store

__all__ = ["Revocations"]

_ID = re.compile(r"[\x21-\x7e]{1,256}")


class Revocations:
    """Sessions and users that are refused at once, in all workers: ``clerk.revocations``.

    Fed by webhooks and by ``clerk.sessions`` and ``clerk.users``; feed it yourself with what you
    know from elsewhere. Nothing of it is told to Clerk.

    :param store: where workers meet.
    :param ledger: what this process knows.
    :param clock: tells the time in seconds since the epoch.
    :param longest_token: seconds from the issue of a session token, after which it is refused in
        any case; ``None`` for no such limit.
    :param memory: seconds for which a revocation is remembered.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        clock: Callable[[], float],
        *,
        longest_token: float | None,
        memory: float,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._longest_token = longest_token
        self._memory = memory

    @property
    def is_behind(self) -> bool:
        """Whether other workers may have revoked something that is not known here yet."""
        return self._store.is_behind

    def check(self, identity: Identity) -> None:
        """Refuse whoever is revoked; nobody is asked for it.

        :raises SessionEnded: if the session or its user is.
        :raises TokenExpired: if the token is older than revocations are remembered.
        :raises StoreUnavailable: if nobody can know, and the store is not to ``continue`` then.
        """
        self.check_ended(identity)
        longest = self._longest_token
        if longest is not None and identity.issued_at + longest < self._clock():
            raise TokenExpired(
                "The token is older than revocations are remembered (longest_token); fetch a "
                "fresh one with getToken()."
            )

    def check_ended(self, identity: Identity) -> None:
        """Refuse whoever is revoked, however old the token is by the clock of this machine.

        :raises SessionEnded: if the session or its user is.
        :raises StoreUnavailable: if nobody can know, and the store is not to ``continue`` then.
        """
        self._check(identity.session_id, identity.user_id)

    def check_owner(self, subject: str) -> None:
        """Refuse the token of a machine whose owner, such as a user, is revoked.

        :raises SessionEnded: if so.
        :raises StoreUnavailable: if nobody can know, and the store is not to ``continue`` then.
        """
        self._check(subject, subject)

    async def end_session(self, session_id: str) -> None:
        """Refuse all tokens of a session, for good.

        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        await self._announce(session_id, True, FOREVER)

    async def block_user(self, user_id: str, *, version: int | None = None) -> None:
        """Refuse all tokens of a user, as after a ban or a lock.

        :param version: milliseconds since the epoch at which that was decided, such as Clerk's
            ``updated_at``: what is known of a later date counts instead. By default now.
        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        await self._announce(user_id, True, self._date(version))

    async def unblock_user(self, user_id: str, *, version: int | None = None) -> None:
        """Accept the tokens of a user again; the parameters are those of :meth:`block_user`."""
        await self._announce(user_id, False, self._date(version))

    async def remove_user(self, user_id: str) -> None:
        """Refuse all tokens of a user who was deleted, for good.

        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        await self._announce(user_id, True, FOREVER)

    def _check(self, session_id: str, user_id: str) -> None:
        if self._store.is_behind and self._store.on_outage == "refuse":
            raise StoreUnavailable
        if self._ledger.is_revoked(session_id, user_id):
            raise SessionEnded

    def _date(self, version: int | None) -> int:
        return int(self._clock() * 1000) if version is None else min(version, FOREVER - 1)

    async def _announce(self, subject: str, is_revoked: bool, version: int) -> None:
        if not isinstance(subject, str) or not _ID.fullmatch(subject):
            raise ConfigurationError("The id of a session or user is a text such as 'sess_...'.")
        # Counted from what is reported: a ban that is heard of hours later, when its end has been
        # forgotten, must not begin anew. Tokens from before it have expired by then.
        since = min(version / 1000, self._clock()) if version < FOREVER else self._clock()
        report = Revocation(subject, is_revoked, version, math.ceil(since + self._memory))
        self._ledger.add([report])  # here at once, whatever becomes of the others
        await self._store.announce([report])
