"""Organizations and their members, as Clerk describes them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from clerk_fastapi.protocol.resource import (
    Count,
    Flag,
    Metadata,
    Milliseconds,
    Name,
    Resource,
    Several,
    Text,
)

__all__ = ["Membership", "Organization", "PublicOrganizationData", "PublicUserData"]


class PublicOrganizationData(Resource):
    """What an organization shows to those who are no members."""

    id: Name
    name: Text | None = None
    slug: Text | None = None
    image_url: Text | None = None
    has_image: Flag | None = None


class Organization(PublicOrganizationData):
    """A group of users."""

    members_count: Count | None = None
    pending_invitations_count: Count | None = None
    max_allowed_memberships: Count | None = None
    admin_delete_enabled: Flag | None = None
    public_metadata: Metadata = Field(default_factory=dict)
    created_by: Text | None = None
    created_at: Milliseconds | None = None
    updated_at: Milliseconds | None = None

    @property
    def private_metadata(self) -> dict[str, Any]:
        """What only the backend may know; part of no dump and no response."""
        return self._private_metadata


class PublicUserData(Resource):
    """What a member shows to the other members."""

    user_id: Name
    identifier: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None
    image_url: Text | None = None
    has_image: Flag | None = None
    banned: Flag | None = None


class Membership(Resource):
    """A user's place in an organization."""

    id: Name
    organization: Organization
    public_user_data: PublicUserData | None = None
    role: Text | None = None
    role_name: Text | None = None
    permissions: Several[Text] = ()
    public_metadata: Metadata = Field(default_factory=dict)
    created_at: Milliseconds | None = None
    updated_at: Milliseconds | None = None

    @property
    def private_metadata(self) -> dict[str, Any]:
        """What only the backend may know; part of no dump and no response."""
        return self._private_metadata

    @property
    def user_id(self) -> str | None:
        """Whose place it is."""
        return None if self.public_user_data is None else self.public_user_data.user_id
