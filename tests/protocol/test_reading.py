"""Claims that an application declares: they add to what Clerk says and rewrite none of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)

from clerk_fastapi import ConfigurationError, SessionClaims
from clerk_fastapi.errors import CustomClaimsInvalid
from clerk_fastapi.protocol.claims import check_claims_model
from clerk_fastapi.protocol.reading import ClaimsReader
from clerk_fastapi.testing import ABSENT
from clerk_fastapi.testing.tokens import to_json
from tests.protocol.material import claims, identity_of


class Metadata(BaseModel):
    """What an application keeps in the public metadata of its users."""

    plan: str = "free"


class Custom(SessionClaims):
    """What "Customize session token" adds."""

    metadata: Metadata = Metadata()
    email: str | None = None


def test_custom_claims_are_typed_at_any_depth() -> None:
    """A subclass says what an application's own claims look like."""
    check_claims_model(Custom)
    said = Custom.model_validate_json(to_json(claims(metadata={"plan": "pro"}, more=1)))
    assert said.metadata.plan == "pro"
    assert said.email is None
    assert said.model_extra == {"more": 1}
    assert said.sub == "user_1"


class Mixin(BaseModel):
    """Declares a standard claim where nobody looks at first."""

    sid: str = "sess_0"


class Renamed(SessionClaims):
    """Gives custom claims Python names of their own."""

    model_config = ConfigDict(populate_by_name=True, title="Renamed")

    user_plan: Annotated[str, Field(alias="https://example.com/plan")] = "free"


class Inherited(Custom):
    """Adds to what was added."""

    locale: str = "en"


@pytest.mark.parametrize("model", [SessionClaims, Custom, Renamed, Inherited])
def test_models_that_only_add_are_accepted(model: type[SessionClaims]) -> None:
    """Defaults, aliases and further subclasses are fine."""
    check_claims_model(model)


def tampered(name: str) -> Any:
    """A model that would change what Clerk says, made where a test asks for it."""
    match name:
        case "no model":
            return dict
        case "other model":
            return Metadata
        case "instance":
            return Custom.model_validate_json(to_json(claims()))
        case "nothing":
            return None
        case "default":
            return type("Tampered", (SessionClaims,), {"__annotations__": {"sid": str}, "sid": "x"})
        case "wider type":
            return type("Tampered", (SessionClaims,), {"__annotations__": {"exp": Any}})
        case "alias":
            annotations = {"sub": Annotated[str, Field(alias="user")]}
            return type("Tampered", (SessionClaims,), {"__annotations__": annotations})
        case "mixin":
            return type("Tampered", (Mixin, SessionClaims), {})
        case "grandchild":
            child = type("Child", (SessionClaims,), {"__annotations__": {"org_id": str | None}})
            return type("Tampered", (child,), {})
        case setting:
            value: Any = str.upper if setting == "alias_generator" else True
            config = ConfigDict(**{setting: value})  # type: ignore[misc]  # one of the known names
            return type("Tampered", (SessionClaims,), {"model_config": config})


@pytest.mark.parametrize(
    "name",
    [
        "no model",
        "other model",
        "instance",
        "nothing",
        "default",
        "wider type",
        "alias",
        "mixin",
        "grandchild",
        "alias_generator",
        "coerce_numbers_to_str",
        "str_strip_whitespace",
        "str_to_lower",
        "str_to_upper",
    ],
)
def test_models_that_rewrite_standard_claims_are_refused(name: str) -> None:
    """What Clerk says of a user is not for an application to change, not even by accident."""
    with pytest.raises(ConfigurationError):
        check_claims_model(tampered(name))


def test_rewriting_model_changes_no_decision() -> None:
    """A validator that slips through changes what a handler sees, and nobody's rights."""

    class Sly(SessionClaims):
        @field_validator("sub", "org_role", mode="before")
        @classmethod
        def rewrite(cls, value: object) -> str:
            return "org:owner"

    payload = to_json(claims(org_role="org:member", org_id="org_1"))
    assert Sly.model_validate_json(payload).org_role == "org:owner"
    assert identity_of(payload).org_role == "org:member"
    assert identity_of(payload).user_id == "user_1"


# --- checked in one pass, read in another ---------------------------------------------------------


class Shape(BaseModel):
    """Something nested, with a choice in it."""

    kind: Literal["a", "b"] = "a"
    size: int = 0


FIELDS: dict[str, tuple[Any, Any]] = {
    "number": (int, 0),
    "optional": (int | None, None),
    "never_null": (str, None),
    "strict": (Annotated[int, Field(strict=True)], 0),
    "bounded": (Annotated[int, Field(gt=5)], 9),
    "text": (Annotated[str, Field(max_length=3)], ""),
    "numbers": (list[int], Field(default_factory=list)),
    "mapping": (dict[str, int], {}),
    "model": (Shape, Shape()),
    "either": (Shape | int, 0),
    "before": (Annotated[int, BeforeValidator(lambda value: value or 1)], 1),
    "moment": (datetime, datetime(2000, 1, 1)),
    "depends": (str, Field(default_factory=lambda data: data["sub"])),
    "aliased": (Annotated[int, Field(alias="name")], 0),
    "aliased_twice": (Annotated[int, Field(validation_alias=AliasChoices("name", "other"))], 0),
    "buried": (Annotated[int, Field(validation_alias=AliasPath("name", "size"))], 0),
}
VALUES: list[object] = [
    *(ABSENT, None, 0, 1, 6, 1.5, 10**30, True, "", "1", "abcd", "2020-01-01T00:00:00Z"),
    *([], [1], ["a"], {}, {"a": 1}, {"kind": "b", "size": 1}, {"kind": "c"}, {"size": "x"}),
]


@pytest.mark.parametrize("needed", [False, True])
@pytest.mark.parametrize("name", FIELDS)
def test_what_fits_can_be_read(name: str, needed: bool) -> None:
    """A token that a guard lets through never turns out unreadable in a handler."""
    annotation, default = FIELDS[name]
    members = {"__annotations__": {name: annotation}} | ({} if needed else {name: default})
    reader = ClaimsReader(type("Model", (SessionClaims,), members))
    for wire_name in (name, "name", "other"):
        for value in VALUES:
            payload = to_json(claims(**{wire_name: value}))
            assert outcome(reader.identify, payload) == outcome(reader.read, payload), value


def outcome(read: Callable[[bytes], object], payload: bytes) -> str:
    """Whether a payload fits."""
    try:
        read(payload)
    except CustomClaimsInvalid as error:
        return error.code
    return "fits"
