"""Users and organizations: all that Clerk says is readable, and private metadata never leaves."""

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from clerk_fastapi.protocol.events.data import Invitation
from clerk_fastapi.protocol.organizations import Membership, Organization
from clerk_fastapi.protocol.resource import Resource
from clerk_fastapi.protocol.users import PhoneNumber, User
from tests.protocol.event_bodies import INVITATION, MEMBERSHIP, ORGANIZATION, USER

KEEPERS: list[tuple[type[Any], dict[str, Any]]] = [
    (User, USER),
    (Organization, ORGANIZATION),
    (Membership, MEMBERSHIP),
    (Invitation, INVITATION),
]
MEMBER = USER | {"organization_memberships": [MEMBERSHIP]}

COPIES: dict[str, Callable[[Any], Any]] = {
    "itself": lambda user: user,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda user: user.model_copy(),
    "deep model_copy": lambda user: user.model_copy(deep=True),
    "changed model_copy": lambda user: user.model_copy(update={"first_name": "Augusta"}),
    "pickle": lambda user: pickle.loads(pickle.dumps(user)),
    "validated again": User.model_validate,
    "through an adapter": TypeAdapter(User).validate_python,
}

DUMPS: dict[str, Callable[[Any], object]] = {
    "dict": dict,
    "vars": vars,
    "model_dump": lambda user: user.model_dump(),
    "model_dump for JSON": lambda user: user.model_dump(mode="json"),
    "model_dump of what was asked for": lambda user: user.model_dump(include={"private_metadata"}),
    "model_dump for a round trip": lambda user: user.model_dump(round_trip=True),
    "model_dump of what was set": lambda user: user.model_dump(exclude_unset=True),
    "model_dump as any": lambda user: user.model_dump(serialize_as_any=True),
    "model_dump_json": lambda user: user.model_dump_json(),
    "adapter": lambda user: TypeAdapter(Any).dump_json(user),
    "jsonable_encoder": jsonable_encoder,
    "extra": lambda user: user.model_extra,
    "repr": repr,
    "str": str,
    "rich": lambda user: list(user.__rich_repr__()),
    "schema": lambda user: user.model_json_schema(mode="serialization"),
}


@pytest.mark.parametrize(("model", "said"), KEEPERS, ids=lambda of: getattr(of, "__name__", ""))
def test_private_metadata_is_there_for_those_who_name_it(
    model: type[Any], said: dict[str, Any]
) -> None:
    """It is an attribute, typed as an object; reading it takes nothing from the JSON it was in."""
    given = copy.deepcopy(said)
    for made in (
        model.model_validate(given),
        model.model_validate_json(json.dumps(given)),
        model(**given),
        model.model_construct(**given),
    ):
        assert made.private_metadata == said["private_metadata"]
    assert given == said


@pytest.mark.parametrize("dump", DUMPS.values(), ids=DUMPS)
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_private_metadata_does_not_leave(
    copied: Callable[[Any], Any], dump: Callable[[Any], object]
) -> None:
    """No way of writing a user down has it, nor that of an organization inside, nor any copy."""
    user = copied(User.model_validate(MEMBER))
    assert user.private_metadata == USER["private_metadata"]
    assert user.organization_memberships[0].private_metadata == MEMBERSHIP["private_metadata"]
    written = str(dump(user))
    assert "hidden" not in written
    assert "private_metadata" not in written


def test_private_metadata_that_a_copy_is_given_is_as_private() -> None:
    """It replaces that of the copy only."""
    user = User.model_validate(USER)
    other = user.model_copy(update={"private_metadata": {"new": "hidden"}})
    assert other.private_metadata == {"new": "hidden"}
    assert user.private_metadata == USER["private_metadata"]
    assert "hidden" not in other.model_dump_json()


UNDECLARED = {"private_metadata": {"x": "buried"}, "in": [{"backup_codes": ["buried"]}], "y": 1}


class Own(User):
    """A user with more fields, and a hook that does not know of ours."""

    profile: dict[str, Any] = Field(default_factory=dict)
    pair: tuple[Any, ...] = ()

    def model_post_init(self, context: Any, /) -> None:
        """Do nothing of what the model would do."""


@pytest.mark.parametrize("model", [User, Own])
def test_private_metadata_that_nobody_declared_is_not_kept(model: type[User]) -> None:
    """At any depth, in fields and beyond, and in models of an application's own."""
    said = {
        "id": "user_1",
        "private_metadata": {"a": "hidden"},
        "new": UNDECLARED,
        "profile": {"in": [UNDECLARED]},
        "pair": ({}, UNDECLARED),
    }
    given = copy.deepcopy(said)
    for user in (
        model.model_validate(given),
        model(**given),
        model.model_construct(**given),
        model.model_validate({"id": "user_2"}).model_copy(update=given),
    ):
        assert user.private_metadata == {"a": "hidden"}
        assert user.model_dump()["new"] == {"in": [{}], "y": 1}
        for dump in (pickle.dumps, *DUMPS.values()):
            assert "buried" not in str(dump(user))
    assert given == said


