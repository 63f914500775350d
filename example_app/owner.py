"""Whose items: an organization's, or a user's own."""

from typing import Literal, NamedTuple, Self

from clerk_fastapi import ApiKeyAuth, Auth
from example_app.models import Claims


class Owner(NamedTuple):
    """An organization or a user. The kind is part of the key: an id alone never opens anything."""

    kind: Literal["organization", "user"]
    id: str

    @classmethod
    def of(cls, auth: Auth[Claims] | ApiKeyAuth) -> Self:
        """Decide by what is active in the session, or by whose key it is; never by the request."""
        if auth.org_id:
            return cls("organization", auth.org_id)
        assert auth.user_id, "what is not an organization's is a user's"
        return cls("user", auth.user_id)
