"""Every way it can go wrong: a stable code, an HTTP status and one sentence with the cure.

    ClerkError                          code · status · message
    ├── ConfigurationError         500  a developer's mistake, said at start-up
    ├── TokenError                 401  one leaf for each reason code
    ├── HandshakeRequired          307  .location: the browser goes to Clerk and comes back
    ├── AccessDenied               403  .missing says what the route demanded
    │   └── ReverificationRequired      the body that Clerk's browser SDK looks for
    └── BackendError               502  Clerk answered, but not as agreed
        └── BackendUnavailable     503  .retry_after; an outage is not the caller's fault

Reason codes are Clerk's own, word for word, wherever Clerk has one. No message ever holds a token,
a key or the value of a claim.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

__all__ = [
    "AccessDenied",
    "BackendError",
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
    "ReverificationRequired",
    "SatelliteNeedsSyncing",
    "SecretKeyRefused",
    "SessionCookieMissing",
    "SessionPending",
    "SessionSuperseded",
    "SessionTokenMissing",
    "SessionTooOld",
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
]


class ClerkError(Exception):
    """The root of every error this package raises.

    ``code`` is stable and fit for programs, ``status`` is the HTTP status it becomes, and
    ``message`` is one sentence for people, with the cure in it.
    """

    code: ClassVar[str] = "clerk-error"
    status: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something went wrong while talking to Clerk."

    def __init__(self, message: str | None = None) -> None:
        self.message = message or self.sentence
        super().__init__(self.message)


class ConfigurationError(ClerkError):
    """A developer's or operator's mistake, found at start-up and said with its cure."""

    code = "configuration-error"
    sentence = "The Clerk configuration is wrong."


# --- 401: who is asking cannot be believed
# ---------------------------------------------------------


class TokenError(ClerkError):
    """A credential that is missing or not believed; ``code`` is the reason."""

    code = "token-verification-failed"
    status = 401
    sentence = "The session token could not be verified; sign in again."


class CredentialsMissing(TokenError):
    """The request carried neither a bearer token nor a session cookie."""

    code = "session-token-and-uat-missing"
    sentence = "Sign in first: the request carries no session token."


class ClientUatMissing(TokenError):
    """A session cookie, but the ``__client_uat`` cookie says that nobody is signed in."""

    code = "session-token-but-no-client-uat"
    sentence = (
        "This browser has signed out, or its __client_uat cookie is missing; sign in again, or "
        "send the token as 'Authorization: Bearer <session token>'."
    )


class SessionCookieMissing(TokenError):
    """The ``__client_uat`` cookie says that somebody is signed in, but no session cookie came."""

    code = "client-uat-but-no-session-token"
    sentence = "The session cookie is missing; open a page of this site, or fetch a fresh token."


class SessionSuperseded(TokenError):
    """The ``__client_uat`` cookie is newer than the session token beside it."""

    code = "session-token-iat-before-client-uat"
    sentence = "The browser's session changed after this token was issued; fetch a fresh token."


class DevBrowserMissing(TokenError):
    """A development instance has not met this browser yet (``__clerk_db_jwt``)."""

    code = "dev-browser-missing"
    sentence = (
        "This browser is unknown to the development instance; open a page of this site first, or "
        "send the token as 'Authorization: Bearer <session token>'."
    )


class DevBrowserSync(TokenError):
    """The development instance hands its browser token over in the URL."""

    code = "dev-browser-sync"
    sentence = "The browser has to be introduced to the development instance; open the page anew."


class SatelliteNeedsSyncing(TokenError):
    """A satellite domain does not know yet who is signed in on the primary domain."""

    code = "satellite-needs-syncing"
    sentence = "This satellite domain has to be synchronized with its primary domain first."


class PrimaryRespondsToSyncing(TokenError):
    """The primary domain sends a browser back to the satellite domain it came from."""

    code = "primary-responds-to-syncing"
    sentence = "The browser is on its way back to the satellite domain it came from."


class CrossOriginSync(TokenError):
    """A page of another origin led here; the session may have changed there."""

    code = "primary-domain-cross-origin-sync"
    sentence = "The session has to be synchronized, because a page of another origin led here."


class OrganizationMismatch(TokenError):
    """The URL names another organization than the one that is active."""

    code = "active-organization-mismatch"
    sentence = "Another organization has to be made active for this page."


class SessionTokenMissing(TokenError):
    """A handshake with Clerk brought no session home."""

    code = "session-token-missing"
    sentence = "Sign in first: Clerk knows of no session in this browser."


class TokenNotUnderstood(TokenError):
    """Clerk was asked about a token and could not make sense of the question."""

    code = "unexpected-error"
    sentence = "Clerk cannot make sense of the token; send it unchanged, or get a new one."


class MachineTokenMissing(TokenError):
    """A route for machines was called without a token in the ``Authorization`` header."""

    code = "machine-token-missing"
    sentence = "Send a token: 'Authorization: Bearer <API key, M2M token or OAuth access token>'."


class OriginMismatch(TokenError):
    """A WebSocket opened with cookies by a page of another origin."""

    code = "websocket-origin-mismatch"
    sentence = (
        "This origin may not open WebSockets with the session cookie; "
        "add it to authorized_parties if it is yours."
    )


class TokenInvalid(TokenError):
    """Not a JSON Web Token as RFC 7515 section 7.1 writes it, or not one that Clerk writes."""

    code = "token-invalid"
    sentence = "The token is malformed; send 'Authorization: Bearer <session token>' unchanged."


class TokenTypeMismatch(TokenError):
    """A genuine kind of token, but not one this route accepts."""

    code = "token-type-mismatch"
    sentence = "This kind of token is not accepted here; send a Clerk session token."


class TokenInvalidAlgorithm(TokenError):
    """The ``alg`` header names an algorithm outside the allow-list (RFC 8725 section 3.1)."""

    code = "token-invalid-algorithm"
    sentence = "The token's signature algorithm is not accepted; Clerk signs with RS256."


class TokenInvalidSignature(TokenError):
    """The signature is not the instance's own."""

    code = "token-invalid-signature"
    sentence = "The token's signature is not valid for this Clerk instance; sign in again."


