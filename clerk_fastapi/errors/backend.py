"""502 and 503: Clerk refused or could not be asked, and so with what workers remember together."""

from __future__ import annotations

from typing import NamedTuple

from clerk_fastapi.errors.root import ClerkError

__all__ = [
    "BackendError",
    "BackendRateLimited",
    "BackendUnavailable",
    "KeysUnavailable",
    "Problem",
    "ResourceNotFound",
    "SecretKeyRefused",
    "StoreUnavailable",
    "TemplateNotFound",
]


class Problem(NamedTuple):
    """One entry of ``errors`` in an answer of Clerk's; its texts may quote what was sent."""

    code: str
    message: str
    long_message: str | None = None
    meta: dict[str, object] | None = None


class BackendError(ClerkError):
    """Clerk's Backend API refused, or answered with something that is not part of the agreement.

    ``backend_status`` is the HTTP status that it answered with, ``errors`` what it said was wrong,
    and ``trace_id`` what its support asks for. None of them is sent on to callers.
    """

    code = "backend-error"
    status = 502
    sentence = "Clerk's API gave an unexpected answer."

    def __init__(
        self,
        message: str | None = None,
        *,
        backend_status: int | None = None,
        errors: tuple[Problem, ...] = (),
        trace_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.backend_status = backend_status
        self.errors = errors
        self.trace_id = trace_id


class ResourceNotFound(BackendError):
    """Clerk knows no user, session or organization of that id."""

    code = "resource-not-found"
    status = 404
    sentence = "Clerk knows nothing of that id; it may have been deleted."


class TemplateNotFound(BackendError):
    """Clerk knows no JWT template of the name that ``get_token`` was given."""

    code = "jwt-template-not-found"
    sentence = (
        "Clerk knows no JWT template of that name; create it on the JWT templates page of the "
        "Clerk dashboard."
    )


class BackendUnavailable(BackendError):
    """Clerk cannot be asked at the moment; ``retry_after`` is in whole seconds."""

    code = "backend-unavailable"
    status = 503
    sentence = "Clerk cannot be asked at the moment; try again shortly."

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after: int = 1,
        backend_status: int | None = None,
        errors: tuple[Problem, ...] = (),
        trace_id: str | None = None,
    ) -> None:
        super().__init__(message, backend_status=backend_status, errors=errors, trace_id=trace_id)
        self.retry_after = retry_after


class BackendRateLimited(BackendUnavailable):
    """This server has asked Clerk more often than its plan allows (429)."""

    code = "backend-rate-limited"
    sentence = "This server has asked Clerk too often; try again when Retry-After is over."


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


class StoreUnavailable(BackendUnavailable):
    """What workers remember together cannot be had, and the operator wants no guesses."""

    code = "store-unavailable"
    sentence = (
        "This server cannot reach what it remembers revocations, deliveries and limits with; try "
        "again shortly."
    )
