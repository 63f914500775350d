"""401: a token that is missing or not believed; each leaf is a reason code."""

from __future__ import annotations

from clerk_fastapi.errors.root import TokenError

__all__ = [
    "CredentialsMissing",
    "CustomClaimsInvalid",
    "KeyIdMismatch",
    "MachineTokenMissing",
    "SessionEnded",
    "SessionPending",
    "SessionTooOld",
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


class CredentialsMissing(TokenError):
    """The request carried neither a bearer token nor a session cookie."""

    code = "session-token-and-uat-missing"
    sentence = "Sign in first: the request carries no session token."


class TokenNotUnderstood(TokenError):
    """Clerk was asked about a token and could not make sense of the question."""

    code = "unexpected-error"
    sentence = "Clerk cannot make sense of the token; send it unchanged, or get a new one."


class MachineTokenMissing(TokenError):
    """A route for machines was called without a token in the ``Authorization`` header."""

    code = "machine-token-missing"
    sentence = "Send a token: 'Authorization: Bearer <API key, M2M token or OAuth access token>'."


class TokenInvalid(TokenError):
    """Not a JSON Web Token as RFC 7515 section 7.1 writes it, or not one that Clerk writes."""

    code = "token-invalid"
    sentence = "The token is malformed; send 'Authorization: Bearer <token>' unchanged."


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


class SessionEnded(TokenError):
    """The session was signed out, revoked or has expired, or its user was deleted or blocked."""

    code = "session-ended"
    sentence = "The session has ended or was revoked; sign in again."


class SessionPending(TokenError):
    """A session whose user still has tasks, such as choosing an organization."""

    code = "session-pending"
    sentence = "The session is pending; finish the remaining sign-in tasks first."


class SessionTooOld(TokenError):
    """A session older than the route allows (``Fresh``)."""

    code = "session-too-old"
    sentence = "The session is too old for this; sign in again."
