"""A guard as a security scheme: so FastAPI finds it wherever it is used, with what it demands."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from fastapi.openapi.models import HTTPBearer

from clerk_fastapi.protocol.machine import TokenType
from clerk_fastapi.protocol.requirement import Requirement

__all__ = ["ACCEPTS", "KINDS", "OPTIONAL", "PREFIX", "REQUIREMENT", "describe_guard", "guard_name"]

PREFIX: Final = "ClerkGuard-"
REQUIREMENT: Final = "x-clerk-requirement"
OPTIONAL: Final = "x-clerk-optional"
ACCEPTS: Final = "x-clerk-accepts-token"

# Who sends each kind of token, and the scheme under which the document lists it.
KINDS: Final[dict[TokenType, tuple[str, str]]] = {
    "session_token": ("a signed-in user", "ClerkBearer"),
    "api_key": ("an API key", "ClerkApiKey"),
    "m2m_token": ("a machine (M2M token)", "ClerkM2M"),
    "oauth_token": ("an OAuth access token", "ClerkOAuth"),
}


def describe_guard(
    requirement: Requirement | None, accepts: frozenset[TokenType], *, optional: bool
) -> HTTPBearer:
    """Describe a guard as a security scheme, with what it demands among its extensions."""
    words = _who(accepts) if requirement is None else requirement.describe()
    extensions: dict[str, Any] = {
        REQUIREMENT: {"signed_in": True} if requirement is None else requirement.to_json(),
        OPTIONAL: optional,
        ACCEPTS: sorted(accepts),
    }
    return HTTPBearer(bearerFormat="JWT", description=words, **extensions)


def _who(accepts: frozenset[TokenType]) -> str:
    return " or ".join(words for kind, (words, _) in KINDS.items() if kind in accepts)


def guard_name(model: HTTPBearer) -> str:
    """Name a guard's scheme after what it demands, so that equal guards share one."""
    described = json.dumps(model.model_dump(mode="json"), sort_keys=True)
    return PREFIX + hashlib.sha256(described.encode()).hexdigest()[:12]
