"""Clerk for FastAPI: typed session claims, guards, and a local Clerk to develop against."""

from clerk_fastapi._version import __version__
from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.machine import ApiKeyAuth, M2MAuth, MachineAuth, OAuthAuth
from clerk_fastapi.engine.state import Handshake, SignedIn, SignedOut, State
from clerk_fastapi.errors import (
    AccessDenied,
    BackendError,
    BackendUnavailable,
    ClerkError,
    ConfigurationError,
    HandshakeRequired,
    RateLimited,
    ResourceNotFound,
    ReverificationRequired,
    SessionEnded,
    StoreUnavailable,
    TemplateNotFound,
    TokenError,
    WebhookRefused,
)
from clerk_fastapi.protocol import events
from clerk_fastapi.protocol.authorization import (
    Feature,
    Fresh,
    Organization,
    Permission,
    Plan,
    Requirement,
    Reverified,
    Role,
    Scope,
)
from clerk_fastapi.protocol.claims import Actor, SessionClaims, custom_claims_size
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.machine import TokenType
from clerk_fastapi.protocol.site import OrganizationSync
from clerk_fastapi.protocol.users import User
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.web.clerk import Clerk
from clerk_fastapi.web.current import (
    BackendApi,
    CurrentOrganization,
    CurrentUser,
    backend_api,
    current_organization,
    current_user,
)
from clerk_fastapi.web.guards import (
    CurrentAuth,
    Guard,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_feature,
    require_fresh,
    require_m2m,
    require_oauth,
    require_organization,
    require_permission,
    require_plan,
    require_reverification,
    require_role,
    require_scope,
)
from clerk_fastapi.web.middleware import ClerkMiddleware, MiddlewareOptions
from clerk_fastapi.web.openapi import document
from clerk_fastapi.web.pages import redirect_to_sign_in, redirect_to_sign_up, return_url
from clerk_fastapi.web.proxy import FrontendApiProxy
from clerk_fastapi.web.ratelimit import RateLimit, RateLimitRule
from clerk_fastapi.web.routing.policies import Policy
from clerk_fastapi.web.webhooks import Webhooks

__all__ = [
    "AccessDenied",
    "Actor",
    "ApiKeyAuth",
    "Auth",
    "BackendApi",
    "BackendError",
    "BackendUnavailable",
    "Clerk",
    "ClerkError",
    "ClerkMiddleware",
    "ConfigurationError",
    "CurrentAuth",
    "CurrentOrganization",
    "CurrentUser",
    "Feature",
    "Fresh",
    "FrontendApiProxy",
    "Guard",
    "Handshake",
    "HandshakeRequired",
    "Identity",
    "M2MAuth",
    "MachineAuth",
    "MemoryStore",
    "MiddlewareOptions",
    "OAuthAuth",
    "Organization",
    "OrganizationSync",
    "Permission",
    "Plan",
    "Policy",
    "RateLimit",
    "RateLimitRule",
    "RateLimited",
    "RedisStore",
    "Requirement",
    "ResourceNotFound",
    "ReverificationRequired",
    "Reverified",
    "Role",
    "Scope",
    "SessionClaims",
    "SessionEnded",
    "SignedIn",
    "SignedOut",
    "State",
    "StoreUnavailable",
    "TemplateNotFound",
    "TokenError",
    "TokenType",
    "User",
    "WebhookRefused",
    "Webhooks",
    "__version__",
    "backend_api",
    "current_organization",
    "current_user",
    "custom_claims_size",
    "document",
    "events",
    "optional_auth",
    "redirect_to_sign_in",
    "redirect_to_sign_up",
    "require",
    "require_api_key",
    "require_auth",
    "require_feature",
    "require_fresh",
    "require_m2m",
    "require_oauth",
    "require_organization",
    "require_permission",
    "require_plan",
    "require_reverification",
    "require_role",
    "require_scope",
    "return_url",
]
