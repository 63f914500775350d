"""Organizations and memberships, as the official client sees and changes them."""

from collections.abc import Callable
from typing import Any

import pytest
from clerk_backend_api import models

from clerk_fastapi.testing import LocalClerk, Organization, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, codes

pytestmark = [pytest.mark.anyio, IGNORED]

MS = 1_800_000_000_000


async def test_organization_is_found_by_id_and_by_slug(
    official: Official, acme: Organization
) -> None:
    """With its members counted."""
    acme.private_metadata["note"] = "x"
    for name in (acme.id, "acme"):
        said = await official.organizations.get(organization_id=name)
        assert (said.id, said.slug, said.name, said.members_count) == (acme.id, "acme", "Acme", 1)
        assert (said.public_metadata, said.private_metadata) == ({}, {"note": "x"})
        assert (said.created_at, said.max_allowed_memberships) == (MS, 0)


async def test_organization_is_created(official: Official, local: LocalClerk, ada: User) -> None:
    """Whoever creates it is its admin; without a slug it gets one that is free."""
    local.add_role("org:admin", permissions=["org:data:read"])
    first = await official.organizations.create(
        request={
            "name": "Acme & Sons",
            "created_by": ada.id,
            "public_metadata": {"a": 1},
            "private_metadata": {"b": 2},
            "max_allowed_memberships": 3,
            "created_at": "2024-01-02T03:04:05+00:00",
        }
    )
    assert (first.slug, first.created_by, first.members_count) == ("acme-sons", ada.id, 1)
    assert (first.public_metadata, first.private_metadata) == ({"a": 1}, {"b": 2})
    assert (first.max_allowed_memberships, first.created_at) == (3, 1_704_164_645_000)
    membership = local.memberships[first.id, ada.id]
    assert (membership.role, membership.permissions) == ("org:admin", ["org:data:read"])
    second = await official.organizations.create(request={"name": "Acme? Sons!"})
    third = await official.organizations.create(request={"name": "Acme", "slug": "acme"})
    assert (second.slug, second.members_count, third.slug) == ("acme-sons-2", 0, "acme")
    nameless = await official.organizations.create(request={"name": "\u304b"})
    assert nameless.slug == "organization"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": ""}, "form_param_value_invalid"),
        ({"slug": "acme"}, "form_identifier_exists"),
        ({"slug": "Not a slug"}, "form_param_value_invalid"),
        ({"created_by": "user_unknown"}, "resource_not_found"),
        ({"max_allowed_memberships": -1}, "form_param_value_invalid"),
        ({"role_set_key": "x"}, "form_param_unknown"),
    ],
)
async def test_organization_that_cannot_be_is_refused(
    client_in_process: Official,
    local: LocalClerk,
    acme: Organization,
    fields: dict[str, Any],
    code: str,
) -> None:
    """And nothing is added."""
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.organizations.create(request={"name": "New", **fields})
    assert codes(caught.value, 422) == [code]
    assert list(local.organizations) == [acme.id]


async def test_organization_is_updated(
    official: Official, local: LocalClerk, acme: Organization, clock: Clock
) -> None:
    """Name, slug, bounds; metadata by merging or replacing."""
    clock.now += 1
    said = await official.organizations.update(
        organization_id=acme.id, name="Acme Ltd", slug="acme-ltd", admin_delete_enabled=False
    )
    assert (said.name, said.slug, said.admin_delete_enabled) == ("Acme Ltd", "acme-ltd", False)
    assert said.updated_at == MS + 1000
    assert (await official.organizations.update(organization_id=acme.id, slug="acme-ltd")).name
    local.add_organization("globex")
    with pytest.raises(models.ClerkErrors) as caught:
        await official.organizations.update(organization_id=acme.id, slug="globex")
    assert codes(caught.value, 422) == ["form_identifier_exists"]
    acme.public_metadata = {"a": {"b": 1, "c": 2}}
    merged = await official.organizations.merge_metadata(
        organization_id=acme.id, public_metadata={"a": {"b": None}}, private_metadata={"d": 3}
    )
    assert (merged.public_metadata, merged.private_metadata) == ({"a": {"c": 2}}, {"d": 3})
    replaced = await official.organizations.replace_metadata(
        organization_id=acme.id, public_metadata={"e": 4}
    )
    assert (replaced.public_metadata, replaced.private_metadata) == ({"e": 4}, {"d": 3})


