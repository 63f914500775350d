"""Which users a list of the Backend API is about, and in which order they may come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from clerk_fastapi.testing.asking import Names, Query, chosen
from clerk_fastapi.testing.described import milliseconds
from clerk_fastapi.testing.records import User
from clerk_fastapi.testing.registry import Registry

__all__ = ["USER_FIELDS", "UserFilters", "matching"]

USER_FIELDS: Final[Mapping[str, Callable[[User], Any]]] = {
    "created_at": lambda user: user.created_at,
    "updated_at": lambda user: user.updated_at,
    "email_address": lambda user: user.email,
    "web3wallet": lambda user: None,
    "first_name": lambda user: user.first_name,
    "last_name": lambda user: user.last_name,
    "phone_number": lambda user: None,
    "username": lambda user: user.username,
    "last_active_at": lambda user: user.last_active_at,
    "last_sign_in_at": lambda user: user.last_sign_in_at,
}
"""What users can be sorted by. Nobody here has a phone or a wallet."""


class UserFilters(Query):
    """All of them have to be met; times are in milliseconds."""

    email_address: Names = ()
    phone_number: Names = ()
    external_id: Names = ()
    username: Names = ()
    web3_wallet: Names = ()
    user_id: Names = ()
    organization_id: Names = ()
    query: str = ""
    email_address_query: str = ""
    phone_number_query: str = ""
    username_query: str = ""
    name_query: str = ""
    banned: bool | None = None
    last_active_at_before: int | None = None
    last_active_at_after: int | None = None
    last_active_at_since: int | None = None
    created_at_before: int | None = None
    created_at_after: int | None = None
    last_sign_in_at_before: int | None = None
    last_sign_in_at_after: int | None = None
    provider: str = ""
    provider_user_id: Names = ()


def matching(registry: Registry, filters: UserFilters) -> list[User]:
    """The users that meet the filters, in the order in which they were added."""
    joined: dict[str, list[str]] = {}
    for organization_id, user_id in registry.memberships:
        joined.setdefault(user_id, []).append(organization_id)
    return [
        user
        for user in registry.users.values()
        if chosen(filters.organization_id, joined.get(user.id, []))
        and filters.banned in (None, user.banned)
        and _is_named(user, filters)
        and _is_like(user, filters)
        and _is_timely(user, filters)
    ]


def _is_named(user: User, filters: UserFilters) -> bool:
    held = (
        ({name.lower() for name in filters.email_address}, {name.lower() for name in user.emails}),
        (set(filters.username), {user.username}),
        (set(filters.phone_number), set[str]()),
        (set(filters.web3_wallet), set[str]()),
        (set(filters.provider_user_id), set[str]()),
    )
    return (
        all(not names or names & has for names, has in held)
        and chosen(filters.user_id, [user.id])
        and chosen(filters.external_id, [user.external_id])
        and not filters.provider
    )


def _is_like(user: User, filters: UserFilters) -> bool:
    names = [user.first_name, user.last_name, f"{user.first_name or ''} {user.last_name or ''}"]
    held: tuple[tuple[str, list[str | None]], ...] = (
        (filters.query, [*user.emails, user.username, user.id, *names[:2]]),
        (filters.email_address_query, [*user.emails]),
        (filters.username_query, [user.username]),
        (filters.name_query, names),
        (filters.phone_number_query, []),
    )
    return all(
        not text or any(text.casefold() in (value or "").casefold() for value in values)
        for text, values in held
    )


def _is_timely(user: User, filters: UserFilters) -> bool:
    active, created, signed_in = user.last_active_at, user.created_at, user.last_sign_in_at
    return (
        _is_between(active, filters.last_active_at_after, filters.last_active_at_before)
        and _is_between(created, filters.created_at_after, filters.created_at_before)
        and _is_between(signed_in, filters.last_sign_in_at_after, filters.last_sign_in_at_before)
        and _is_between(active, _just_before(filters.last_active_at_since), None)
    )


def _is_between(moment: float | None, after: int | None, before: int | None) -> bool:
    if after is None and before is None:
        return True
    if moment is None:
        return False
    at = milliseconds(moment)
    return (after is None or after < at) and (before is None or at < before)


def _just_before(moment: int | None) -> int | None:
    return None if moment is None else moment - 1
