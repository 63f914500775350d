"""What a request turned out to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias

from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.errors import TokenError
from clerk_fastapi.protocol.custom import ClaimsT

__all__ = ["SignedIn", "SignedOut", "State"]


@dataclass(frozen=True, slots=True)
class SignedIn(Generic[ClaimsT]):
    """A verified session stands behind the request."""

    auth: Auth[ClaimsT]
    status: Literal["signed-in"] = "signed-in"


@dataclass(frozen=True, slots=True)
class SignedOut:
    """Nobody that can be believed stands behind the request; ``error`` says why."""

    error: TokenError
    status: Literal["signed-out"] = "signed-out"

    @property
    def reason(self) -> str:
        """The reason code, Clerk's own wherever Clerk has one."""
        return self.error.code


State: TypeAlias = SignedIn[ClaimsT] | SignedOut
