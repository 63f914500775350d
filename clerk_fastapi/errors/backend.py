"""502 and 503: Clerk could not be asked, or did not answer as agreed."""

from __future__ import annotations

from clerk_fastapi.errors.root import ClerkError

__all__ = [
    "BackendError",
    "BackendUnavailable",
    "KeysUnavailable",
    "SecretKeyRefused",
]


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
