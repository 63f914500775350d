"""Who is listening for whose changes, in this one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from anyio.from_thread import run_sync
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from example_app.owner import Owner

Event = dict[str, Any]

BACKLOG = 100
"""Events that may wait for one slow listener before it is let go."""


class Hub:
    """Listeners by owner. Several processes would put a message broker in its place."""

    def __init__(self) -> None:
        self._listeners: dict[Owner, set[MemoryObjectSendStream[Event]]] = {}

    @contextmanager
    def listen(self, owner: Owner) -> Iterator[MemoryObjectReceiveStream[Event]]:
        """The coming events of one owner; the stream ends early when its reader is too slow."""
        inlet, outlet = anyio.create_memory_object_stream[Event](BACKLOG)
        listeners = self._listeners.setdefault(owner, set())
        listeners.add(inlet)
        try:
            with inlet, outlet:
                yield outlet
        finally:
            listeners.discard(inlet)
            if not listeners:
                self._listeners.pop(owner, None)

    def announce(self, owner: Owner, event: Event) -> None:
        """Tell the owner's listeners; called from an endpoint's thread, after the commit."""
        run_sync(self._deliver, owner, event)

    def _deliver(self, owner: Owner, event: Event) -> None:
        for inlet in self._listeners.get(owner, ()):
            try:
                inlet.send_nowait(event)
            except (anyio.WouldBlock, anyio.ClosedResourceError):
                inlet.close()