def test_metadata_of_an_application_is_its_own() -> None:
    """Whatever stands there, the application or the user has written it to be read."""
    user = User.model_validate({"id": "user_1", "public_metadata": UNDECLARED})
    assert user.public_metadata == UNDECLARED


class Shown(BaseModel):
    """What an endpoint may put a user into."""

    user: User
    others: list[User] = []


@pytest.mark.anyio
async def test_private_metadata_is_in_no_response() -> None:
    """However an endpoint returns a user, and with or without a response model."""
    app = FastAPI()
    user = User.model_validate(MEMBER)
    answers: list[tuple[object, Any]] = [
        (user, None),
        (user, User),
        ({"user": user}, None),
        ([user], list[User]),
        (Shown(user=user, others=[user]), Shown),
        ({"user": user}, Shown),
    ]
    for number, (answer, model) in enumerate(answers):
        app.get(f"/{number}", response_model=model)(lambda answer=answer: answer)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for number in range(len(answers)):
            text = (await client.get(f"/{number}")).text
            assert "ada@example.com" in text
            assert "hidden" not in text
            assert "private_metadata" not in text
        assert "private_metadata" not in (await client.get("/openapi.json")).text


@pytest.mark.parametrize("said", [{}, {"private_metadata": None}, {"private_metadata": {}}])
def test_no_private_metadata_is_an_empty_object(said: dict[str, Any]) -> None:
    """So that nobody has to look twice."""
    assert User.model_validate({"id": "user_1"} | said).private_metadata == {}
    assert User.model_validate({"id": "user_1"}).private_metadata is not (
        User.model_validate({"id": "user_2"}).private_metadata
    )


@pytest.mark.parametrize("wrong", ["hidden", ["hidden"], 1, False])
def test_private_metadata_of_the_wrong_type_is_refused(wrong: object) -> None:
    """And not repeated."""
    with pytest.raises(ValidationError) as caught:
        User.model_validate({"id": "user_1", "private_metadata": wrong})
    assert "hidden" not in str(caught.value)


def test_backup_codes_are_not_kept() -> None:
    """They open accounts, and nobody but Clerk has to compare them."""
    user = User.model_validate(USER)
    assert isinstance(user.phone_numbers[0], PhoneNumber)
    assert not hasattr(user.phone_numbers[0], "backup_codes")
    assert b"hidden-of-phone" not in pickle.dumps(user)


def test_empty_lists_and_objects_may_be_null() -> None:
    """Clerk is not of one mind about it."""
    nothing = dict.fromkeys(name for name, value in USER.items() if isinstance(value, list | dict))
    user = User.model_validate(USER | nothing)
    assert user.email_addresses == user.passkeys == user.organization_memberships == ()
    assert user.public_metadata == user.unsafe_metadata == {}
    assert user.primary_email_address is None


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"first_name": "Ada", "last_name": "Lovelace"}, "Ada Lovelace"),
        ({"first_name": "Ada"}, "Ada"),
        ({"last_name": "Lovelace", "first_name": ""}, "Lovelace"),
        ({"first_name": None}, None),
    ],
)
def test_full_name_is_what_is_known_of_it(said: dict[str, Any], name: str | None) -> None:
    """First name, last name, or neither."""
    assert User.model_validate({"id": "user_1"} | said).full_name == name


@pytest.mark.parametrize("primary", [None, "idn_7"])
def test_no_other_address_stands_in_for_the_primary_one(primary: str | None) -> None:
    """An address without an id is not the one that has none."""
    address = {"id": None, "email_address": "old@example.com"}
    said = {"id": "user_1", "primary_email_address_id": primary, "email_addresses": [address]}
    assert User.model_validate(said).primary_email_address is None


def test_membership_says_whose_it_is() -> None:
    """Unless Clerk does not."""
    assert Membership.model_validate(MEMBERSHIP).user_id == "user_ada"
    unsaid = MEMBERSHIP | {"public_user_data": None}
    assert Membership.model_validate(unsaid).user_id is None


def test_what_clerk_adds_is_readable() -> None:
    """Under its name, as it was on the wire."""
    assert User.model_validate(USER | {"shoe_size": 39}).model_extra == {
        "object": "user",
        "shoe_size": 39,
    }


def test_users_do_not_change() -> None:
    """What Clerk said stays what Clerk said."""
    user = User.model_validate(USER)
    with pytest.raises(ValidationError, match="frozen"):
        user.banned = True
    with pytest.raises(ValidationError, match="frozen"):
        user.private_metadata = {}  # type: ignore[misc]  # it has no setter


def test_refusals_do_not_repeat_what_was_said() -> None:
    """Errors end up in logs."""
    with pytest.raises(ValidationError) as caught:
        User.model_validate({"id": "user_1", "banned": "very-secret"})
    assert "very-secret" not in str(caught.value)


def test_every_resource_says_nothing_but_its_kind() -> None:
    """Also one that nobody has written yet."""

    class Anything(Resource):
        id: str

    thing = Anything(id="secret")
    assert repr(thing) == str(thing) == f"{thing}" == "<Anything>"
    assert list(vars(Resource)["__repr_args__"](thing)) == []  # what other printers ask for