class KeyIdMismatch(TokenError):
    """No key of the instance has the ``kid`` that the token names."""

    code = "jwk-kid-mismatch"
    sentence = (
        "The token was signed with a key this Clerk instance does not publish; "
        "check that the browser and this server use keys of the same instance."
    )


class TokenVerificationFailed(TokenError):
    """A standard claim is missing, of the wrong type or out of range."""

    code = "token-verification-failed"
    sentence = "A standard claim of the token is missing or malformed; sign in again."


class CustomClaimsInvalid(TokenError):
    """A verified token whose custom claims do not fit the declared model."""

    code = "token-custom-claims-invalid"
    sentence = (
        "The token's custom claims do not fit this application's claims model; "
        "compare the model with 'Customize session token' in the Clerk dashboard."
    )


class TokenInvalidAuthorizedParties(TokenError):
    """The ``azp`` claim names an origin that is not authorized."""

    code = "token-invalid-authorized-parties"
    sentence = (
        "The token was issued to an origin that is not authorized here; "
        "add it to authorized_parties if it is yours."
    )


class TokenInvalidIssuer(TokenError):
    """The ``iss`` claim names another instance (RFC 7519 section 4.1.1)."""

    code = "token-invalid-issuer"
    sentence = (
        "The token comes from another Clerk instance; "
        "check that the browser and this server use keys of the same instance."
    )


class TokenExpired(TokenError):
    """The ``exp`` claim has passed (RFC 7519 section 4.1.4)."""

    code = "token-expired"
    sentence = "The token has expired; fetch a fresh one with getToken()."


class TokenNotActiveYet(TokenError):
    """The ``nbf`` claim has not come yet (RFC 7519 section 4.1.5)."""

    code = "token-not-active-yet"
    sentence = "The token is not valid yet; check the clocks of this server and of the issuer."


class TokenIssuedInFuture(TokenError):
    """The ``iat`` claim lies in the future (RFC 7519 section 4.1.6)."""

    code = "token-iat-in-the-future"
    sentence = (
        "The token was issued in the future; check the clocks of this server and of the issuer."
    )


class SessionPending(TokenError):
    """A session whose user still has tasks, such as choosing an organization."""

    code = "session-pending"
    sentence = "The session is pending; finish the remaining sign-in tasks first."


class SessionTooOld(TokenError):
    """A session older than the route allows (``Fresh``)."""

    code = "session-too-old"
    sentence = "The session is too old for this; sign in again."


# --- 307: who is asking is not known before the browser has been to Clerk and back ----------------


class HandshakeRequired(ClerkError):
    """The browser has to go to ``location`` and comes back with fresh cookies.

    ``cookies`` are the values of the ``Set-Cookie`` headers to send along, ``reason`` is Clerk's.
    """

    code = "handshake"
    status = 307
    sentence = "The browser has to fetch a fresh session from Clerk first."

    def __init__(self, reason: str, location: str, cookies: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.reason = reason
        self.location = location
        self.cookies = cookies


# --- 403: known, but not allowed ------------------------------------------------------------------


class Demand(Protocol):
    """What a route demanded, able to say so: every ``Requirement`` is one."""

    def describe(self) -> str:
        """Say it in words."""
        ...

    def to_json(self) -> dict[str, object]:
        """Say it to programs."""
        ...


class AccessDenied(ClerkError):
    """Signed in, but something that the route demands is missing."""

    code = "permission-denied"
    status = 403
    sentence = "You are not allowed to do this."

    def __init__(self, missing: Demand) -> None:
        super().__init__(f"This needs {missing.describe()}.")
        self.missing = missing


class ReverificationRequired(AccessDenied):
    """The user must prove once more who they are; the browser SDK asks them when it sees this."""

    code = "reverification-error"


# --- 502 and 503: Clerk could not be asked --------------------------------------------------------


class BackendError(ClerkError):
    """Clerk's Backend API answered with something that is not part of the agreement."""

    code = "backend-error"
    status = 502
    sentence = "Clerk's API gave an unexpected answer."


class BackendUnavailable(BackendError):
    """Clerk cannot be asked at the moment; ``retry_after`` is in whole seconds."""

    code = "backend-unavailable"
    status = 503
    sentence = "Clerk cannot be asked at the moment; try again shortly."

    def __init__(self, message: str | None = None, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class KeysUnavailable(BackendUnavailable):
    """The instance's signing keys cannot be had, so that no session token can be verified."""

    code = "jwk-remote-failed-to-load"
    sentence = "Clerk's signing keys cannot be fetched at the moment; try again shortly."


class SecretKeyRefused(BackendUnavailable):
    """Clerk does not accept the secret key that this server was given."""

    code = "secret-key-invalid"
    sentence = (
        "Clerk refuses this server's secret key; the operator must set a valid CLERK_SECRET_KEY."
    )
