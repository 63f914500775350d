"""What every object of Clerk's is: typed where it matters, open to more, and discreet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr

from clerk_fastapi.protocol.identity import Name, Text

__all__ = ["Count", "Flag", "Metadata", "Milliseconds", "Name", "Resource", "Several", "Text"]

_T = TypeVar("_T")

_PRIVATE: Final = "private_metadata"
_NEVER_KEPT: Final = frozenset({"backup_codes"})

# Everything that may decide about access is strict: "false" is not false, and 1 is not true.
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True)]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=8_640_000_000_000_000)]
"""Since the epoch; the latest are the latest that JavaScript knows."""
Several = Annotated[tuple[_T, ...], BeforeValidator(lambda said: () if said is None else said)]
"""A list, which Clerk sometimes leaves out or says is null."""
Metadata = Annotated[dict[str, Any], BeforeValidator(lambda said: {} if said is None else said)]
"""A JSON object of the application's own."""


class Resource(BaseModel):
    """An object as Clerk describes it; names are those on the wire, times are in milliseconds.

    What is not said is ``None`` or empty, and what nobody declared is kept. Private metadata is
    never shown: it is no field, so that it is in no ``dict()``, dump, JSON, schema or response, but
    whoever asks for the attribute ``private_metadata`` by its name gets it, from copies, too. No
    values are printed.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    _private_metadata: dict[str, Any] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        """Put aside what is private."""
        self._put_aside()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy it, as discreet as it is."""
        copied = super().model_copy(update=update, deep=deep)
        copied._put_aside()
        return copied

    def _put_aside(self) -> None:
        undeclared = self.__pydantic_extra__ or {}
        for name in _NEVER_KEPT:
            undeclared.pop(name, None)
        private = undeclared.pop(_PRIVATE, None)
        if private is None:
            return
        if not isinstance(private, dict):
            raise ValueError("Private metadata is a JSON object.")
        self._private_metadata = private

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __str__(self) -> str:
        return repr(self)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return ()  # other pretty printers ask for these
