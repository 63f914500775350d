"""What must be called before it means anything, and says so if FastAPI calls it instead."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import NoReturn

from clerk_fastapi.errors import ConfigurationError

__all__ = ["UNCALLED", "uncalled"]


def uncalled(cure: str) -> Signature:
    """Make the signature of what cannot be a dependency itself, with a sentence about the cure."""

    class Uncalled:
        @classmethod
        def __get_pydantic_core_schema__(cls, source: object, handler: object) -> NoReturn:
            raise ConfigurationError(cure)

    return Signature([Parameter("call_me", Parameter.POSITIONAL_ONLY, annotation=Uncalled)])


UNCALLED = uncalled(
    'Call it, and make a guard of it: Depends(require_role("org:admin")), or '
    'Depends(require(Permission("org:data:read"))).'
)
"""The signature of makers of guards and of requirements.

After ``Depends(require_role)`` FastAPI would take the maker's parameters for query parameters, so
that callers name their own role, and what it makes for a mere value. With this signature it refuses
to build the route.
"""
