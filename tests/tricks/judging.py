"""The oracle: who may be answered how, going by the same application without any policy."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tests.tricks.declared import FILES, Level, Reached

__all__ = ["Outcome", "complaint"]

_REFUSALS = {
    Level.PUBLIC: {401, 307},  # a page that is refused leads to the sign-in page
    Level.SIGNED_IN: {403},
    Level.ADMIN: set[int](),
}


@dataclass(frozen=True)
class Outcome:
    """What a request came to: the answer, and the handlers that were reached."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    reached: tuple[Reached, ...] = ()

    @classmethod
    def read(cls, answer: bytes) -> "Outcome":
        """Read an answer as it came over the wire; none at all has no status."""
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        if not first:
            return cls()
        pairs = [line.partition(":")[::2] for line in lines]
        headers = tuple((name.strip().lower(), value.strip()) for name, value in pairs)
        return cls(int(first.split(" ")[1]), headers, body)

    def with_reached(self, noted: Iterable[Reached]) -> "Outcome":
        """Add the handlers that were reached; files are told by what they look like."""
        files = []
        headers = dict(self.headers)
        if "etag" in headers:
            whole = headers.get("content-range", "").rpartition("/")[2]
            files.append(FILES[int(whole or headers["content-length"])])
        return replace(self, reached=(*noted, *files))

    @property
    def seen(self) -> object:
        """What must be the same with policies as without."""
        headers = dict(self.headers)
        told = [headers.get(name) for name in ("location", "allow", "content-type", "vary")]
        return self.status, told, self.body, self.reached


def complaint(caller: Level, plain: Outcome, guarded: Outcome) -> str | None:
    """Say what is wrong with an answer, if anything is.

    :param plain: what the same request comes to where nothing is protected.
    """
    for name, level in guarded.reached:
        if caller < level:
            return f"WRONG YES: {caller.name} reached {name}"
    needed = max((level for _, level in plain.reached), default=None)
    if needed is not None and caller < needed:
        if guarded.status in _REFUSALS[caller]:
            return None
        return f"ODD NO: {caller.name} was answered {guarded.status} instead of {needed.name}'s"
    if guarded.seen == plain.seen:
        return None
    # Where no handler is reached anyway, a route may refuse before it says 404 or 405.
    if needed is None and guarded.status in _REFUSALS[caller]:
        return None
    return f"WRONG NO: {caller.name} got {guarded.seen!r} instead of {plain.seen!r}"
