"""Every error has a stable code, a status and a sentence with the cure."""

import inspect

import pytest

from clerk_fastapi import Permission, Reverified, errors
from clerk_fastapi.errors import (
    AccessDenied,
    BackendError,
    BackendUnavailable,
    ClerkError,
    ConfigurationError,
    ResourceNotFound,
    ReverificationRequired,
    SecretKeyRefused,
    TokenError,
)

CODES = {
    "AccessDenied": (403, "permission-denied"),
    "BackendError": (502, "backend-error"),
    "BackendRateLimited": (503, "backend-rate-limited"),
    "BackendUnavailable": (503, "backend-unavailable"),
    "ClientUatMissing": (401, "session-token-but-no-client-uat"),
    "ConfigurationError": (500, "configuration-error"),
    "CredentialsMissing": (401, "session-token-and-uat-missing"),
    "CrossOriginSync": (401, "primary-domain-cross-origin-sync"),
    "CustomClaimsInvalid": (401, "token-custom-claims-invalid"),
    "DevBrowserMissing": (401, "dev-browser-missing"),
    "DevBrowserSync": (401, "dev-browser-sync"),
    "HandshakeRequired": (307, "handshake"),
    "KeyIdMismatch": (401, "jwk-kid-mismatch"),
    "KeysUnavailable": (503, "jwk-remote-failed-to-load"),
    "MachineTokenMissing": (401, "machine-token-missing"),
    "OrganizationMismatch": (401, "active-organization-mismatch"),
    "OriginMismatch": (401, "websocket-origin-mismatch"),
    "PrimaryRespondsToSyncing": (401, "primary-responds-to-syncing"),
    "RateLimited": (429, "rate-limited"),
    "ResourceNotFound": (404, "resource-not-found"),
    "ReverificationRequired": (403, "reverification-error"),
    "SatelliteNeedsSyncing": (401, "satellite-needs-syncing"),
    "SecretKeyRefused": (503, "secret-key-invalid"),
    "SessionCookieMissing": (401, "client-uat-but-no-session-token"),
    "SessionEnded": (401, "session-ended"),
    "SessionPending": (401, "session-pending"),
    "SessionSuperseded": (401, "session-token-iat-before-client-uat"),
    "SessionTokenMissing": (401, "session-token-missing"),
    "SessionTooOld": (401, "session-too-old"),
    "StoreUnavailable": (503, "store-unavailable"),
    "TemplateNotFound": (502, "jwt-template-not-found"),
    "TokenExpired": (401, "token-expired"),
    "TokenInvalid": (401, "token-invalid"),
    "TokenInvalidAlgorithm": (401, "token-invalid-algorithm"),
    "TokenInvalidAuthorizedParties": (401, "token-invalid-authorized-parties"),
    "TokenInvalidIssuer": (401, "token-invalid-issuer"),
    "TokenInvalidSignature": (401, "token-invalid-signature"),
    "TokenIssuedInFuture": (401, "token-iat-in-the-future"),
    "TokenNotActiveYet": (401, "token-not-active-yet"),
    "TokenNotUnderstood": (401, "unexpected-error"),
    "TokenTypeMismatch": (401, "token-type-mismatch"),
    "TokenVerificationFailed": (401, "token-verification-failed"),
    "WebhookBodyInvalid": (400, "webhook-body-invalid"),
    "WebhookBusy": (503, "webhook-busy"),
    "WebhookHandlerFailed": (500, "webhook-handler-failed"),
    "WebhookHeadersMissing": (400, "webhook-headers-missing"),
    "WebhookRefused": (400, "webhook-refused"),
    "WebhookReplayed": (400, "webhook-replayed"),
    "WebhookSignatureInvalid": (400, "webhook-signature-invalid"),
    "WebhookTimestampInvalid": (400, "webhook-timestamp-invalid"),
}
ROOTS = {"ClerkError", "TokenError"}
LEAVES = {
    name: error
    for name, error in vars(errors).items()
    if inspect.isclass(error) and issubclass(error, ClerkError) and name not in ROOTS
}


def test_codes_and_statuses_are_a_promise() -> None:
    """Programs compare codes, so that none may change or appear unnoticed."""
    assert {name: (error.status, error.code) for name, error in LEAVES.items()} == CODES


def test_codes_tell_errors_apart() -> None:
    """No two errors share a code, or one could not be told from the other."""
    codes = [code for _, code in CODES.values()]
    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("error", LEAVES.values(), ids=LEAVES)
def test_sentence_is_for_people(error: type[ClerkError]) -> None:
    """Each error says something of its own, in whole sentences, about what it stands for."""
    assert error.sentence[0].isupper()
    assert error.sentence.endswith(".")
    assert error.__doc__ is not None
    assert error.__doc__ != ClerkError.__doc__


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        (ConfigurationError, ClerkError),
        (AccessDenied, ClerkError),
        (ReverificationRequired, AccessDenied),
        (BackendError, ClerkError),
        (BackendUnavailable, BackendError),
        (SecretKeyRefused, BackendUnavailable),
    ],
)
def test_tree_is_as_drawn(child: type[ClerkError], parent: type[ClerkError]) -> None:
    """Catching a branch catches what hangs from it."""
    assert child.__bases__ == (parent,)


def test_every_401_is_a_token_error() -> None:
    """Who is not believed gets 401, and nothing else does."""
    for error in LEAVES.values():
        assert issubclass(error, TokenError) == (error.status == 401)


def test_outage_is_not_the_callers_fault() -> None:
    """No error about Clerk itself passes for one about the token."""
    for error in LEAVES.values():
        if issubclass(error, BackendError) and error is not ResourceNotFound:
            assert error.status in (502, 503)
            assert not issubclass(error, TokenError)


def test_message_is_the_sentence_unless_said_otherwise() -> None:
    """What is raised bare explains itself."""
    assert ConfigurationError().message == ConfigurationError.sentence
    assert str(ConfigurationError("Set CLERK_SECRET_KEY.")) == "Set CLERK_SECRET_KEY."
    assert TokenError("Sign in again.").message == "Sign in again."


def test_denial_carries_what_was_missing() -> None:
    """A 403 names what the route demanded, in words and as a value."""
    denied = AccessDenied(Permission("data:read"))
    assert denied.missing == Permission("data:read")
    assert denied.message == "This needs permission org:data:read."
    again = ReverificationRequired(Reverified("strict"))
    assert again.missing == Reverified("strict")
    assert again.message == "This needs a recent verification of the user's identity."


def test_outage_says_when_to_come_back() -> None:
    """A 503 has whole seconds for Retry-After."""
    assert BackendUnavailable().retry_after == 1
    assert BackendUnavailable(retry_after=7).retry_after == 7
    assert SecretKeyRefused("Set a key.", retry_after=60).message == "Set a key."
