"""Users, as the official client lists, makes, changes and deletes them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from clerk_backend_api import models

from clerk_fastapi.testing import LocalClerk, Organization, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, codes

pytestmark = [pytest.mark.anyio, IGNORED]

MS = 1_800_000_000_000


async def test_user_is_described_as_the_client_wants_it(
    official: Official, ada: User, local: LocalClerk
) -> None:
    """Names, address, metadata of all three kinds, and times in milliseconds."""
    ada.private_metadata["note"] = "x"
    user = await official.users.get(user_id=ada.id)
    assert (user.id, user.first_name, user.last_name) == (ada.id, "Ada", "Lovelace")
    assert [address.email_address for address in user.email_addresses] == ["ada@example.com"]
    assert user.primary_email_address_id == user.email_addresses[0].id
    assert user.email_addresses[0].verification.status == "verified"
    assert (user.public_metadata, user.private_metadata) == (ada.public_metadata, {"note": "x"})
    assert (user.created_at, user.updated_at, user.last_sign_in_at) == (MS, MS, None)
    local.sign_in(ada)
    assert (await official.users.get(user_id=ada.id)).last_sign_in_at == MS


async def test_user_is_created(official: Official, local: LocalClerk) -> None:
    """And is a user like those that Python adds."""
    user = await official.users.create(
        email_address=["bob@example.com"],
        username="bob",
        external_id="7",
        first_name="Bob",
        password="correct horse",
        skip_password_checks=True,
        public_metadata={"a": {"b": 1}},
        private_metadata={"c": 2},
        unsafe_metadata={"d": 3},
        created_at="2024-01-02T03:04:05Z",
    )
    bob = local.user("bob@example.com")
    assert (user.id, user.username, user.external_id) == (bob.id, "bob", "7")
    assert (user.public_metadata, user.private_metadata) == ({"a": {"b": 1}}, {"c": 2})
    assert (user.unsafe_metadata, user.password_enabled) == ({"d": 3}, True)
    assert user.created_at == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp() * 1000
    assert bob.password is not None
    assert "correct horse" not in user.model_dump_json() + repr(bob)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["form_param_nil"]),
        ({"email_address": []}, ["form_param_value_invalid"]),
        ({"email_address": ["a@example.com", "b@example.com"]}, ["form_param_value_invalid"]),
        ({"email_address": ["nobody"]}, ["form_param_value_invalid"]),
        ({"email_address": ["ada@example.com"]}, ["form_identifier_exists"]),
        ({"email_address": ["b@example.com"], "username": "ada"}, ["form_identifier_exists"]),
        ({"email_address": ["b@example.com"], "external_id": "1"}, ["form_identifier_exists"]),
        ({"email_address": ["b@example.com"], "created_at": "soon"}, ["form_param_value_invalid"]),
        ({"email_address": ["b@example.com"], "totp_secret": "x"}, ["form_param_unknown"]),
        ({"totp_secret": "x"}, ["form_param_nil", "form_param_unknown"]),
    ],
)
async def test_user_that_cannot_be_is_refused(
    client_in_process: Official,
    local: LocalClerk,
    ada: User,
    fields: dict[str, Any],
    expected: list[str],
) -> None:
    """Each problem has a code, and nothing is added."""
    local.update_user(ada, username="ada", external_id="1")
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.users.create(**fields)
    assert sorted(codes(caught.value, 422)) == expected
    assert list(local.users) == [ada.id]


async def test_user_is_updated(official: Official, ada: User, clock: Clock) -> None:
    """What is given changes, null takes a name away, and everything else stays."""
    clock.now += 1
    user = await official.users.update(
        user_id=ada.id, first_name="Augusta", last_name=None, external_id="7", username="ada"
    )
    assert (user.first_name, user.last_name, user.external_id) == ("Augusta", None, "7")
    assert (user.username, user.updated_at, user.created_at) == ("ada", MS + 1000, MS)
    assert user.public_metadata == ada.public_metadata
    again = await official.users.update(user_id=ada.id, first_name="Augusta", username="ada")
    assert again.external_id == "7"


async def test_new_password_can_sign_out_everywhere(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """If the caller says so, and only then."""
    session = local.sign_in(ada)
    await official.users.update(user_id=ada.id, password="new secret")
    assert session.is_live
    await official.users.update(
        user_id=ada.id, password="newer secret", sign_out_of_other_sessions=True
    )
    assert session.status == "revoked"


async def test_password_is_verified(official: Official, ada: User) -> None:
    """A wrong one is a 422; who has none has none that is wrong."""
    with pytest.raises(models.SDKError, match="no_password_set") as caught:
        await official.users.verify_password(user_id=ada.id, password="")
    assert caught.value.status_code == 400
    await official.users.update(user_id=ada.id, password="the right one")
    assert (await official.users.verify_password(user_id=ada.id, password="the right one")).verified
    with pytest.raises(models.SDKError, match="incorrect_password") as caught:
        await official.users.verify_password(user_id=ada.id, password="wrong")
    assert caught.value.status_code == 422


async def test_password_is_removed(official: Official, local: LocalClerk, ada: User) -> None:
    """Once; sessions go on, unless the caller says otherwise."""
    local.update_user(ada, password="correct horse")
    session, told = local.sign_in(ada), len(local.events.messages)
    assert not (await official.users.remove_password(user_id=ada.id)).password_enabled
    assert (ada.password, session.status, len(local.events.messages)) == (None, "active", told + 1)
    await official.users.remove_password(user_id=ada.id, sign_out_of_other_sessions=True)
    assert (session.status, len(local.events.messages)) == ("revoked", told + 2)


async def test_short_password_is_refused(client_in_process: Official, ada: User) -> None:
    """Eight characters are enough, and who moves old passwords here may skip that."""
    users = client_in_process.users
    with pytest.raises(models.ClerkErrors) as caught:
        await users.update(user_id=ada.id, password="seven77")
    assert codes(caught.value, 422) == ["form_password_length_too_short"]
    assert ada.password is None
    for fields in ({"password": "eight888"}, {"password": "abc", "skip_password_checks": True}):
        await users.update(user_id=ada.id, **fields)
        assert ada.password == fields["password"]


async def test_metadata_is_bounded(client_in_process: Official, ada: User) -> None:
    """Eight kilobytes of each kind."""
    metadata = {"note": "\u304b" * 2_726}
    said = await client_in_process.users.update_metadata(user_id=ada.id, unsafe_metadata=metadata)
    assert said.unsafe_metadata == metadata
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.users.update_metadata(
            user_id=ada.id, public_metadata={"note": metadata["note"] + "\u304b"}
        )
    assert codes(caught.value, 422) == ["form_param_exceeds_allowed_size"]


async def test_metadata_is_merged_at_every_depth(official: Official, ada: User) -> None:
    """Null takes a key away; what is not named stays."""
    user = await official.users.update_metadata(
        user_id=ada.id,
        public_metadata={"role": None, "tags": {"beta": None, "pro": {"since": 1}}},
        private_metadata={"note": {"deep": 1}},
    )
    assert user.public_metadata == {"seats": 3, "tags": {"pro": {"since": 1}}}
    assert (user.private_metadata, user.unsafe_metadata) == ({"note": {"deep": 1}}, {})


async def test_metadata_is_replaced_by_kind(official: Official, ada: User) -> None:
    """A kind that is not named stays."""
    ada.unsafe_metadata = {"kept": True}
    user = await official.users.replace_metadata(user_id=ada.id, public_metadata={"a": {"b": 1}})
    assert (user.public_metadata, user.unsafe_metadata) == ({"a": {"b": 1}}, {"kept": True})


async def test_deleted_user_is_gone(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """With memberships and sessions; what is left of him is his id."""
    local.update_user(ada, external_id="7")
    session = local.sign_in(ada, organization=acme)
    gone = await official.users.delete(user_id=ada.id)
    assert (gone.object, gone.id, gone.deleted, gone.external_id) == ("user", ada.id, True, "7")
    assert (local.users, local.memberships, local.sessions) == ({}, {}, {})
    assert (acme.members_count, session.status) == (0, "removed")
    with pytest.raises(models.ClerkErrors) as caught:
        await official.users.get(user_id=ada.id)
    assert codes(caught.value, 404) == ["resource_not_found"]


async def test_banned_user_is_signed_out_and_cannot_come_back(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """Until the ban is lifted."""
    session, ended = local.sign_in(ada), local.sign_in(ada)
    local.end_session(ended)
    assert (await official.users.ban(user_id=ada.id)).banned
    assert (session.status, ended.status) == ("revoked", "ended")
    with pytest.raises(models.ClerkErrors) as caught:
        await official.sessions.create(request={"user_id": ada.id})
    assert codes(caught.value, 422) == ["form_param_value_invalid"]
    assert not (await official.users.unban(user_id=ada.id)).banned
    assert (await official.sessions.create(request={"user_id": ada.id})).status == "active"


async def test_several_users_are_banned_at_once(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """All of them or, if one is unknown, none."""
    bob = local.add_user("bob@example.com")
    with pytest.raises(models.ClerkErrors) as caught:
        await official.users.bulk_ban(user_ids=[ada.id, "user_nobody"])
    assert codes(caught.value, 400) == ["resource_not_found"]
    assert not ada.banned
    banned = await official.users.bulk_ban(user_ids=[ada.id, bob.id])
    assert [(user.id, user.banned) for user in banned] == [(ada.id, True), (bob.id, True)]
    freed = await official.users.bulk_unban(user_ids=[bob.id])
    assert (freed[0].banned, ada.banned, bob.banned) == (False, True, False)


async def test_locked_user_stays_signed_in_and_cannot_come_back(
    official: Official, local: LocalClerk, ada: User
) -> None:
    """As after too many wrong passwords, until he is unlocked."""
    session = local.sign_in(ada)
    locked = await official.users.lock(user_id=ada.id)
    assert (locked.locked, locked.verification_attempts_remaining) == (True, 0)
    assert session.is_live
    with pytest.raises(models.ClerkErrors):
        await official.sessions.create(request={"user_id": ada.id})
    assert not (await official.users.unlock(user_id=ada.id)).locked


Call = Callable[[Official, str], Any]
BY_ID: list[Call] = [
    lambda official, id: official.users.get(user_id=id),
    lambda official, id: official.users.update(user_id=id, first_name="x"),
    lambda official, id: official.users.delete(user_id=id),
    lambda official, id: official.users.update_metadata(user_id=id, public_metadata={}),
    lambda official, id: official.users.replace_metadata(user_id=id, public_metadata={}),
]


@pytest.mark.parametrize("call", BY_ID)
@pytest.mark.parametrize("user_id", ["user_unknown", "ada@example.com", "acme", "\u00e9", "%2e%2e"])
async def test_unknown_user_is_not_found(
    client_in_process: Official, local: LocalClerk, acme: Organization, call: Call, user_id: str
) -> None:
    """Nobody goes by an email address here, nor by the id of something else."""
    with pytest.raises(models.ClerkErrors) as caught:
        await call(client_in_process, user_id)
    assert codes(caught.value, 404) == ["resource_not_found"]
    assert len(local.users) == 1


async def test_memberships_of_a_user_come_in_pages(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Newest first, with the count of all."""
    globex = local.add_organization("globex")
    local.add_member(globex, ada)
    local.add_member(globex, local.add_user("bob@example.com"))
    first = await official.users.get_organization_memberships(user_id=ada.id, limit=1)
    rest = await official.users.get_organization_memberships(user_id=ada.id, offset=1)
    assert [held.organization.slug for held in [*first.data, *rest.data]] == ["globex", "acme"]
    assert (first.total_count, rest.total_count) == (2, 2)
    assert first.data[0].organization.members_count == 2
