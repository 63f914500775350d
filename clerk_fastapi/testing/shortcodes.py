"""What "Customize session token" does: claims written with shortcodes such as ``{{user.id}}``."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.testing.described import milliseconds
from clerk_fastapi.testing.records import Membership, Session

__all__ = ["check", "fill", "values"]

# Claims that Clerk writes itself and lets nobody replace.
_RESERVED = SessionClaims.model_fields.keys() - {"aud"}
_SHORTCODE = re.compile(r"\{\{\s*([\w.]+)\s*\}\}", re.ASCII)


def check(template: Mapping[str, object], own: Collection[str] = _RESERVED) -> None:
    """Refuse a template that would replace a claim of Clerk's own.

    :raises ConfigurationError: if it does.
    """
    if reserved := sorted(set(own) & template.keys()):
        raise ConfigurationError(f"Clerk sets these claims itself: {', '.join(reserved)}.")


def values(session: Session, membership: Membership | None) -> dict[str, object]:
    """Everything a shortcode can name, for one session."""
    user = session.user
    found: dict[str, object] = {
        "user": {
            "id": user.id,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "full_name": " ".join(filter(None, (user.first_name, user.last_name))) or None,
            "primary_email_address": user.email,
            "email_verified": True,
            "username": user.username,
            "external_id": user.external_id,
            "public_metadata": user.public_metadata,
            "unsafe_metadata": user.unsafe_metadata,
            "created_at": milliseconds(user.created_at),
            "updated_at": milliseconds(user.updated_at),
        },
        "session": {"actor": session.actor},
    }
    if membership is not None:
        organization = membership.organization
        found["org"] = {
            "id": organization.id,
            "name": organization.name,
            "slug": organization.slug,
            "role": membership.role,
            "public_metadata": organization.public_metadata,
        }
    return found


def fill(template: object, values: Mapping[str, object]) -> object:
    """Replace the shortcodes in ``template``, at any depth.

    A shortcode that stands alone keeps its JSON type, and is ``null`` if it names nothing; among
    other text it becomes text.
    """
    if isinstance(template, Mapping):
        return {name: fill(inner, values) for name, inner in template.items()}
    if isinstance(template, list):
        return [fill(inner, values) for inner in template]
    if not isinstance(template, str):
        return template
    if alone := _SHORTCODE.fullmatch(template.strip()):
        return _look_up(alone[1], values)
    return _SHORTCODE.sub(lambda found: _as_text(_look_up(found[1], values)), template)


def _look_up(path: str, values: Mapping[str, object]) -> object:
    value: object = values
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _as_text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
