"""Whose items: the active organization's, or in a personal account the user's own."""

from typing import Literal, NamedTuple, Self

from clerk_fastapi import Auth
from example_app.models import Claims


class Owner(NamedTuple):
    """An organization or a user. The kind is part of the key: an id alone never opens anything."""

    kind: Literal["organization", "user"]
    id: str

    @classmethod
    def of(cls, auth: Auth[Claims]) -> Self:
        """Decide by what is active in the token, never by what the request asks for."""
        if auth.org_id:
            return cls("organization", auth.org_id)
        return cls("user", auth.user_id)
