"""The events that Clerk sends: which types there are, and what each one's data is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args

from clerk_fastapi.protocol.events.billing import PaymentAttempt, Subscription, SubscriptionItem
from clerk_fastapi.protocol.events.data import (
    Deleted,
    Domain,
    Email,
    Invitation,
    Permission,
    Role,
    Session,
    SmsMessage,
    WaitlistEntry,
)
from clerk_fastapi.protocol.events.envelope import Event
from clerk_fastapi.protocol.organizations import Membership, Organization
from clerk_fastapi.protocol.users import User

__all__ = [
    "EVENT_MODELS",
    "DomainDeletedEvent",
    "DomainDeletedEventType",
    "DomainEvent",
    "DomainEventType",
    "EmailEvent",
    "EmailEventType",
    "InvitationEvent",
    "InvitationEventType",
    "MembershipEvent",
    "MembershipEventType",
    "OrganizationDeletedEvent",
    "OrganizationDeletedEventType",
    "OrganizationEvent",
    "OrganizationEventType",
    "PaymentAttemptEvent",
    "PaymentAttemptEventType",
    "PermissionEvent",
    "PermissionEventType",
    "RoleEvent",
    "RoleEventType",
    "SessionEvent",
    "SessionEventType",
    "SmsEvent",
    "SmsEventType",
    "SubscriptionEvent",
    "SubscriptionEventType",
    "SubscriptionItemEvent",
    "SubscriptionItemEventType",
    "UserDeletedEvent",
    "UserDeletedEventType",
    "UserEvent",
    "UserEventType",
    "WaitlistEntryEvent",
    "WaitlistEntryEventType",
]

UserEventType: TypeAlias = Literal["user.created", "user.updated"]
UserDeletedEventType: TypeAlias = Literal["user.deleted"]
SessionEventType: TypeAlias = Literal[
    "session.created",
    "session.pending",
    "session.ended",
    "session.removed",
    "session.revoked",
]
OrganizationEventType: TypeAlias = Literal["organization.created", "organization.updated"]
OrganizationDeletedEventType: TypeAlias = Literal["organization.deleted"]
MembershipEventType: TypeAlias = Literal[
    "organizationMembership.created",
    "organizationMembership.updated",
    "organizationMembership.deleted",
]
InvitationEventType: TypeAlias = Literal[
    "organizationInvitation.created",
    "organizationInvitation.accepted",
    "organizationInvitation.revoked",
]
DomainEventType: TypeAlias = Literal["organizationDomain.created", "organizationDomain.updated"]
DomainDeletedEventType: TypeAlias = Literal["organizationDomain.deleted"]
RoleEventType: TypeAlias = Literal["role.created", "role.updated", "role.deleted"]
PermissionEventType: TypeAlias = Literal[
    "permission.created", "permission.updated", "permission.deleted"
]
EmailEventType: TypeAlias = Literal["email.created"]
SmsEventType: TypeAlias = Literal["sms.created"]
WaitlistEntryEventType: TypeAlias = Literal["waitlistEntry.created", "waitlistEntry.updated"]
PaymentAttemptEventType: TypeAlias = Literal["paymentAttempt.created", "paymentAttempt.updated"]
SubscriptionEventType: TypeAlias = Literal[
    "subscription.created",
    "subscription.updated",
    "subscription.active",
    "subscription.pastDue",
]
SubscriptionItemEventType: TypeAlias = Literal[
    "subscriptionItem.created",
    "subscriptionItem.updated",
    "subscriptionItem.active",
    "subscriptionItem.canceled",
    "subscriptionItem.upcoming",
    "subscriptionItem.ended",
    "subscriptionItem.abandoned",
    "subscriptionItem.incomplete",
    "subscriptionItem.pastDue",
    "subscriptionItem.freeTrialEnding",
]


class UserEvent(Event[User], frozen=True):
    """A user was added or changed; whoever is banned or locked is changed, too."""

    type: UserEventType


class UserDeletedEvent(Event[Deleted], frozen=True):
    """A user is gone."""

    type: UserDeletedEventType


class SessionEvent(Event[Session], frozen=True):
    """Somebody signed in or out, or was signed out."""

    type: SessionEventType


class OrganizationEvent(Event[Organization], frozen=True):
    """An organization was added or changed."""

    type: OrganizationEventType


class OrganizationDeletedEvent(Event[Deleted], frozen=True):
    """An organization is gone, and all memberships with it."""

    type: OrganizationDeletedEventType


class MembershipEvent(Event[Membership], frozen=True):
    """Somebody joined or left an organization, or has another role in it."""

    type: MembershipEventType


class InvitationEvent(Event[Invitation], frozen=True):
    """Somebody was asked to join an organization, and what became of it."""

    type: InvitationEventType


class DomainEvent(Event[Domain], frozen=True):
    """A domain was added to an organization, or changed."""

    type: DomainEventType


class DomainDeletedEvent(Event[Deleted], frozen=True):
    """A domain is gone from its organization."""

    type: DomainDeletedEventType


class RoleEvent(Event[Role], frozen=True):
    """What members can be has changed."""

    type: RoleEventType


class PermissionEvent(Event[Permission], frozen=True):
    """What roles can allow has changed."""

    type: PermissionEventType


class EmailEvent(Event[Email], frozen=True):
    """An email is on its way, or yours to send."""

    type: EmailEventType


class SmsEvent(Event[SmsMessage], frozen=True):
    """A message is on its way to a phone, or yours to send."""

    type: SmsEventType


class WaitlistEntryEvent(Event[WaitlistEntry], frozen=True):
    """Somebody waits to be let in, or need not wait any longer."""

    type: WaitlistEntryEventType


class PaymentAttemptEvent(Event[PaymentAttempt], frozen=True):
    """A payment was tried."""

    type: PaymentAttemptEventType


class SubscriptionEvent(Event[Subscription], frozen=True):
    """What somebody has subscribed to has changed."""

    type: SubscriptionEventType


class SubscriptionItemEvent(Event[SubscriptionItem], frozen=True):
    """One plan of a subscription has changed."""

    type: SubscriptionItemEventType


_FAMILIES: Final[tuple[type[Event[Any]], ...]] = (
    UserEvent,
    UserDeletedEvent,
    SessionEvent,
    OrganizationEvent,
    OrganizationDeletedEvent,
    MembershipEvent,
    InvitationEvent,
    DomainEvent,
    DomainDeletedEvent,
    RoleEvent,
    PermissionEvent,
    EmailEvent,
    SmsEvent,
    WaitlistEntryEvent,
    PaymentAttemptEvent,
    SubscriptionEvent,
    SubscriptionItemEvent,
)

EVENT_MODELS: Final[Mapping[str, type[Event[Any]]]] = MappingProxyType(
    {
        name: family
        for family in _FAMILIES
        for name in get_args(family.model_fields["type"].annotation)
    }
)
"""The model of each type of event that is known: its keys are all known types."""
