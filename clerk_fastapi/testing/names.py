"""What things may be called in an instance, and how they are found by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.records import Organization, User

__all__ = [
    "Full",
    "Invited",
    "Taken",
    "Unknown",
    "find",
    "optional_slug",
    "permission_names",
    "role_name",
    "slugs",
    "well_formed_slug",
]

RecordT = TypeVar("RecordT", User, Organization)

_SLUG = re.compile(r"[a-z0-9_-]+", re.ASCII)
_ROLE = re.compile(r"org:[a-z0-9_-]+", re.ASCII)
_PERMISSION = re.compile(r"org:[a-z0-9_-]+:[a-z0-9_-]+", re.ASCII)


class Unknown(ConfigurationError):
    """What was named is not in the instance."""


class Full(ConfigurationError):
    """An organization has all the members that it may have."""


class Invited(ConfigurationError):
    """Somebody has an invitation already that is still open."""


class Taken(ConfigurationError):
    """Something else has that name already."""


def find(wanted: RecordT | str, records: Mapping[str, RecordT], kind: str, name: str) -> RecordT:
    """Find a record by its id, or by the field ``name``; one that was deleted is not there.

    :raises Unknown: if there is none.
    """
    for record in records.values():
        if wanted is record or wanted in (record.id, getattr(record, name)):
            return record
    called = wanted if isinstance(wanted, str) else getattr(wanted, name)
    raise Unknown(f"There is no {kind} {called} in this instance; add it first.")


def well_formed_slug(text: str) -> str:
    """Refuse what could not be told apart in a token.

    :raises ConfigurationError: if it is no slug.
    """
    return _match(_SLUG, text, "a slug is written 'dashboard'")


def slugs(texts: Iterable[str]) -> list[str]:
    """Several, each once."""
    return [well_formed_slug(text) for text in dict.fromkeys(texts)]


def optional_slug(text: str | None) -> str | None:
    """One, or none."""
    return None if text is None else well_formed_slug(text)


def role_name(text: str) -> str:
    """Refuse what is no role.

    :raises ConfigurationError: if it is none.
    """
    return _match(_ROLE, text, "a role is written 'org:admin'")


def permission_names(texts: Iterable[str]) -> list[str]:
    """Refuse what is no permission; each once.

    :raises ConfigurationError: if one of them is none.
    """
    rule = "a permission is written 'org:data:read'"
    return [_match(_PERMISSION, text, rule) for text in dict.fromkeys(texts)]


def _match(pattern: re.Pattern[str], text: str, rule: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ConfigurationError(f"{text!r} will not do: {rule}.")
    return text
