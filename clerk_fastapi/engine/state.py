"""What a request turned out to be: signed in, signed out, or in need of a handshake."""

from __future__ import annotations

from typing import Generic, Literal, Protocol, TypeAlias

from typing_extensions import TypeVar

from clerk_fastapi.errors import TokenError
from clerk_fastapi.protocol.machine import TokenType

__all__ = ["Handshake", "SignedIn", "SignedOut", "State", "Who"]


class Who(Protocol):
    """Whoever was believed: every auth object is one."""

    @property
    def token_type(self) -> TokenType:
        """The kind of token."""
        ...


AuthT = TypeVar("AuthT", bound=Who, covariant=True)


class SignedIn(Generic[AuthT]):
    """Somebody, or some machine, stands behind the request; ``auth`` says who.

    ``cookies`` are values of ``Set-Cookie`` that belong to the answer, if the session was just
    renewed. With a ``location`` the browser is sent there (307) before the page is shown.
    """

    __slots__ = ("auth", "cookies", "location", "token_type")

    status: Literal["signed-in"] = "signed-in"
    reason: None = None

    def __init__(
        self, auth: AuthT, cookies: tuple[str, ...] = (), location: str | None = None
    ) -> None:
        self.auth = auth
        self.token_type: TokenType = auth.token_type
        self.cookies = cookies
        self.location = location


class SignedOut:
    """Nobody that can be believed stands behind the request; ``error`` says why.

    ``reason`` is what Clerk's own SDKs call it: for a token that has expired it also tells why the
    session could not be renewed. ``cookies`` and ``location`` are as in :class:`SignedIn`.
    """

    __slots__ = ("cookies", "error", "location", "reason", "token_type")

    status: Literal["signed-out"] = "signed-out"

    def __init__(
        self,
        error: TokenError,
        reason: str | None = None,
        cookies: tuple[str, ...] = (),
        location: str | None = None,
        token_type: TokenType | None = "session_token",
    ) -> None:
        self.error = error
        self.reason = reason or error.code
        self.cookies = cookies
        self.location = location
        self.token_type: TokenType | None = token_type


class Handshake:
    """Nobody knows before the browser has been to ``location`` (307) and back.

    ``cookies`` are values of ``Set-Cookie`` that belong to the redirect; ``error`` is what it would
    be without one.
    """

    __slots__ = ("cookies", "error", "location", "reason")

    status: Literal["handshake"] = "handshake"
    token_type: TokenType = "session_token"

    def __init__(
        self, error: TokenError, reason: str, location: str, cookies: tuple[str, ...]
    ) -> None:
        self.error = error
        self.reason = reason
        self.location = location
        self.cookies = cookies


State: TypeAlias = SignedIn[AuthT] | SignedOut | Handshake
