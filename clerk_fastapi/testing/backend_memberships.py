"""Memberships of the Backend API: of one organization, and of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.routing import Route

from clerk_fastapi.testing.answers import Refusal, not_found
from clerk_fastapi.testing.asking import (
    Body,
    Metadata,
    Names,
    Page,
    asked,
    chosen,
    known,
    ordered,
    read,
)
from clerk_fastapi.testing.described import described_membership
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import Membership, Organization, User
from clerk_fastapi.testing.registry import merged
from clerk_fastapi.testing.user_filters import USER_FIELDS, UserFilters, matching

__all__ = ["check_role", "membership_endpoints"]

_ALWAYS_THERE = ("org:admin", "org:member")


class _Order(Page):
    order_by: str = "-created_at"


class _Members(UserFilters, _Order):
    role: Names = ()


class _NewMember(Body):
    user_id: str
    role: str
    public_metadata: Metadata | None = None
    private_metadata: Metadata | None = None


class _ChangedMember(Body):
    role: str


class _MemberMetadata(Body):
    public_metadata: Metadata | None = None
    private_metadata: Metadata | None = None


def _of_user(field: Callable[[User], Any]) -> Callable[[Membership], Any]:
    return lambda membership: field(membership.user)


_FIELDS: Final[Mapping[str, Callable[[Membership], Any]]] = {
    **{name: _of_user(field) for name, field in USER_FIELDS.items()},
    "created_at": lambda membership: membership.created_at,
}


def membership_endpoints(instance: Instance) -> list[Route]:
    """The members of ``/organizations/{organization_id}``, and ``/organization_memberships``."""
    members = _MembershipEndpoints(instance)
    several = "/organizations/{organization_id}/memberships"
    one = several + "/{user_id}"
    return [
        endpoint("GET", "/organization_memberships", members.page_of_all),
        endpoint("GET", several, members.page),
        endpoint("POST", several, members.create),
        endpoint("PATCH", one, members.update),
        endpoint("DELETE", one, members.delete),
        endpoint("PATCH", f"{one}/metadata", members.merge_metadata),
    ]


class _MembershipEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page_of_all(self, request: Request) -> object:
        return _listed(list(self._instance.memberships.values()), asked(request, _Order))

    async def page(self, request: Request) -> object:
        query = asked(request, _Members)
        users = {user.id for user in matching(self._instance, query)}
        members = [
            membership
            for membership in self._instance.members_of(self._organization(request))
            if membership.user.id in users and chosen(query.role, [membership.role])
        ]
        return _listed(members, query)

    async def create(self, request: Request) -> object:
        organization, body = self._organization(request), await read(request, _NewMember)
        if body.user_id not in self._instance.users:
            raise not_found("user")
        check_role(self._instance, body.role)
        if (organization.id, body.user_id) in self._instance.memberships:
            raise Refusal(
                400, "already_a_member_in_organization", "The user is a member already.", "user_id"
            )
        return described_membership(
            self._instance.add_member(
                organization, **body.model_dump(exclude={"user_id"}), user=body.user_id
            )
        )

    async def update(self, request: Request) -> object:
        held, body = self._membership(request), await read(request, _ChangedMember)
        check_role(self._instance, body.role)
        return described_membership(
            self._instance.update_member(held.organization, held.user, role=body.role)
        )

    async def delete(self, request: Request) -> object:
        held = self._membership(request)
        return described_membership(self._instance.remove_member(held.organization, held.user))

    async def merge_metadata(self, request: Request) -> object:
        held = self._membership(request)
        given = (await read(request, _MemberMetadata)).model_dump(exclude_none=True)
        changes: Any = {name: merged(getattr(held, name), new) for name, new in given.items()}
        return described_membership(
            self._instance.update_member(held.organization, held.user, **changes)
        )

    def _organization(self, request: Request) -> Organization:
        return known(self._instance.organizations, request, "organization_id", "organization")

    def _membership(self, request: Request) -> Membership:
        organization = self._organization(request)
        held = self._instance.memberships.get((organization.id, request.path_params["user_id"]))
        if held is None:
            raise not_found("membership")
        return held


def check_role(instance: Instance, role: str) -> None:
    """Refuse a role that nobody has declared.

    :raises HTTPException: 404, if it is one.
    """
    if role not in instance.roles and role not in _ALWAYS_THERE:
        raise not_found("role")


def _listed(memberships: list[Membership], query: _Order) -> object:
    page = query.of(ordered(memberships, query.order_by, _FIELDS))
    data = [described_membership(membership) for membership in page]
    return {"data": data, "total_count": len(memberships)}
