"""A Clerk of your own, for development and tests: LocalClerk, and tokens good and evil."""

from clerk_fastapi.testing.forgery import FORGERIES
from clerk_fastapi.testing.local import LocalClerk
from clerk_fastapi.testing.machine_forgery import (
    HANDSHAKE_FORGERIES,
    M2M_FORGERIES,
    OAUTH_FORGERIES,
)
from clerk_fastapi.testing.records import (
    Activity,
    ApiKey,
    Browser,
    EmailAddress,
    Invitation,
    JwtTemplate,
    M2MToken,
    Machine,
    MachineToken,
    Membership,
    OAuthToken,
    Organization,
    OrganizationInvitation,
    Session,
    Ticket,
    User,
)
from clerk_fastapi.testing.routes import assert_routes_guarded
from clerk_fastapi.testing.seed import SEED_CLAIMS, SeededMember, seed
from clerk_fastapi.testing.signing import SigningKey
from clerk_fastapi.testing.tokens import ABSENT
from clerk_fastapi.testing.webhooks import WebhookEndpoint

__all__ = [
    "ABSENT",
    "FORGERIES",
    "HANDSHAKE_FORGERIES",
    "M2M_FORGERIES",
    "OAUTH_FORGERIES",
    "SEED_CLAIMS",
    "Activity",
    "ApiKey",
    "Browser",
    "EmailAddress",
    "Invitation",
    "JwtTemplate",
    "LocalClerk",
    "M2MToken",
    "Machine",
    "MachineToken",
    "Membership",
    "OAuthToken",
    "Organization",
    "OrganizationInvitation",
    "SeededMember",
    "Session",
    "SigningKey",
    "Ticket",
    "User",
    "WebhookEndpoint",
    "assert_routes_guarded",
    "seed",
]
