"""Every way it can go wrong: a stable code, an HTTP status and one sentence with the cure.

    ClerkError                          code · status · message
    ├── ConfigurationError         500  a developer's mistake, said at start-up
    ├── TokenError                 401  one leaf for each reason code
    ├── HandshakeRequired          307  .location: the browser goes to Clerk and comes back
    ├── AccessDenied               403  .missing says what the route demanded
    │   └── ReverificationRequired      the body that Clerk's browser SDK looks for
    ├── RateLimited                429  .retry_after
    ├── WebhookRefused             400  a delivery that Clerk did not send like this
    ├── WebhookHandlerFailed       500  a delivery that has to come again
    ├── WebhookBusy                503  likewise; .retry_after
    └── BackendError               502  Clerk refused; .backend_status .errors .trace_id
        ├── ResourceNotFound       404  Clerk knows nothing of that id
        └── BackendUnavailable     503  .retry_after; an outage is not the caller's fault

Reason codes are Clerk's own, word for word, wherever Clerk has one. No message ever holds a token,
a key or the value of a claim.
"""

from clerk_fastapi.errors.access import (
    AccessDenied,
    Demand,
    ReverificationRequired,
)
from clerk_fastapi.errors.backend import (
    BackendError,
    BackendRateLimited,
    BackendUnavailable,
    KeysUnavailable,
    Problem,
    ResourceNotFound,
    SecretKeyRefused,
    StoreUnavailable,
    TemplateNotFound,
)
from clerk_fastapi.errors.browser import (
    ClientUatMissing,
    CrossOriginSync,
    DevBrowserMissing,
    DevBrowserSync,
    HandshakeRequired,
    OrganizationMismatch,
    OriginMismatch,
    PrimaryRespondsToSyncing,
    SatelliteNeedsSyncing,
    SessionCookieMissing,
    SessionSuperseded,
    SessionTokenMissing,
)
from clerk_fastapi.errors.limits import RateLimited
from clerk_fastapi.errors.root import (
    ClerkError,
    ConfigurationError,
    TokenError,
)
from clerk_fastapi.errors.token import (
    CredentialsMissing,
    CustomClaimsInvalid,
    KeyIdMismatch,
    MachineTokenMissing,
    SessionEnded,
    SessionPending,
    SessionTooOld,
    TokenExpired,
    TokenInvalid,
    TokenInvalidAlgorithm,
    TokenInvalidAuthorizedParties,
    TokenInvalidIssuer,
    TokenInvalidSignature,
    TokenIssuedInFuture,
    TokenNotActiveYet,
    TokenNotUnderstood,
    TokenTypeMismatch,
    TokenVerificationFailed,
)
from clerk_fastapi.errors.webhook import (
    WebhookBodyInvalid,
    WebhookBusy,
    WebhookHandlerFailed,
    WebhookHeadersMissing,
    WebhookRefused,
    WebhookReplayed,
    WebhookSignatureInvalid,
    WebhookTimestampInvalid,
)

__all__ = [
    "AccessDenied",
    "BackendError",
    "BackendRateLimited",
    "BackendUnavailable",
    "ClerkError",
    "ClientUatMissing",
    "ConfigurationError",
    "CredentialsMissing",
    "CrossOriginSync",
    "CustomClaimsInvalid",
    "Demand",
    "DevBrowserMissing",
    "DevBrowserSync",
    "HandshakeRequired",
    "KeyIdMismatch",
    "KeysUnavailable",
    "MachineTokenMissing",
    "OrganizationMismatch",
    "OriginMismatch",
    "PrimaryRespondsToSyncing",
    "Problem",
    "RateLimited",
    "ResourceNotFound",
    "ReverificationRequired",
    "SatelliteNeedsSyncing",
    "SecretKeyRefused",
    "SessionCookieMissing",
    "SessionEnded",
    "SessionPending",
    "SessionSuperseded",
    "SessionTokenMissing",
    "SessionTooOld",
    "StoreUnavailable",
    "TemplateNotFound",
    "TokenError",
    "TokenExpired",
    "TokenInvalid",
    "TokenInvalidAlgorithm",
    "TokenInvalidAuthorizedParties",
    "TokenInvalidIssuer",
    "TokenInvalidSignature",
    "TokenIssuedInFuture",
    "TokenNotActiveYet",
    "TokenNotUnderstood",
    "TokenTypeMismatch",
    "TokenVerificationFailed",
    "WebhookBodyInvalid",
    "WebhookBusy",
    "WebhookHandlerFailed",
    "WebhookHeadersMissing",
    "WebhookRefused",
    "WebhookReplayed",
    "WebhookSignatureInvalid",
    "WebhookTimestampInvalid",
]
