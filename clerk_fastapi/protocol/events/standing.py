"""What events decide about who may come in: the little of them that is read first, and strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from clerk_fastapi.protocol.events.families import UserDeletedEventType, UserEventType
from clerk_fastapi.protocol.events.reading import validated
from clerk_fastapi.protocol.resource import Flag

__all__ = ["EndedSession", "RemovedUser", "UserStanding", "read_standing"]

_ENDS_SESSION: Final = ("session.ended", "session.removed", "session.revoked")
_REMOVES_USER: Final = get_args(UserDeletedEventType)
_DESCRIBES_USER: Final = get_args(UserEventType)

_LATEST: Final = 8_640_000_000_000_000  # that JavaScript knows, in milliseconds
_LONGEST: Final = 1_000_000_000  # seconds; clocks do not overflow by it


class EndedSession(NamedTuple):
    """A session that is over."""

    id: str


class RemovedUser(NamedTuple):
    """A user who is gone."""

    id: str


class UserStanding(NamedTuple):
    """Whether a user is shut out, as far as it is said.

    ``at`` is when it became so, in milliseconds since the epoch, and ``locked_for`` how many
    seconds from then on a lock lasts; without it, until somebody takes it off.
    """

    id: str
    is_banned: bool | None
    is_locked: bool | None
    locked_for: float | None
    at: int | None


def read_standing(said: Mapping[str, Any]) -> EndedSession | RemovedUser | UserStanding | None:
    """Read what an event decides; most decide nothing.

    Whatever else is in it may be odd: that lets nobody in who is shut out.

    :param said: what the body says, with its ``type``.
    :raises WebhookBodyInvalid: if what decides is missing or of the wrong type.
    """
    kind = said["type"]
    if kind in _ENDS_SESSION:
        return EndedSession(validated(_AboutSomething, said).data.id)
    if kind in _REMOVES_USER:
        return RemovedUser(validated(_AboutSomething, said).data.id)
    if kind in _DESCRIBES_USER:
        about = validated(_AboutUser, said)
        user = about.data
        # The time of the event is that of the change, and the same whenever it is delivered again;
        # not every change moves that of the user.
        at = user.updated_at if about.timestamp is None else about.timestamp
        return UserStanding(user.id, user.banned, user.locked, user.lockout_expires_in_seconds, at)
    return None


def _number(said: object) -> int | float | None:
    return said if isinstance(said, int | float) and not isinstance(said, bool) else None


def _date(said: object) -> int | None:
    number = _number(said)
    return None if number is None or not 0 <= number <= _LATEST else int(number)


def _duration(said: object) -> float | None:
    number = _number(said)
    return None if number is None else float(min(max(number, 0), _LONGEST))


# What tells only when, or for how long, is no reason to refuse the rest.
_Date = Annotated[int | None, BeforeValidator(_date)]
_Duration = Annotated[float | None, BeforeValidator(_duration)]
_Id = Annotated[str, Field(strict=True, pattern=r"^[\x21-\x7e]{1,256}$")]


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, defer_build=True, hide_input_in_errors=True)


class _Something(_Read):
    id: _Id


class _User(_Something):
    banned: Flag | None = None
    locked: Flag | None = None
    lockout_expires_in_seconds: _Duration = None
    updated_at: _Date = None


class _AboutSomething(_Read):
    data: _Something


class _AboutUser(_Read):
    data: _User
    timestamp: _Date = None
