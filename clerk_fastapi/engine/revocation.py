"""Instant revocation: who is refused although their tokens are still good."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

from clerk_fastapi.errors import ConfigurationError, SessionEnded, StoreUnavailable, TokenExpired
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.machine import MachineToken
from clerk_fastapi.protocol.revocation import FOREVER, Revocation
from clerk_fastapi.stores.ledger import Ledger
from clerk_fastapi.stores.store import Store

__all__ = ["Revocations"]

_ID: Final = re.compile(r"[\x21-\x7e]{1,256}")
_BY_HAND: Final = "by-hand:"
_OWNER_IS_GONE: Final = (
    "The user in whose name this token is was deleted, banned or locked; get one of somebody else."
)
_LONGEST_LOCK: Final = 31 * 86_400


class Revocations:
    """Sessions and users that are refused at once, in all workers: ``clerk.revocations``.

    Fed by webhooks and by ``clerk.sessions`` and ``clerk.users``; feed it yourself with what you
    know from elsewhere. Nothing of it is told to Clerk.

    :param store: where workers meet.
    :param ledger: what this process knows.
    :param clock: tells the time in seconds since the epoch.
    :param longest_token: seconds from the issue of a session token, after which it is refused in
        any case; ``None`` for no such limit.
    :param memory: seconds for which the end of a session is remembered.
    :param memory_of_users: seconds for which it is remembered that a user is shut out.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        clock: Callable[[], float],
        *,
        longest_token: float | None,
        memory: float,
        memory_of_users: float,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._longest_token = longest_token
        self._memory = memory
        self._memory_of_users = memory_of_users

    @property
    def is_behind(self) -> bool:
        """Whether other workers may have revoked something that is not known here yet."""
        return self._store.is_behind

    def check(self, identity: Identity) -> None:
        """Refuse whoever is revoked; nobody is asked for it.

        :raises SessionEnded: if the session is, or its user, or who is acting in their place.
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

        :raises SessionEnded: if the session is, or its user, or who is acting in their place.
        :raises StoreUnavailable: if nobody can know, and the store is not to ``continue`` then.
        """
        self.check_subjects(identity.session_id, identity.user_id, identity.actor_id)

    def check_machine(self, machine: MachineToken) -> None:
        """Refuse the token of a machine if the user whose it is, or who acts with it, is shut out.

        :raises SessionEnded: if so.
        :raises StoreUnavailable: if nobody can know, and the store is not to ``continue`` then.
        """
        actor = None if machine.actor is None else machine.actor.sub
        try:
            self.check_subjects(machine.subject, actor)
        except SessionEnded:
            raise SessionEnded(_OWNER_IS_GONE) from None

    def check_subjects(self, *subjects: str | None) -> None:
        """Refuse certain sessions and users.

        :raises SessionEnded: if one of them is revoked.
        :raises StoreUnavailable: if nobody can know, and the store is not to ``continue`` then.
        """
        ledger = self._ledger
        if ledger:
            for subject in subjects:
                if subject is not None and (
                    ledger.has_revoked(subject) or ledger.has_revoked(_BY_HAND + subject)
                ):
                    raise SessionEnded
        if self._store.is_behind and self._store.on_outage == "refuse":
            raise StoreUnavailable

    async def end_session(self, session_id: str) -> None:
        """Refuse all tokens of a session, for good.

        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        await self._announce(session_id, True, FOREVER, self._clock() + self._memory)

    async def remove_user(self, user_id: str) -> None:
        """Refuse all tokens of a user who was deleted, for good.

        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        await self._announce(user_id, True, FOREVER, self._clock() + self._memory_of_users)

    async def report_user(
        self, user_id: str, *, is_shut_out: bool, version: int, until: float | None = None
    ) -> None:
        """Take note of what Clerk says of a user.

        :param is_shut_out: whether they are banned or locked, so that their tokens are refused.
        :param version: milliseconds since the epoch at which it became so: of two reports the later
            counts, in whichever order they come, and one that comes very late changes nothing.
        :param until: seconds since the epoch at which that ends by itself, as a lock may.
        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        now, date = self._clock(), min(version, FOREVER - 1)
        # That nothing is wrong with a user is said at each of their sign-ins, and matters only for
        # older reports that are late.
        memory = self._memory_of_users if is_shut_out else self._memory
        expires_at = min(date / 1000, now) + memory
        if is_shut_out and until is not None:
            is_shut_out = until > now
            if is_shut_out:
                expires_at = min(until, now + _LONGEST_LOCK)
        await self._announce(user_id, is_shut_out, date, expires_at)

    async def block_user(self, user_id: str) -> None:
        """Refuse all tokens of a user, whatever Clerk says of them, until they are unblocked.

        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        await self._by_hand(user_id, is_blocked=True)

    async def unblock_user(self, user_id: str) -> None:
        """Take back a block by hand; who is banned or locked at Clerk stays shut out.

        :raises ConfigurationError: if that is no id.
        :raises StoreUnavailable: if other workers can only be told later; this one knows already.
        """
        await self._by_hand(user_id, is_blocked=False)

    async def _by_hand(self, user_id: str, *, is_blocked: bool) -> None:
        now = self._clock()
        subject = f"{_BY_HAND}{user_id}"
        await self._announce(subject, is_blocked, int(now * 1000), now + self._memory_of_users)

    async def _announce(
        self, subject: str, is_revoked: bool, version: int, expires_at: float
    ) -> None:
        if not isinstance(subject, str) or not _ID.fullmatch(subject):
            raise ConfigurationError("The id of a session or user is a text such as 'sess_...'.")
        report = Revocation(subject, is_revoked, version, math.ceil(expires_at))
        self._ledger.add([report])  # here at once, whatever becomes of the others
        await self._store.announce([report])
