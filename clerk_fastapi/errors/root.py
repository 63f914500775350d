"""The root of every error, and its first branches."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ClerkError",
    "ConfigurationError",
    "TokenError",
]


class ClerkError(Exception):
    """The root of every error this package raises.

    ``code`` is stable and fit for programs, ``status`` is the HTTP status it becomes, and
    ``message`` is one sentence for people, with the cure in it.
    """

    code: ClassVar[str] = "clerk-error"
    status: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something went wrong while talking to Clerk."

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.sentence
        super().__init__(self.message)


class ConfigurationError(ClerkError):
    """A developer's or operator's mistake, found at start-up and said with its cure."""

    code = "configuration-error"
    sentence = "The Clerk configuration is wrong."


class TokenError(ClerkError):
    """A credential that is missing or not believed; ``code`` is the reason."""

    code = "token-verification-failed"
    status = 401
    sentence = "The session token could not be verified; sign in again."
