"""Invitations to organizations, as the official client makes and revokes them, and who hears."""

import json
from typing import Any

import pytest
from clerk_backend_api import models

from clerk_fastapi import ConfigurationError
from clerk_fastapi.protocol.events import InvitationEvent, parse_event
from clerk_fastapi.testing import LocalClerk, Organization, User
from tests.testing.conftest import Clock
from tests.testing.official import IGNORED, Official, codes

pytestmark = [pytest.mark.anyio, IGNORED]

MS = 1_800_000_000_000
A_DAY = 86_400


async def test_somebody_is_invited_to_an_organization(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """By an admin, in a role, with a link for as long as was said."""
    invitations = official.organization_invitations
    made = await invitations.create(
        organization_id=acme.id,
        email_address="bob@example.com",
        role="org:admin",
        inviter_user_id=ada.id,
        public_metadata={"team": 1},
        private_metadata={"note": 2},
        redirect_url="http://localhost:8000/welcome",
        expires_in_days=7,
        notify=False,
    )
    assert (made.email_address, made.status, made.organization_id) == (
        *("bob@example.com", "pending", acme.id),
    )
    assert (made.role, made.role_name, made.inviter_id) == ("org:admin", "Admin", ada.id)
    inviter = made.public_inviter_data
    assert (inviter.user_id, inviter.identifier, inviter.first_name) == (ada.id, ada.email, "Ada")
    assert (made.public_metadata, made.private_metadata) == ({"team": 1}, {"note": 2})
    assert (made.created_at, made.expires_at) == (MS, MS + 7 * A_DAY * 1_000)
    assert made.url.startswith(f"{local.issuer}/v1/tickets/accept?ticket=")
    assert await invitations.get(organization_id=acme.id, invitation_id=made.id) == made
    group = await official.organizations.get(organization_id=acme.id)
    assert group.pending_invitations_count == 1


async def test_whoever_accepts_is_a_member(
    client_in_process: Official, local: LocalClerk, acme: Organization
) -> None:
    """In that role, with that metadata; who has no account has signed up."""
    local.add_role("org:viewer", permissions=["org:data:read"])
    bob = local.add_user("bob@example.com")
    metadata: Any = {"public_metadata": {"team": 1}, "private_metadata": {"note": 2}}
    first = local.invite_member(acme, bob.email, role="org:viewer", **metadata)
    assert local.accept_invitation(first) is bob
    held = local.member(acme, bob)
    assert (held.role, held.permissions) == ("org:viewer", ["org:data:read"])
    assert (held.public_metadata, held.private_metadata) == ({"team": 1}, {"note": 2})
    carl = local.accept_invitation(local.invite_member(acme, "carl@example.com"))
    assert (local.member(acme, carl).role, carl.public_metadata) == ("org:member", {})
    said = await client_in_process.organization_invitations.get(
        organization_id=acme.id, invitation_id=first.id
    )
    assert (said.status, said.url, said.inviter_id) == ("accepted", None, None)
    with pytest.raises(ConfigurationError, match="is accepted"):
        local.accept_invitation(first)


@pytest.fixture
def invited(
    local: LocalClerk, acme: Organization, clock: Clock
) -> list[tuple[Organization, str, str]]:
    """Pending, revoked, accepted and expired ones of one organization, and one of another."""
    globex, made = local.add_organization("globex"), []
    for number, group in enumerate([acme, acme, acme, acme, globex]):
        days = 1 if number == 3 else 30
        email = f"user-{9 - number}@example.com" if group is acme else "user-9@example.com"
        made.append(local.invite_member(group, email, expires_in_days=days))
        clock.now += 1
    local.revoke_invitation(made[1])
    local.accept_invitation(made[2])
    clock.now += A_DAY
    return [(one.organization, one.id, one.email) for one in made]


async def test_invitations_of_an_organization_are_listed(
    official: Official, acme: Organization, invited: list[tuple[Organization, str, str]]
) -> None:
    """Newest first, in pages, by status and address."""
    ids, invitations = [id for _, id, _ in invited], official.organization_invitations

    async def listed(**filters: Any) -> list[int]:
        page = await invitations.list(organization_id=acme.id, **filters)
        assert page.total_count >= len(page.data)
        return [ids.index(one.id) for one in page.data]

    assert await listed() == [3, 2, 1, 0]
    assert await listed(order_by="email_address") == [3, 2, 1, 0]
    assert await listed(order_by="-email_address", limit=2, offset=1) == [1, 2]
    for number, status in enumerate(["pending", "revoked", "accepted", "expired"]):
        assert await listed(status=status) == [number]
    assert await listed(email_address="user-7@example.com") == [2]
    pending = await invitations.list_pending(organization_id=acme.id, limit=5)
    assert ([one.id for one in pending.data], pending.total_count) == ([ids[0]], 1)


async def test_invitations_of_all_and_of_one_user_are_listed(
    official: Official, local: LocalClerk, invited: list[tuple[Organization, str, str]]
) -> None:
    """With the organization that they are of."""
    ids = [id for _, id, _ in invited]
    page = await official.organization_invitations.get_all(limit=2)
    assert ([one.id for one in page.data], page.total_count) == ([ids[4], ids[3]], 5)
    assert [one.public_organization_data.slug for one in page.data] == ["globex", "acme"]
    page = await official.organization_invitations.get_all(query="user-9", status="pending")
    assert [one.id for one in page.data] == [ids[4], ids[0]]
    user = local.add_user("user-9@example.com")
    own = await official.users.get_organization_invitations(user_id=user.id)
    assert ([one.id for one in own.data], own.total_count) == ([ids[4], ids[0]], 2)
    none = await official.users.get_organization_invitations(user_id=user.id, status="revoked")
    assert (none.data, none.total_count) == ([], 0)


async def test_invitation_is_revoked_while_it_is_pending(
    official: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """By an admin of the organization, or by nobody in particular."""
    made = local.invite_member(acme, "bob@example.com")
    bob = local.add_user("bob@example.com")
    local.add_member(acme, local.add_user("carl@example.com"))
    where = {"organization_id": acme.id, "invitation_id": made.id}
    revoke = official.organization_invitations.revoke
    for requesting, status, code in (
        ("user_unknown", 404, "resource_not_found"),
        (bob.id, 403, "not_a_member_in_organization"),
        (local.user("carl@example.com").id, 403, "missing_organization_permission"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await revoke(**where, requesting_user_id=requesting)
        assert codes(caught.value, status) == [code]
    assert (await revoke(**where, requesting_user_id=ada.id)).status == "revoked"
    for wrong, code in (
        ({}, "organization_invitation_not_pending"),
        ({"invitation_id": "orginv_unknown"}, "resource_not_found"),
        ({"organization_id": "org_unknown"}, "resource_not_found"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await revoke(**{**where, **wrong})
        assert codes(caught.value, 404) == [code]
    assert acme.pending_invitations_count == 0


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"email_address": "bob@example.com"}, 400, "organization_invitation_not_unique"),
        ({"email_address": "ada@example.com"}, 400, "already_a_member_in_organization"),
        ({"email_address": "nobody"}, 422, "form_param_value_invalid"),
        ({"role": "org:unheard_of"}, 404, "resource_not_found"),
        ({"inviter_user_id": "user_unknown"}, 404, "resource_not_found"),
        ({"inviter_user_id": "user_bob"}, 403, "not_a_member_in_organization"),
        ({"inviter_user_id": "user_carl"}, 403, "missing_organization_permission"),
        ({"expires_in_days": 366}, 422, "form_param_value_invalid"),
    ],
)
async def test_invitation_to_an_organization_that_cannot_be_is_refused(
    client_in_process: Official,
    local: LocalClerk,
    acme: Organization,
    fields: dict[str, Any],
    status: int,
    code: str,
) -> None:
    """One alone, and among others, of which none is made then."""
    invitations = client_in_process.organization_invitations
    local.add_user("bob@example.com", user_id="user_bob")
    local.add_member(acme, local.add_user("carl@example.com", user_id="user_carl"))
    local.invite_member(acme, "bob@example.com")
    wrong = {"email_address": "dora@example.com", "role": "org:member", **fields}
    good = {"email_address": "eve@example.com", "role": "org:member"}
    for call in (
        invitations.create(organization_id=acme.id, **wrong),
        invitations.bulk_create(organization_id=acme.id, request_body=[good, wrong]),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await call
        assert codes(caught.value, status) == [code]
    assert len(acme.invitations) == 1


async def test_several_are_invited_to_an_organization_at_once(
    official: Official, local: LocalClerk, acme: Organization
) -> None:
    """Nobody twice; and who may manage members may invite, whatever the role is called."""
    local.add_role("org:lead", permissions=["org:sys_memberships:manage"])
    lead = local.add_user("lead@example.com")
    local.add_member(acme, lead, role="org:lead")
    bodies = [
        {"email_address": "b@example.com", "role": "org:member", "inviter_user_id": lead.id},
        {"email_address": "c@example.com", "role": "org:admin"},
    ]
    bulk_create = official.organization_invitations.bulk_create
    made = await bulk_create(organization_id=acme.id, request_body=bodies)
    assert [(one.role, one.inviter_id) for one in made.data] == [
        *(("org:member", lead.id), ("org:admin", None)),
    ]
    assert made.total_count == 2
    again = [{"email_address": "d@example.com", "role": "org:member"}] * 2
    for organization, status, code in (
        (acme.id, 400, "organization_invitation_not_unique"),
        ("org_unknown", 404, "resource_not_found"),
    ):
        with pytest.raises(models.ClerkErrors) as caught:
            await bulk_create(organization_id=organization, request_body=again)
        assert codes(caught.value, status) == [code]


async def test_whoever_is_invited_takes_up_room(
    client_in_process: Official, local: LocalClerk, acme: Organization, clock: Clock
) -> None:
    """Until the invitation is over; his own room is his."""
    acme.max_allowed_memberships = 2
    invitation = local.invite_member(acme, "bob@example.com")
    where = {"organization_id": acme.id, "email_address": "carl@example.com", "role": "org:member"}
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.organization_invitations.create(**where)
    assert codes(caught.value, 403) == ["organization_membership_quota_exceeded"]
    with pytest.raises(ConfigurationError, match="acme is full"):
        local.add_member(acme, local.add_user("carl@example.com"))
    clock.now += 30 * A_DAY
    both = [
        {"email_address": f"{name}@example.com", "role": "org:member"} for name in ("carl", "dora")
    ]
    with pytest.raises(models.ClerkErrors) as caught:
        await client_in_process.organization_invitations.bulk_create(
            organization_id=acme.id, request_body=both
        )
    assert codes(caught.value, 403) == ["organization_membership_quota_exceeded"]
    assert acme.invitations == [invitation]
    assert (await client_in_process.organization_invitations.create(**where)).status == "pending"
    with pytest.raises(ConfigurationError, match="is expired"):
        local.accept_invitation(invitation)
    local.accept_invitation(acme.invitations[-1])
    assert acme.members_count == 2


def test_what_becomes_of_an_invitation_is_told(local: LocalClerk, acme: Organization) -> None:
    """As Clerk tells it; who has accepted is named."""
    before = len(local.events.messages)
    bob = local.add_user("bob@example.com")
    local.accept_invitation(local.invite_member(acme, bob.email))
    local.revoke_invitation(local.invite_member(acme, "carl@example.com"))
    told = [parse_event(message.body) for message in list(local.events.messages)[before:]]
    assert [event.type.removeprefix("organization") for event in told] == [
        *("user.created", "Invitation.created", "Membership.created", "Invitation.accepted"),
        *("Invitation.created", "Invitation.revoked"),
    ]
    accepted = told[3]
    assert isinstance(accepted, InvitationEvent)
    assert accepted.data.user_id == bob.id
    assert json.loads(local.events.messages[-1].body)["data"]["status"] == "revoked"


async def test_invitations_go_with_their_organization(
    client_in_process: Official, local: LocalClerk, ada: User, acme: Organization
) -> None:
    """Whoever follows the link joins nothing, and does not sign up."""
    invitation = local.invite_member(acme, "bob@example.com")
    local.delete_organization(acme)
    with pytest.raises(ConfigurationError, match="no organization acme"):
        local.accept_invitation(invitation)
    assert (await client_in_process.organization_invitations.get_all()).total_count == 0
    assert (invitation.status, list(local.users)) == ("pending", [ada.id])
