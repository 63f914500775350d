"""What happens at an instance, as Clerk tells it: one event for each change, in order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from clerk_fastapi.testing.signing import new_id

__all__ = ["MOST_MESSAGES", "Events", "Message"]

MOST_MESSAGES: Final = 10_000
"""How many are kept; older ones are forgotten, whether they were delivered or not."""

# A change made in Python has no request that asked for it.
_NO_REQUEST: Final = {"http_request": {"client_ip": "", "user_agent": ""}}


@dataclass(frozen=True)
class Message:
    """An event on its way: ``body`` is what every endpoint gets, under the same id each time."""

    id: str
    type: str
    body: bytes = field(repr=False)


class Events:
    """The events of an instance, oldest first, and those who want to hear of them.

    :param clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._listeners: list[Callable[[Message], None]] = []
        self.instance_id = new_id("ins")
        self.messages: deque[Message] = deque(maxlen=MOST_MESSAGES)

    def add(self, type: str, data: Mapping[str, object]) -> None:
        """Tell what happened, as it is now: what ``data`` holds may change afterwards.

        :param type: such as ``session.revoked``.
        :param data: the object it happened to, as the Backend API describes it.
        """
        envelope = {
            "data": data,
            "object": "event",
            "type": type,
            "timestamp": int(self._clock() * 1_000),
            "instance_id": self.instance_id,
            "event_attributes": _NO_REQUEST,
        }
        text = json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))
        message = Message(new_id("msg"), type, text.encode(errors="replace"))
        self.messages.append(message)
        for listener in self._listeners:
            listener(message)

    def listen(self, listener: Callable[[Message], None]) -> None:
        """Call somebody for every event from now on."""
        self._listeners.append(listener)
