"""What every event has in common, whatever it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator
from typing_extensions import TypeVar

from clerk_fastapi.protocol.resource import Milliseconds, Name, Resource, Text, drop_private

__all__ = ["DataT", "Event", "EventAttributes", "HttpRequest", "UnknownEvent"]

DataT = TypeVar("DataT", default=Any, covariant=True)


class HttpRequest(Resource):
    """The request to Clerk that caused an event."""

    client_ip: Text | None = None
    user_agent: Text | None = None


class EventAttributes(Resource):
    """How an event came about."""

    http_request: HttpRequest | None = None


class Event(BaseModel, Generic[DataT], frozen=True):
    """Something that happened at Clerk: its ``type``, and ``data``, the object it happened to.

    Events can arrive twice, and in another order than they happened in: ``timestamp`` says when, in
    milliseconds. No values are printed but the type, and private metadata of what nobody declared
    is not kept.
    """

    model_config = ConfigDict(extra="allow", defer_build=True, hide_input_in_errors=True)

    object: Literal["event"]
    type: Name
    data: DataT
    timestamp: Milliseconds | None = None
    instance_id: Text | None = None
    event_attributes: EventAttributes | None = None

    @model_validator(mode="after")
    def _is_discreet(self) -> Self:
        drop_private(self)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type!r}>"

    def __str__(self) -> str:
        return repr(self)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return ()  # other pretty printers ask for these


class UnknownEvent(Event[dict[str, Any]], frozen=True):
    """An event of a type that Clerk has added since; ``data`` is as it came, but for secrets."""
