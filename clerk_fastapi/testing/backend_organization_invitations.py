"""Invitations to organizations, of the Backend API."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal, not_found
from clerk_fastapi.testing.asking import (
    Body,
    Metadata,
    Page,
    asked,
    known,
    ordered,
    read,
    read_several,
)
from clerk_fastapi.testing.backend_invitations import NewInvitation
from clerk_fastapi.testing.backend_memberships import check_role
from clerk_fastapi.testing.described import (
    described_organization_invitation,
    public_organization_data,
)
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.names import Invited, Taken
from clerk_fastapi.testing.records import (
    InvitationStatus,
    Organization,
    OrganizationInvitation,
)

__all__ = ["organization_invitation_endpoints"]

_MANAGES_MEMBERS = "org:sys_memberships:manage"

_FIELDS: Final[Mapping[str, Callable[[OrganizationInvitation], Any]]] = {
    "created_at": lambda invitation: invitation.created_at,
    "email_address": lambda invitation: invitation.email,
}


class _WithStatus(Page):
    status: tuple[InvitationStatus, ...] = ("pending", "accepted", "revoked", "expired")


class _Every(_WithStatus):
    query: str = ""
    order_by: str = "-created_at"


class _OfOrganization(_WithStatus):
    email_address: str | None = None
    order_by: str = "-created_at"


class _ToJoin(NewInvitation):
    role: str
    inviter_user_id: str | None = None
    private_metadata: Metadata | None = None


class _Revocation(Body):
    requesting_user_id: str | None = None


def organization_invitation_endpoints(instance: Instance) -> list[Route]:
    """The invitations of an organization, of all, and to one user."""
    invitations = _InvitationEndpoints(instance)
    several = "/organizations/{organization_id}/invitations"
    one = several + "/{invitation_id}"
    return [
        endpoint("GET", "/organization_invitations", invitations.page_of_all),
        endpoint("GET", "/users/{user_id}/organization_invitations", invitations.page_of_user),
        endpoint("GET", several, invitations.page),
        endpoint("POST", several, invitations.create),
        endpoint("POST", f"{several}/bulk", invitations.create_several),
        endpoint("GET", f"{several}/pending", invitations.page_of_pending),
        endpoint("GET", one, invitations.get),
        endpoint("POST", f"{one}/revoke", invitations.revoke),
    ]


class _InvitationEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page_of_all(self, request: Request) -> object:
        query = asked(request, _Every)
        every = self._instance.organization_invitations()
        matching = [held for held in every if query.query in held.email]
        return _listed(matching, query, query.order_by, _with_organization)

    async def page_of_user(self, request: Request) -> object:
        user = known(self._instance.users, request, "user_id", "user")
        every = self._instance.organization_invitations()
        matching = [held for held in every if held.email in user.emails]
        return _listed(matching, asked(request, _WithStatus), "-created_at", _with_organization)

    async def page(self, request: Request) -> object:
        query, every = asked(request, _OfOrganization), self._organization(request).invitations
        matching = [held for held in every if query.email_address in (None, held.email)]
        return _listed(matching, query, query.order_by)

    async def page_of_pending(self, request: Request) -> object:
        page = asked(request, Page)
        query = _WithStatus(limit=page.limit, offset=page.offset, status=("pending",))
        return _listed(self._organization(request).invitations, query, "-created_at")

    async def create(self, request: Request) -> object:
        organization = self._organization(request)
        return self._created(organization, [await read(request, _ToJoin)])[0]

    async def create_several(self, request: Request) -> object:
        organization = self._organization(request)
        data = self._created(organization, await read_several(request, _ToJoin))
        return {"data": data, "total_count": len(data)}

    async def get(self, request: Request) -> object:
        return described_organization_invitation(self._invitation(request))

    async def revoke(self, request: Request) -> object:
        invitation, body = self._invitation(request), await read(request, _Revocation)
        self._manager(invitation.organization, body.requesting_user_id)
        if invitation.status != "pending":
            message = f"The invitation is not pending, but {invitation.status}."
            raise Refusal(404, "organization_invitation_not_pending", message)
        self._instance.revoke_invitation(invitation)
        return described_organization_invitation(invitation)

    def _created(
        self, organization: Organization, bodies: list[_ToJoin]
    ) -> list[dict[str, object]]:
        """All of them, or none."""
        instance, met = self._instance, list[str]()
        for body in bodies:
            check_role(instance, body.role)
            self._manager(organization, body.inviter_user_id)
            self._refuse_known(organization, body.email_address, met)
            met.append(body.email_address)
        instance.refuse_full(organization, met)
        return [
            described_organization_invitation(
                instance.invite_member(
                    organization,
                    body.email_address,
                    role=body.role,
                    inviter=body.inviter_user_id,
                    public_metadata=body.public_metadata,
                    private_metadata=body.private_metadata,
                    expires_in_days=body.expires_in_days or 30,
                )
            )
            for body in bodies
        ]

    def _refuse_known(self, organization: Organization, email: str, met: list[str]) -> None:
        try:
            self._instance.refuse_member(organization, email)
            self._instance.refuse_invited(email, organization.invitations)
            if email in met:
                raise Invited(f"{email} is there twice.")
        except Taken as error:
            code = "already_a_member_in_organization"
            raise Refusal(400, code, error.message, "email_address") from None
        except Invited as error:
            code = "organization_invitation_not_unique"
            raise Refusal(400, code, error.message, "email_address") from None

    def _manager(self, organization: Organization, user_id: str | None) -> None:
        """Refuse a user who may not manage the members of the organization."""
        if user_id is None:
            return
        if user_id not in self._instance.users:
            raise not_found("user")
        held = self._instance.memberships.get((organization.id, user_id))
        if held is None:
            raise Refusal(403, "not_a_member_in_organization", "The user is not a member.")
        if held.role != "org:admin" and _MANAGES_MEMBERS not in held.permissions:
            raise Refusal(403, "missing_organization_permission", "The user is not an admin.")

    def _organization(self, request: Request) -> Organization:
        return known(self._instance.organizations, request, "organization_id", "organization")

    def _invitation(self, request: Request) -> OrganizationInvitation:
        invitations = {held.id: held for held in self._organization(request).invitations}
        return known(invitations, request, "invitation_id", "invitation")


def _with_organization(invitation: OrganizationInvitation) -> dict[str, object]:
    public = public_organization_data(invitation.organization)
    return {**described_organization_invitation(invitation), "public_organization_data": public}


def _listed(
    invitations: Iterable[OrganizationInvitation],
    query: _WithStatus,
    order_by: str,
    described: Callable[
        [OrganizationInvitation], dict[str, object]
    ] = described_organization_invitation,
) -> object:
    matching = [invitation for invitation in invitations if invitation.status in query.status]
    page = query.of(ordered(matching, order_by, _FIELDS))
    return {"data": [described(held) for held in page], "total_count": len(matching)}
