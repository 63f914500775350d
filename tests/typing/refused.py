"""Mistakes that type checkers must refuse: an ignore that is not needed is an error itself."""

from pydantic import BaseModel

from clerk_fastapi import Auth, Reverified, SessionClaims


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
