"""What a request turned out to be."""

from __future__ import annotations

from typing import Generic, Literal, TypeAlias

from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.errors import TokenError
from clerk_fastapi.protocol.reading import ClaimsT

__all__ = ["SignedIn", "SignedOut", "State"]


class SignedIn(Generic[ClaimsT]):
    """A verified session stands behind the request."""

    __slots__ = ("auth",)

    status: Literal["signed-in"] = "signed-in"

    def __init__(self, auth: Auth[ClaimsT]) -> None:
        self.auth = auth


class SignedOut:
    """Nobody that can be believed stands behind the request; ``error`` says why."""

    __slots__ = ("error",)

    status: Literal["signed-out"] = "signed-out"

    def __init__(self, error: TokenError) -> None:
        self.error = error

    @property
    def reason(self) -> str:
        """The reason code, Clerk's own wherever Clerk has one."""
        return self.error.code


State: TypeAlias = SignedIn[ClaimsT] | SignedOut
