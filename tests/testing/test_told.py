"""What happens at an instance is told, whoever made it happen."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from clerk_fastapi import ConfigurationError
from clerk_fastapi.testing import LocalClerk, Organization, User
from clerk_fastapi.testing.events import Message
from tests.testing.official import IGNORED, asking

pytestmark = [pytest.mark.anyio, IGNORED]


@pytest.fixture
def told(local: LocalClerk, acme: Organization) -> Callable[[], list[tuple[str, Any]]]:
    """Return a function that gives what was told since it was last asked."""
    messages: list[Message] = []
    local.events.listen(messages.append)

    def told() -> list[tuple[str, Any]]:
        events = [(message.type, json.loads(message.body)["data"]) for message in messages]
        messages.clear()
        return events

    return told


Told = Callable[[], list[tuple[str, Any]]]


def test_life_of_a_user_is_told(local: LocalClerk, told: Told) -> None:
    """From the first to the last, with private metadata."""
    bob = local.add_user("bob@example.com", external_id="7", private_metadata={"a": 1})
    local.update_user(bob, first_name="Bob")
    local.lock(bob)
    local.unlock(bob)
    local.delete_user(bob)
    types, data = zip(*told(), strict=True)
    assert types == ("user.created", *["user.updated"] * 3, "user.deleted")
    assert data[0]["private_metadata"] == {"a": 1}
    assert [user["first_name"] for user in data[:-1]] == [None, "Bob", "Bob", "Bob"]
    assert [user["locked"] for user in data[:-1]] == [False, False, True, False]
    assert data[-1] == {"object": "user", "id": bob.id, "deleted": True, "external_id": "7"}


def test_ban_is_told_with_every_session_it_ends(local: LocalClerk, ada: User, told: Told) -> None:
    """The ban first, so that nobody takes the sessions' end for a whim."""
    sessions = [local.sign_in(ada) for _ in range(2)]
    told()
    local.ban(ada)
    (first, user), *rest = told()
    assert (first, user["banned"]) == ("user.updated", True)
    assert [(type, data["id"]) for type, data in rest] == [
        ("session.revoked", session.id) for session in sessions
    ]
    assert rest[0][1]["user"]["banned"]
    local.unban(ada)
    assert [(type, data["banned"]) for type, data in told()] == [("user.updated", False)]


@pytest.mark.parametrize("status", ["ended", "removed", "revoked"])
def test_end_of_a_session_is_told(local: LocalClerk, ada: User, told: Told, status: Any) -> None:
    """With the session as it is then, and whose it was."""
    session = local.sign_in(ada)
    local.end_session(session, status)
    (begun, before), (ended, after) = told()
    assert (begun, before["status"]) == ("session.created", "active")
    assert (ended, after["status"], after["id"]) == (f"session.{status}", status, session.id)
    assert after["user"]["id"] == after["user_id"] == ada.id


@pytest.mark.parametrize("status", ["expired", "replaced", "abandoned"])
def test_other_ends_are_not_told(local: LocalClerk, ada: User, told: Told, status: Any) -> None:
    """Clerk has no events for them."""
    local.end_session(local.sign_in(ada, status="pending"), status)
    assert [type for type, _ in told()] == ["session.pending"]


def test_sessions_of_a_deleted_user_are_removed(local: LocalClerk, ada: User, told: Told) -> None:
    """By then there is no user to tell of; sessions that had ended are not told of again."""
    local.end_session(local.sign_in(ada))
    session = local.sign_in(ada)
    told()
    local.delete_user(ada)
    (removed, data), (deleted, _) = told()
    assert (removed, data["id"], data["user"]) == ("session.removed", session.id, None)
    assert deleted == "user.deleted"


def test_life_of_an_organization_is_told(local: LocalClerk, ada: User, told: Told) -> None:
    """And of its memberships."""
    local.add_role("org:viewer", permissions=["org:data:read"])
    globex = local.add_organization("globex", private_metadata={"a": 1})
    local.add_member(globex, ada)
    local.update_member(globex, ada, role="org:viewer")
    local.update_organization(globex, name="Globex Ltd")
    local.remove_member(globex, ada)
    local.delete_organization(globex)
    types, data = zip(*told(), strict=True)
    assert types == (
        "organization.created",
        "organizationMembership.created",
        "organizationMembership.updated",
        "organization.updated",
        "organizationMembership.deleted",
        "organization.deleted",
    )
    assert (data[0]["private_metadata"], data[0]["members_count"]) == ({"a": 1}, 0)
    assert (data[1]["organization"]["members_count"], data[1]["role"]) == (1, "org:member")
    assert data[2]["permissions"] == ["org:data:read"]
    assert data[4]["public_user_data"]["user_id"] == ada.id
    assert data[5] == {
        "object": "organization",
        "id": globex.id,
        "deleted": True,
        "slug": "globex",
    }


async def test_what_is_asked_over_http_is_told_as_well(
    local: LocalClerk, ada: User, acme: Organization, told: Told
) -> None:
    """The official client does nothing in secret."""
    async with asking(local, "sync-over-http") as official:
        bob = await official.users.create(email_address=["bob@example.com"])
        session = await official.sessions.create(request={"user_id": bob.id})
        await official.sessions.revoke(session_id=session.id)
        await official.users.update_metadata(user_id=bob.id, public_metadata={"a": 1})
        both = {"organization_id": acme.id, "user_id": bob.id}
        await official.organization_memberships.create(**both, role="org:member")
        await official.organization_memberships.delete(**both)
        await official.users.ban(user_id=bob.id)
        await official.users.delete(user_id=bob.id)
    assert [type for type, _ in told()] == [
        "user.created",
        "session.created",
        "session.revoked",
        "user.updated",
        "organizationMembership.created",
        "organizationMembership.deleted",
        "user.updated",
        "user.deleted",
    ]


def test_refused_changes_are_not_told(local: LocalClerk, ada: User, told: Told) -> None:
    """Nothing has happened then."""
    bob = local.add_user("bob@example.com")
    local.add_organization("globex")
    told()
    for change in (
        lambda: local.update_user(bob, email=ada.email),
        lambda: local.update_user("user_unknown", first_name="x"),
        lambda: local.update_organization("globex", slug="acme"),
        lambda: local.update_organization("globex", slug="Not a slug"),
        lambda: local.update_member("globex", bob, role="org:member"),
        lambda: local.update_member("acme", ada, role="admin"),
        lambda: local.remove_member("globex", bob),
        lambda: local.ban("user_unknown"),
    ):
        with pytest.raises(ConfigurationError):
            change()
    assert told() == []
    assert (bob.email, local.organization("globex").slug) == ("bob@example.com", "globex")
    assert local.member("acme", ada).role == "org:admin"


def test_banned_and_locked_users_do_not_sign_in(local: LocalClerk, ada: User) -> None:
    """Not in Python either."""
    for bar, lift in ((local.ban, local.unban), (local.lock, local.unlock)):
        bar(ada)
        with pytest.raises(ConfigurationError, match="cannot sign in"):
            local.sign_in(ada)
        lift(ada)
        assert local.sign_in(ada).is_live


def test_private_metadata_and_passwords_are_not_shown(local: LocalClerk, ada: User) -> None:
    """Printing a record gives nothing away."""
    local.update_user(ada, password="hush", private_metadata={"note": "hush"})
    acme = local.add_organization("globex", private_metadata={"note": "hush"})
    membership = local.add_member(acme, ada, private_metadata={"note": "hush"})
    assert "hush" not in repr(membership)
