"""403: known, but not allowed."""

from __future__ import annotations

from typing import Protocol

from clerk_fastapi.errors.root import ClerkError

__all__ = [
    "AccessDenied",
    "Demand",
    "ReverificationRequired",
]


class Demand(Protocol):
    """What a route demanded, able to say so: every ``Requirement`` is one."""

    def describe(self) -> str:
        """Say it in words."""
        ...

    def to_json(self) -> dict[str, object]:
        """Say it to programs."""
        ...


class AccessDenied(ClerkError):
    """Signed in, but something that the route demands is missing."""

    code = "permission-denied"
    status = 403
    sentence = "You are not allowed to do this."

    def __init__(self, missing: Demand) -> None:
        super().__init__(f"This needs {missing.describe()}.")
        self.missing = missing


class ReverificationRequired(AccessDenied):
    """The user must prove once more who they are; the browser SDK asks them when it sees this."""

    code = "reverification-error"
