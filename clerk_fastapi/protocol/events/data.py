"""What events are about, beyond users and organizations."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from clerk_fastapi.protocol.organizations import PublicOrganizationData, PublicUserData
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
from clerk_fastapi.protocol.users import User

__all__ = [
    "Deleted",
    "Domain",
    "DomainVerification",
    "Email",
    "Invitation",
    "Permission",
    "Role",
    "Session",
    "SessionActivity",
    "SessionTask",
    "SmsMessage",
    "WaitlistEntry",
]


class _Record(Resource):
    id: Name
    created_at: Milliseconds | None = None
    updated_at: Milliseconds | None = None


class Deleted(Resource):
    """What is left of an object: its kind and its id."""

    id: Name
    object: Text | None = None
    deleted: Flag | None = None
    slug: Text | None = None
    external_id: Text | None = None


class SessionActivity(Resource):
    """Where a session was last seen."""

    id: Text | None = None
    device_type: Text | None = None
    is_mobile: Flag | None = None
    browser_name: Text | None = None
    browser_version: Text | None = None
    ip_address: Text | None = None
    city: Text | None = None
    country: Text | None = None


class SessionTask(Resource):
    """What is left to do before a pending session is active."""

    key: Text


class Session(_Record):
    """A signed-in user in one browser."""

    user_id: Name
    client_id: Text | None = None
    status: Name | None = None
    user: User | None = None
    actor: dict[str, Any] | None = None
    last_active_organization_id: Text | None = None
    latest_activity: SessionActivity | None = None
    tasks: Several[SessionTask] = ()
    last_active_at: Milliseconds | None = None
    expire_at: Milliseconds | None = None
    abandon_at: Milliseconds | None = None


class Invitation(_Record):
    """Somebody asked to join an organization; ``user_id`` is who accepted."""

    organization_id: Text | None = None
    email_address: Text | None = None
    role: Text | None = None
    role_name: Text | None = None
    status: Name | None = None
    user_id: Name | None = None
    inviter_id: Text | None = None
    public_inviter_data: PublicUserData | None = None
    public_organization_data: PublicOrganizationData | None = None
    public_metadata: Metadata = Field(default_factory=dict)
    url: Text | None = None
    expires_at: Milliseconds | None = None

    @property
    def private_metadata(self) -> dict[str, Any]:
        """What only the backend may know; part of no dump and no response."""
        return self._private_metadata


class DomainVerification(Resource):
    """How it was found out that a domain belongs to an organization."""

    status: Text | None = None
    strategy: Text | None = None
    attempts: Count | None = None
    expires_at: Milliseconds | None = None


class Domain(_Record):
    """A domain whose users may join an organization."""

    organization_id: Text | None = None
    name: Text | None = None
    enrollment_mode: Text | None = None
    affiliation_email_address: Text | None = None
    verification: DomainVerification | None = None
    total_pending_invitations: Count | None = None
    total_pending_suggestions: Count | None = None


class Permission(_Record):
    """What a role may allow, such as ``org:data:read``."""

    key: Text | None = None
    name: Text | None = None
    description: Text | None = None
    type: Text | None = None


class Role(_Record):
    """What members can be, such as ``org:admin``."""

    key: Text | None = None
    name: Text | None = None
    description: Text | None = None
    is_creator_eligible: Flag | None = None
    permissions: Several[Permission] = ()


class Email(_Record):
    """An email to a user, which the application sends itself unless ``delivered_by_clerk``."""

    slug: Text | None = None
    from_email_name: Text | None = None
    to_email_address: Text | None = None
    email_address_id: Text | None = None
    user_id: Name | None = None
    subject: Text | None = None
    body: Text | None = None
    body_plain: Text | None = None
    status: Name | None = None
    data: dict[str, Any] | None = None
    delivered_by_clerk: Flag | None = None


class SmsMessage(_Record):
    """A message to a user's phone; the application sends it unless ``delivered_by_clerk``."""

    slug: Text | None = None
    from_phone_number: Text | None = None
    to_phone_number: Text | None = None
    phone_number_id: Text | None = None
    user_id: Name | None = None
    message: Text | None = None
    status: Name | None = None
    data: dict[str, Any] | None = None
    delivered_by_clerk: Flag | None = None


class WaitlistEntry(_Record):
    """Somebody who waits to be let in."""

    email_address: Text | None = None
    status: Name | None = None
    is_locked: Flag | None = None
