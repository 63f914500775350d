"""The session tokens Clerk would issue: claims of wire version 1 or 2, and their header."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple

from clerk_fastapi.protocol.identity import Scoped
from clerk_fastapi.testing.records import Membership, Session

__all__ = [
    "ABSENT",
    "SESSION_CATEGORY",
    "Grant",
    "Version",
    "changed",
    "encode",
    "header",
    "read",
    "session_claims",
    "to_json",
]

Version = Literal[1, 2]

SESSION_CATEGORY: Final = "cl_B7d4PD111AAA"
"""The ``cat`` header that marks a session token."""

ABSENT: Final = object()
"""Given as the value of a claim or header field, it leaves that field out of a token."""

_BEFORE_ISSUE = 10  # seconds from nbf to iat


class Grant(NamedTuple):
    """Permissions as version 2 writes them, and the organization features they are counted by."""

    features: tuple[str, ...]
    per: str
    fpm: str


def encode(permissions: Iterable[str], features: Iterable[str]) -> Grant:
    """Pack ``org:<feature>:<permission>`` names: entry *i* of ``fpm`` is for feature *i*.

    Bit 0 of an entry is the first name in ``per``. A feature that only a permission names is added.
    """
    granted: dict[str, set[str]] = {feature: set() for feature in features}
    names: dict[str, None] = {}
    for permission in permissions:
        _, feature, name = permission.split(":")
        granted.setdefault(feature, set()).add(name)
        names[name] = None
    masks = [
        sum(1 << bit for bit, name in enumerate(names) if name in held) for held in granted.values()
    ]
    return Grant(tuple(granted), ",".join(names), ",".join(map(str, masks)))


def header(kid: str) -> dict[str, object]:
    """The header of a session token."""
    return {"alg": "RS256", "cat": SESSION_CATEGORY, "kid": kid, "typ": "JWT"}


def session_claims(
    session: Session,
    membership: Membership | None,
    *,
    version: Version,
    issuer: str,
    issued_at: int,
    expires_in: int,
    azp: str | None,
) -> dict[str, object]:
    """The claims Clerk itself puts into a token of this session, issued at that second."""
    claims: dict[str, object] = {
        "exp": issued_at + expires_in,
        "iat": issued_at,
        "iss": issuer,
        "nbf": issued_at - _BEFORE_ISSUE,
        "sid": session.id,
        "sts": "pending" if session.status == "pending" else "active",  # no token says it ended
        "sub": session.user.id,
    }
    if azp is not None:
        claims["azp"] = azp
    if session.actor is not None:
        claims["act"] = dict(session.actor)
    if session.factors_verified_at is not None:
        claims["fva"] = [_minutes_since(at, issued_at) for at in session.factors_verified_at]
    if version == 1:
        return claims | _version_1(membership)
    return claims | _version_2(session, membership)


def changed(fields: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Lay ``changes`` over claims or a header; :data:`ABSENT` takes a field away."""
    merged = {**fields, **changes}
    return {name: value for name, value in merged.items() if value is not ABSENT}


def to_json(value: object) -> bytes:
    """Write JSON the short way."""
    return json.dumps(value, separators=(",", ":")).encode()


def read(token: str) -> tuple[dict[str, object], dict[str, object]]:
    """Read the header and the claims of a token that nobody has verified; empty if it has none."""
    parts = [_object(part) for part in token.split(".")[:2]]
    return (parts[0], parts[1]) if len(parts) == 2 else ({}, {})


def _object(segment: str) -> dict[str, object]:
    try:
        value = json.loads(base64.urlsafe_b64decode(segment + "=="))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _version_1(membership: Membership | None) -> dict[str, object]:
    if membership is None:
        return {}
    return {
        "org_id": membership.organization.id,
        "org_permissions": membership.permissions,
        "org_role": membership.role,
        "org_slug": membership.organization.slug,
    }


def _version_2(session: Session, membership: Membership | None) -> dict[str, object]:
    claims: dict[str, object] = {"jti": secrets.token_hex(10), "v": 2}
    user, grant = session.user, Grant((), "", "")
    plans = Scoped(user=_plan(user.plan))
    if membership is not None:
        organization = membership.organization
        grant = encode(membership.permissions, organization.features)
        plans = Scoped(_plan(organization.plan), plans.user)
        claims["o"] = {
            "id": organization.id,
            "slg": organization.slug,
            "rol": membership.role.removeprefix("org:"),
            **({"per": grant.per, "fpm": grant.fpm} if grant.per else {}),
        }
    # Readers disagree on whether fpm counts all features or only those of the organization. It does
    # not matter here: str() writes the organization's first.
    if features := str(Scoped(grant.features, tuple(user.features))):
        claims["fea"] = features
    if held := str(plans):
        claims["pla"] = held
    return claims


def _plan(slug: str | None) -> tuple[str, ...]:
    return () if slug is None else (slug,)


def _minutes_since(moment: float | None, now: int) -> int:
    return -1 if moment is None else max(0, int((now - moment) // 60))