async def test_deleted_organization_is_gone(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Who worked in it is in the personal account, and still signed in."""
    session = local.sign_in(ada, organization=acme)
    gone = await official.organizations.delete(organization_id=acme.id)
    assert (gone.object, gone.id, gone.slug) == ("organization", acme.id, "acme")
    assert (local.organizations, local.memberships) == ({}, {})
    assert (session.organization, session.is_live) == (None, True)
    with pytest.raises(models.ClerkErrors) as caught:
        await official.organizations.get(organization_id="acme")
    assert codes(caught.value, 404) == ["resource_not_found"]


@pytest.fixture
def groups(local: LocalClerk, ada: User, clock: Clock) -> list[Organization]:
    """Five organizations, one a second; Ada is in the first and the last."""
    groups = []
    for number in range(5):
        groups.append(local.add_organization(f"group-{number}", name=f"Group {9 - number}"))
        clock.now += 1
    local.add_member(groups[0], ada)
    local.add_member(groups[4], ada)
    local.add_member(groups[4], local.add_user("bob@example.com"))
    return groups


async def test_organizations_are_filtered_and_ordered(
    official: Official, ada: User, groups: list[Organization]
) -> None:
    """By name, member and id, in pages that say how many there are."""

    async def listed(**filters: Any) -> list[int]:
        page = await official.organizations.list(limit=500, **filters)
        assert page.total_count == len(page.data)
        return [int(organization.slug.removeprefix("group-")) for organization in page.data]

    assert await listed() == [4, 3, 2, 1, 0]
    assert await listed(include_members_count=True, order_by="name") == [4, 3, 2, 1, 0]
    assert await listed(order_by="-members_count") == [4, 0, 3, 2, 1]
    assert await listed(query="group-1") == [1]
    assert await listed(query="GROUP 9") == [0]
    assert await listed(query=groups[2].id) == [2]
    assert await listed(user_id=[ada.id]) == [4, 0]
    assert await listed(user_id=[f"-{ada.id}"]) == [3, 2, 1]
    assert await listed(organization_id=[f"+{groups[1].id}", groups[3].id]) == [3, 1]
    met: list[str] = []
    while (page := await official.organizations.list(limit=2, offset=len(met))).data:
        met += [organization.id for organization in page.data]
        assert page.total_count == 5
    assert met == [group.id for group in reversed(groups)]


async def test_member_is_added_changed_and_removed(
    official: Official, local: LocalClerk, acme: Organization
) -> None:
    """A role brings its permissions."""
    local.add_role("org:viewer", permissions=["org:data:read"])
    bob = local.add_user("bob@example.com", first_name="Bob")
    both = {"organization_id": acme.id, "user_id": bob.id}
    made = await official.organization_memberships.create(
        **both, role="org:viewer", public_metadata={"a": {"b": 1}}, private_metadata={"c": 2}
    )
    assert (made.role, made.role_name, made.permissions) == (
        *("org:viewer", "Viewer", ["org:data:read"]),
    )
    assert (made.public_user_data.user_id, made.public_user_data.first_name) == (bob.id, "Bob")
    assert (made.public_user_data.identifier, made.organization.members_count) == (bob.email, 2)
    assert (made.public_metadata, made.private_metadata) == ({"a": {"b": 1}}, {"c": 2})
    changed = await official.organization_memberships.update(**both, role="org:member")
    assert (changed.id, changed.role, changed.permissions) == (made.id, "org:member", [])
    noted = await official.organization_memberships.update_metadata(
        **both, public_metadata={"a": {"b": None}}
    )
    assert (noted.public_metadata, noted.private_metadata) == ({"a": {}}, {"c": 2})
    session = local.sign_in(bob, organization=acme)
    removed = await official.organization_memberships.delete(**both)
    assert (removed.id, acme.members_count) == (made.id, 1)
    assert (session.organization, session.is_live) == (None, True)


async def test_member_that_cannot_be_is_refused(
    client_in_process: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Twice, in a role that is not there, nobody, or one too many."""
    bob, members = local.add_user("bob@example.com"), client_in_process.organization_memberships
    acme.max_allowed_memberships = 1
    for fields, status, code in (
        ({"user_id": ada.id}, 400, "already_a_member_in_organization"),
        ({"user_id": "user_unknown"}, 404, "resource_not_found"),
        ({"role": "org:unheard_of"}, 404, "resource_not_found"),
        ({"role": "admin"}, 404, "resource_not_found"),
        ({"organization_id": "acme"}, 404, "resource_not_found"),
        ({}, 403, "organization_membership_quota_exceeded"),
    ):
        asked = {"organization_id": acme.id, "user_id": bob.id, "role": "org:member", **fields}
        with pytest.raises(models.ClerkErrors) as caught:
            await members.create(**asked)
        assert codes(caught.value, status) == [code]
    assert acme.members_count == len(local.memberships) == 1


async def test_members_are_filtered_and_ordered(
    official: Official, local: LocalClerk, ada: User, acme: Organization, clock: Clock
) -> None:
    """By what is known of the user, and by role."""
    clock.now += 1
    bob = local.add_user("bob@example.com", first_name="Bob", username="bobby")
    local.add_member(acme, bob)
    local.add_member(local.add_organization("globex"), bob)

    async def listed(**filters: Any) -> list[str]:
        page = await official.organization_memberships.list(organization_id=acme.id, **filters)
        assert page.total_count == len(page.data)
        return [member.public_user_data.identifier for member in page.data]

    assert await listed() == [bob.email, ada.email]
    assert await listed(order_by="first_name") == [ada.email, bob.email]
    assert await listed(order_by="-email_address") == [bob.email, ada.email]
    assert await listed(role=["org:admin"]) == [ada.email]
    assert await listed(role=["-org:admin"]) == [bob.email]
    assert await listed(user_id=[bob.id]) == await listed(username=["bobby"]) == [bob.email]
    assert await listed(query="lovelace") == await listed(email_address=[ada.email]) == [ada.email]


async def test_all_memberships_of_the_instance_come_in_pages(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Whatever the organization."""
    bob = local.add_user("bob@example.com")
    for group in (acme, local.add_organization("globex")):
        local.add_member(group, bob)
    met: list[tuple[str, str]] = []
    call = official.users.get_instance_organization_memberships
    while (page := await call(limit=2, offset=len(met), order_by="email_address")).data:
        met += [(held.public_user_data.user_id, held.organization.slug) for held in page.data]
        assert page.total_count == 3
    assert met == [(ada.id, "acme"), (bob.id, "acme"), (bob.id, "globex")]


Call = Callable[[Official, str, str], Any]
UNKNOWN: list[Call] = [
    lambda official, org, user: official.organizations.get(organization_id=org),
    lambda official, org, user: official.organizations.update(organization_id=org, name="x"),
    lambda official, org, user: official.organizations.delete(organization_id=org),
    lambda official, org, user: official.organizations.merge_metadata(organization_id=org),
    lambda official, org, user: official.organizations.replace_metadata(organization_id=org),
    lambda official, org, user: official.organization_memberships.update(
        organization_id=org, user_id=user, role="org:member"
    ),
    lambda official, org, user: official.organization_memberships.delete(
        organization_id=org, user_id=user
    ),
    lambda official, org, user: official.organization_memberships.update_metadata(
        organization_id=org, user_id=user
    ),
]


@pytest.mark.parametrize("call", UNKNOWN)
async def test_unknown_organization_or_member_is_not_found(
    client_in_process: Official, local: LocalClerk, acme: Organization, call: Call
) -> None:
    """Nothing is changed."""
    bob = local.add_user("bob@example.com")
    with pytest.raises(models.ClerkErrors) as caught:
        await call(client_in_process, "org_unknown", bob.id)
    assert codes(caught.value, 404) == ["resource_not_found"]


async def test_who_is_no_member_cannot_be_changed(
    client_in_process: Official, local: LocalClerk, acme: Organization
) -> None:
    """Nor removed, though organization and user are there."""
    bob = local.add_user("bob@example.com")
    members, both = (
        client_in_process.organization_memberships,
        {"organization_id": acme.id, "user_id": bob.id},
    )
    for call in (members.update(**both, role="org:member"), members.delete(**both)):
        with pytest.raises(models.ClerkErrors) as caught:
            await call
        assert codes(caught.value, 404) == ["resource_not_found"]
