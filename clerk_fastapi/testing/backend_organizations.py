"""Organizations of the Backend API, and who is a member of which."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import AwareDatetime, Field
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
from clerk_fastapi.testing.described import deleted, described_organization
from clerk_fastapi.testing.endpoints import endpoint
from clerk_fastapi.testing.instance import Instance
from clerk_fastapi.testing.records import Organization
from clerk_fastapi.testing.registry import merged

__all__ = ["organization_endpoints"]

_FIELDS: Final[Mapping[str, Callable[[Organization], Any]]] = {
    "created_at": lambda organization: organization.created_at,
    "name": lambda organization: organization.name,
    "members_count": lambda organization: organization.members_count,
}


class _Organizations(Page):
    query: str = ""
    user_id: Names = ()
    organization_id: Names = ()
    order_by: str = "-created_at"
    include_members_count: bool = False
    include_missing_member_with_elevated_permissions: bool = False


class _NewOrganization(Body):
    name: str = Field(min_length=1)
    slug: str | None = None
    created_by: str | None = None
    max_allowed_memberships: int | None = Field(None, ge=0)
    public_metadata: Metadata | None = None
    private_metadata: Metadata | None = None
    created_at: AwareDatetime | None = None


class _ChangedOrganization(Body):
    name: str | None = Field(None, min_length=1)
    slug: str | None = None
    max_allowed_memberships: int | None = Field(None, ge=0)
    admin_delete_enabled: bool | None = None
    created_at: AwareDatetime | None = None


class _OrganizationMetadata(Body):
    public_metadata: Metadata | None = None
    private_metadata: Metadata | None = None


def organization_endpoints(instance: Instance) -> list[Route]:
    """All that begin with ``/organizations``, memberships apart."""
    organizations = _OrganizationEndpoints(instance)
    one = "/organizations/{organization_id}"
    return [
        endpoint("GET", "/organizations", organizations.page),
        endpoint("POST", "/organizations", organizations.create),
        endpoint("GET", one, organizations.get),
        endpoint("PATCH", one, organizations.update),
        endpoint("DELETE", one, organizations.delete),
        endpoint("PATCH", f"{one}/metadata", organizations.merge_metadata),
        endpoint("PUT", f"{one}/metadata", organizations.replace_metadata),
    ]


class _OrganizationEndpoints:
    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    async def page(self, request: Request) -> object:
        query = asked(request, _Organizations)
        matching = [
            organization
            for organization in self._instance.organizations.values()
            if self._matches(organization, query)
        ]
        page = query.of(ordered(matching, query.order_by, _FIELDS))
        data = [described_organization(organization) for organization in page]
        return {"data": data, "total_count": len(matching)}

    async def create(self, request: Request) -> object:
        body = await read(request, _NewOrganization)
        if body.created_by is not None and body.created_by not in self._instance.users:
            raise Refusal(422, "resource_not_found", "created_by is no user.", "created_by")
        given = _given(body)
        slug = given.pop("slug", None) or self._slug(body.name)
        organization = self._instance.add_organization(slug, **given)
        if body.created_by is not None:
            self._instance.add_member(organization, body.created_by, role="org:admin")
        return described_organization(organization)

    async def get(self, request: Request) -> object:
        named = request.path_params["organization_id"]
        organizations = self._instance.organizations
        slugs = {organization.slug: organization for organization in organizations.values()}
        found = organizations.get(named) or slugs.get(named)
        if found is None:
            raise not_found("organization")
        return described_organization(found)

    async def update(self, request: Request) -> object:
        organization = self._organization(request)
        given = _given(await read(request, _ChangedOrganization))
        return self._updated(organization, given)

    async def delete(self, request: Request) -> object:
        organization = self._organization(request)
        self._instance.delete_organization(organization)
        return deleted("organization", organization.id, slug=organization.slug)

    async def merge_metadata(self, request: Request) -> object:
        organization = self._organization(request)
        given = _given(await read(request, _OrganizationMetadata))
        changes = {name: merged(getattr(organization, name), new) for name, new in given.items()}
        return self._updated(organization, changes)

    async def replace_metadata(self, request: Request) -> object:
        organization = self._organization(request)
        return self._updated(organization, _given(await read(request, _OrganizationMetadata)))

    def _organization(self, request: Request) -> Organization:
        return known(self._instance.organizations, request, "organization_id", "organization")

    def _updated(self, organization: Organization, changes: dict[str, Any]) -> object:
        return described_organization(self._instance.update_organization(organization, **changes))

    def _matches(self, organization: Organization, query: _Organizations) -> bool:
        text = query.query.casefold()
        like = text in organization.name.casefold() or text in organization.slug
        members = [held.user.id for held in self._instance.members_of(organization)]
        return (
            (like or query.query == organization.id)
            and chosen(query.organization_id, [organization.id])
            and chosen(query.user_id, members)
        )

    def _slug(self, name: str) -> str:
        """Make a slug of a name, one that is free."""
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "organization"
        taken = {organization.slug for organization in self._instance.organizations.values()}
        number, slug = 1, base
        while slug in taken:
            number += 1
            slug = f"{base}-{number}"
        return slug


def _given(body: Body) -> dict[str, Any]:
    given = body.model_dump(exclude_none=True)
    if "created_at" in given:
        given["created_at"] = given["created_at"].timestamp()
    return given
