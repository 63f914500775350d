"""Mistakes that type checkers must refuse: an ignore that is not needed is an error itself."""

from fastapi import FastAPI
from pydantic import BaseModel

from clerk_fastapi import (
    Auth,
    ClerkMiddleware,
    Guard,
    HandshakeRequired,
    M2MAuth,
    Policy,
    Reverified,
    SessionClaims,
    State,
    require,
)


class Metadata(BaseModel):
    """Public metadata with one field."""

    plan: str = "free"


class Claims(SessionClaims):
    """Session claims with one custom claim."""

    metadata: Metadata = Metadata()


def misspelt_claim(auth: Auth[Claims]) -> object:
    """The claim is called `metadata`."""
    return auth.claims.metadat  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def misspelt_field(auth: Auth[Claims]) -> object:
    """The field is called `plan`."""
    return auth.claims.metadata.plam  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def misspelt_requirement(auth: Auth[Claims]) -> object:
    """The keyword is called `permission`."""
    return auth.has(permision="org:data:read")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def unknown_level() -> Reverified:
    """There is no third factor."""
    return Reverified(level="third_factor", after_minutes=10)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def unknown_kind() -> Guard:
    """The kind is called `api_key`."""
    return require(accepts_token="api-key")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def unknown_kind_in_a_list() -> Guard:
    """Lists are checked, too."""
    return require(accepts_token=["session_token", "m2m"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def forgotten_refusal(state: State[Auth]) -> Auth:
    """Whoever was not sent to Clerk is not yet somebody."""
    if state.status == "handshake":
        raise HandshakeRequired(state.reason, state.location)
    return state.auth  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]


def session_claim_of_a_machine(auth: M2MAuth) -> object:
    """Machines have no session."""
    return auth.session_id  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def unknown_demand() -> Policy:
    """The demand is called `signed_in`."""
    return Policy("signed-in", "/admin")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def role_by_its_name() -> Policy:
    """A requirement is an object: `Role("org:admin")`."""
    return Policy("org:admin", "/admin")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def misspelt_selector() -> Policy:
    """The keyword is called `tags`."""
    return Policy("signed_in", tag=["admin"])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def misspelt_option(app: FastAPI) -> None:
    """The keyword is called `policies`."""
    app.add_middleware(ClerkMiddleware, policy=[])  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def policies_that_are_used_up(app: FastAPI) -> None:
    """A list can be read again when the application starts again."""
    policies = (Policy("signed_in", path) for path in ["/admin"])
    app.add_middleware(ClerkMiddleware, policies=policies)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
