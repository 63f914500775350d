"""What belongs to the answer of a request, told to whoever sends it."""

from __future__ import annotations

from typing import Any, Final

from clerk_fastapi.engine.state import State

__all__ = ["ANSWER", "Answer"]

ANSWER: Final = "clerk_fastapi.answer"
"""Where a scope holds an :class:`Answer`, if somebody sees to it."""


class Answer:
    """Collects what was decided while a request was served.

    ``cookies`` are values of ``Set-Cookie``: those of renewed sessions, but not those of a
    handshake, which belong to the redirect alone. ``state`` is the latest state that was decided.
    ``in_development`` tells whether the instance is one for development, where more may be said,
    and ``is_explained`` whether the answer shall say why somebody was not signed in. ``headers``
    are those that tell of rate limits.
    """

    __slots__ = ("cookies", "headers", "in_development", "is_explained", "state")

    def __init__(self) -> None:
        self.cookies: list[str] = []
        self.headers: dict[str, str] = {}
        self.is_explained = False
        self.state: State[Any] | None = None
        self.in_development = False

    def add(self, cookies: tuple[str, ...]) -> None:
        """Have the answer carry these cookies, each once."""
        self.cookies.extend(cookie for cookie in cookies if cookie not in self.cookies)
