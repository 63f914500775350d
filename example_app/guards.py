"""Who may do what: each guard once, as a ready-made parameter."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Security

from clerk_fastapi import (
    ApiKeyAuth,
    Auth,
    Fresh,
    Identity,
    Permission,
    Requirement,
    Reverified,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_organization,
    require_role,
)
from example_app.models import Claims
from example_app.owner import Owner


@dataclass(frozen=True, slots=True)
class PersonalAccount(Requirement):
    """No organization is active: users act for themselves, with what is theirs.

    Outside organizations there are no permissions, so none can be asked for. A requirement of one's
    own joins those of the package, and is named in OpenAPI and in refusals like them.
    """

    def met_by(self, identity: Identity, now: float) -> bool:
        """Judge by what is active, which only Clerk can say."""
        return not identity.org_id

    def describe(self) -> str:
        """Say it in words."""
        return "a personal account"

    def to_json(self) -> dict[str, object]:
        """Say it to programs."""
        return {"personal_account": True}


def _owner_if(requirement: Requirement) -> Callable[..., Awaitable[Owner]]:
    async def owner(auth: Annotated[Auth[Claims], Depends(require(requirement))]) -> Owner:
        return Owner.of(auth)

    return owner


async def _owner_of_key(
    key: Annotated[ApiKeyAuth, Security(require_api_key, scopes=["items:read"])],
) -> Owner:
    return Owner.of(key)


def _may(permission: str) -> Requirement:
    return Permission(permission) | PersonalAccount()


SignedIn = Annotated[Auth[Claims], Depends(require_auth)]
"""Anyone who is signed in."""

Visitor = Annotated[Auth[Claims] | None, Depends(optional_auth)]
"""Whoever opens a page, signed in or not."""

RecentlySignedIn = Annotated[Auth[Claims], Depends(require(Fresh(3600)))]
"""Someone who signed in within the last hour."""

Member = Annotated[Auth[Claims], Depends(require_organization)]
"""Someone with an active organization."""

Admin = Annotated[Auth[Claims], Depends(require_role("org:admin"))]
"""An admin of the active organization."""

Reader = Annotated[Owner, Depends(_owner_if(_may("org:data:read")))]
"""Whose items may be read: the organization's with the permission, or the user's own."""

Writer = Annotated[Owner, Depends(_owner_if(_may("org:data:write")))]
"""For whom items may be made."""

Deleter = Annotated[Owner, Depends(_owner_if(_may("org:data:delete")))]
"""Whose items may be deleted one by one."""

Purger = Annotated[Owner, Depends(_owner_if(_may("org:data:delete") & Reverified("strict")))]
"""Whose items may be deleted all at once: for someone who proved just now who they are."""

KeyOwner = Annotated[Owner, Depends(_owner_of_key)]
"""Whose API key it is, if it has the scope ``items:read``."""
