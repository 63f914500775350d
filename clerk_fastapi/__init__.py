"""Clerk for FastAPI: typed session claims, guards, and a local Clerk to develop against."""

from clerk_fastapi._version import __version__
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.state import SignedIn, SignedOut, State
from clerk_fastapi.errors import (
    AccessDenied,
    BackendError,
    BackendUnavailable,
    ClerkError,
    ConfigurationError,
    ReverificationRequired,
    TokenError,
)
from clerk_fastapi.protocol.authorization import (
    Feature,
    Fresh,
    Organization,
    Permission,
    Plan,
    Requirement,
    Reverified,
    Role,
)
from clerk_fastapi.protocol.claims import Actor, SessionClaims, custom_claims_size
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.web.clerk import Clerk
from clerk_fastapi.web.guards import (
    CurrentAuth,
    Guard,
    optional_auth,
    require,
    require_auth,
    require_feature,
    require_organization,
    require_permission,
    require_plan,
    require_reverification,
    require_role,
)
from clerk_fastapi.web.openapi import document

__all__ = [
    "AccessDenied",
    "Actor",
    "Auth",
    "BackendError",
    "BackendUnavailable",
    "Clerk",
    "ClerkError",
    "ConfigurationError",
    "CurrentAuth",
    "Feature",
    "Fresh",
    "Guard",
    "Identity",
    "Organization",
    "Permission",
    "Plan",
    "Requirement",
    "ReverificationRequired",
    "Reverified",
    "Role",
    "SessionClaims",
    "SignedIn",
    "SignedOut",
    "State",
    "TokenError",
    "__version__",
    "custom_claims_size",
    "document",
    "optional_auth",
    "require",
    "require_auth",
    "require_feature",
    "require_organization",
    "require_permission",
    "require_plan",
    "require_reverification",
    "require_role",
]
