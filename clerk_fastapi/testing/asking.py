"""What a request to the Backend API asks for: its query, its body, and the pages of a list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from clerk_fastapi.testing.answers import Complaint, Refusal, json_body, json_list, not_found

__all__ = [
    "Body",
    "Document",
    "Email",
    "Metadata",
    "Names",
    "Page",
    "Query",
    "asked",
    "chosen",
    "complaints",
    "known",
    "ordered",
    "read",
    "read_several",
]

BodyT = TypeVar("BodyT", bound="Body")
QueryT = TypeVar("QueryT", bound="Query")
RecordT = TypeVar("RecordT")

_MOST_METADATA = 8_192
_MOST_BODIES = 10


def _fitting(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata, ensure_ascii=False).encode()) > _MOST_METADATA:
        raise PydanticCustomError("form_param_exceeds_allowed_size", "is larger than 8 KB")
    return metadata


Document = dict[str, Any]
Metadata = Annotated[Document, AfterValidator(_fitting)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
Names = Annotated[tuple[str, ...], Field(max_length=100)]

_VERSION = "__clerk_api_version"


class Body(BaseModel):
    """The body of a request: JSON of exactly these fields."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Query(BaseModel):
    """The query of a request; a list repeats its name, of other fields the first one counts."""

    model_config = ConfigDict(extra="forbid")


class Page(Query):
    """Which part of a list is asked for."""

    limit: int = Field(10, ge=1, le=500)
    offset: int = Field(0, ge=0)

    def of(self, records: list[RecordT]) -> list[RecordT]:
        """That part."""
        return records[self.offset : self.offset + self.limit]


async def read(request: Request, model: type[BodyT]) -> BodyT:
    """Read the body; none at all is an empty object.

    :raises HTTPException: 400, if it is no JSON object.
    :raises ValidationError: if it is not what the model says.
    """
    body = await json_body(request) if await request.body() else {}
    return model.model_validate_json(_strictly(body))


async def read_several(request: Request, model: type[BodyT]) -> list[BodyT]:
    """Read a body that is a list of such bodies, of ten at the most.

    :raises HTTPException: 400, if it is no JSON array; 422, if they are too many.
    :raises ValidationError: if it is not what the model says.
    """
    bodies = await json_list(request)
    if not 1 <= len(bodies) <= _MOST_BODIES:
        raise Refusal(422, "form_param_value_invalid", f"Send one to {_MOST_BODIES} of them.")
    return [model.model_validate_json(_strictly(body)) for body in bodies]


def asked(request: Request, model: type[QueryT]) -> QueryT:
    """Read the query.

    :raises ValidationError: if it is not what the model says.
    """
    parameters = request.query_params
    several = {
        name for name, field in model.model_fields.items() if get_origin(field.annotation) is tuple
    }
    return model.model_validate(
        {
            name: parameters.getlist(name) if name in several else parameters.getlist(name)[0]
            for name in parameters
            if name != _VERSION
        }
    )


def complaints(error: ValidationError) -> list[Complaint]:
    """Say what is wrong with the parameters of a request, and never what they were."""
    said = []
    for problem in error.errors(include_url=False, include_context=False, include_input=True):
        parameter = str(problem["loc"][0]) if problem["loc"] else None
        absent = problem["type"] == "missing" or problem["input"] is None
        code, reason = "form_param_value_invalid", problem["msg"]
        if absent:
            code, reason = "form_param_nil", "is missing"
        elif problem["type"] == "extra_forbidden":
            code, reason = "form_param_unknown", "is not a parameter of this request"
        elif problem["type"].startswith("form_"):
            code = problem["type"]
        said.append(Complaint(code, f"{parameter}: {reason}.", parameter))
    return said


def known(records: Mapping[str, RecordT], request: Request, parameter: str, kind: str) -> RecordT:
    """Find what the path names by its id.

    :raises HTTPException: 404, if it is not there.
    """
    record = records.get(request.path_params[parameter])
    if record is None:
        raise not_found(kind)
    return record


def chosen(wanted: Iterable[str], held: Iterable[str | None]) -> bool:
    """Whether a filter lets something through that goes by these names.

    ``-name`` excludes; ``name`` and ``+name`` include, and where there are none, all others are in.
    """
    names = set(held)
    excluded = {name[1:] for name in wanted if name.startswith("-")}
    included = {name.removeprefix("+") for name in wanted if not name.startswith("-")}
    return names.isdisjoint(excluded) and (not included or not names.isdisjoint(included))


def ordered(
    records: Iterable[RecordT], order_by: str, fields: Mapping[str, Callable[[RecordT], Any]]
) -> list[RecordT]:
    """Sort by a field, ``-field`` the other way round; of equals, later ones were added later.

    :raises HTTPException: 422, if there is no such field.
    """
    # A plus sign that nobody has escaped arrives as a space.
    field = fields.get(order_by[1:] if order_by[:1] in ("+", "-", " ") else order_by)
    if field is None:
        message = f"order_by: has to be one of {', '.join(fields)}."
        raise Refusal(422, "form_param_value_invalid", message, "order_by")

    def key(record: RecordT) -> tuple[bool, Any]:
        value = field(record)
        return value is None, value

    result = sorted(records, key=key)
    if order_by.startswith("-"):
        result.reverse()
    return result


def _strictly(body: object) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # NaN or half a character: no answer could repeat it
        raise HTTPException(400, "The body has to be JSON.") from None
