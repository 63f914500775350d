"""What every object of Clerk's is: typed where it matters, open to more, and discreet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import is_
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from clerk_fastapi.protocol.identity import Name, Text

__all__ = [
    "Count",
    "Flag",
    "Metadata",
    "Milliseconds",
    "Name",
    "Resource",
    "Several",
    "Text",
    "drop_private",
]

_T = TypeVar("_T")

_PRIVATE: Final = "private_metadata"
_NEVER_KEPT: Final = frozenset({"backup_codes", _PRIVATE})
_OF_ONES_OWN: Final = BeforeValidator(lambda said: {} if said is None else said)

# Everything that may decide about access is strict: "false" is not false, and 1 is not true.
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True)]
Milliseconds = Annotated[int, Field(strict=True, ge=0, le=8_640_000_000_000_000)]
"""Since the epoch; the latest are the latest that JavaScript knows."""
Several = Annotated[tuple[_T, ...], BeforeValidator(lambda said: () if said is None else said)]
"""A list, which Clerk sometimes leaves out or says is null."""
Metadata = Annotated[dict[str, Any], _OF_ONES_OWN]
"""A JSON object of the application's own, which is kept as it is."""


class Resource(BaseModel):
    """An object as Clerk describes it; names are those on the wire, times are in milliseconds.

    What is not said is ``None`` or empty, and what nobody declared is kept. Private metadata is
    never shown: it is no field, so that it is in no ``dict()``, dump, JSON, schema or response, but
    whoever asks for the attribute ``private_metadata`` by its name gets it, from copies, too. That
    of objects inside that nobody declared is not kept, nor are backup codes. No values are printed.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    _private_metadata: dict[str, Any] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any, /) -> None:
        """Put aside what is private."""
        self._put_aside()

    @model_validator(mode="after")
    def _is_discreet(self) -> Self:
        self._put_aside()  # models of applications may have a model_post_init of their own
        return self

    @classmethod
    def model_construct(cls, _fields_set: set[str] | None = None, **values: Any) -> Self:
        """Make it without reading it, as discreet as any other."""
        made = super().model_construct(_fields_set, **values)
        made._put_aside()
        return made

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Copy it, as discreet as it is."""
        copied = super().model_copy(update=update, deep=deep)
        copied._put_aside()
        return copied

    def _put_aside(self) -> None:
        private = (self.__pydantic_extra__ or {}).pop(_PRIVATE, None)
        drop_private(self)
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


def drop_private(model: BaseModel) -> None:
    """Drop what nobody may see in passing from JSON that a model holds, at whatever depth it is.

    Metadata of an application's own is left alone.
    """
    said, fields = vars(model), type(model).model_fields
    for name in said.keys() & fields.keys():
        if _OF_ONES_OWN not in fields[name].metadata:
            said[name] = _kept(said[name])
    if model.__pydantic_extra__:
        model.__pydantic_extra__ = _kept(model.__pydantic_extra__)


def _kept(said: Any) -> Any:
    """JSON without what is not kept: a copy, if there is any of that in it."""
    if isinstance(said, dict):
        kept = {name: _kept(value) for name, value in said.items() if name not in _NEVER_KEPT}
        is_same = len(kept) == len(said) and all(map(is_, kept.values(), said.values()))
        return said if is_same else kept
    if type(said) in (list, tuple):
        items = [_kept(each) for each in said]
        return said if all(map(is_, items, said)) else type(said)(items)
    return said
