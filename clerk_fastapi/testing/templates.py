"""JWT templates: tokens for other services, which say what those want to read."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final, TypedDict, Unpack

from clerk_fastapi.testing import shortcodes
from clerk_fastapi.testing.names import Taken, Unknown
from clerk_fastapi.testing.records import JwtTemplate, Membership, Session
from clerk_fastapi.testing.signing import SigningKey, base64url, compact, new_id
from clerk_fastapi.testing.tokens import to_json

__all__ = ["RESERVED", "TEMPLATE_CATEGORY", "TemplateFields", "Templates", "template_token"]

TEMPLATE_CATEGORY: Final = "cl_B7d4PD222AAA"
"""The ``cat`` header that marks a token made from a template: it signs nobody in."""

RESERVED: Final = frozenset({"azp", "exp", "iat", "iss", "jti", "nbf", "sub"})
"""The claims that Clerk writes into every token of a template."""


class TemplateFields(TypedDict, total=False):
    """What can be chosen about a template."""

    name: str
    claims: Mapping[str, Any]
    lifetime: int
    allowed_clock_skew: int
    signing_key: str | None


class Templates:
    """The JWT templates of an instance, by id.

    :param clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.by_id: dict[str, JwtTemplate] = {}

    def add(self, **fields: Unpack[TemplateFields]) -> JwtTemplate:
        """Add a template.

        :raises ConfigurationError: if the name is taken, or for a claim that Clerk sets itself.
        """
        now = self._clock()
        template = JwtTemplate(new_id("jtmp"), "", {}, 60, 5, None, now, now)
        self.change(template, **fields)
        self.by_id[template.id] = template
        return template

    def change(self, template: JwtTemplate, **fields: Unpack[TemplateFields]) -> None:
        """Change a template, or leave it as it is.

        :raises ConfigurationError: if the name is taken, or for a claim that Clerk sets itself.
        """
        shortcodes.check(fields.get("claims", {}), RESERVED)
        name = fields.get("name")
        if any(other.name == name for other in self.by_id.values() if other is not template):
            raise Taken(f"There is a JWT template {name} already; add each one once.")
        for field, value in fields.items():
            setattr(template, field, dict(value) if isinstance(value, Mapping) else value)
        template.updated_at = self._clock()

    def named(self, name: str) -> JwtTemplate:
        """Find a template.

        :raises ConfigurationError: if there is none of that name.
        """
        for template in self.by_id.values():
            if template.name == name:
                return template
        raise Unknown(f"There is no JWT template {name} in this instance; add it first.")


def template_token(
    template: JwtTemplate,
    session: Session,
    membership: Membership | None,
    *,
    key: SigningKey,
    issuer: str,
    issued_at: int,
    expires_in: int | None,
) -> str:
    """Issue a token of a template: about the session's user, without the session's id.

    :param expires_in: seconds of life, if not the template's.
    """
    claims = shortcodes.fill(template.claims, shortcodes.values(session, membership))
    assert isinstance(claims, Mapping)
    own: dict[str, object] = {
        "iss": issuer,
        "sub": session.user.id,
        "jti": secrets.token_hex(10),
        "iat": issued_at,
        "nbf": issued_at - template.allowed_clock_skew,
        "exp": issued_at + (template.lifetime if expires_in is None else expires_in),
    }
    header: dict[str, object] = {"cat": TEMPLATE_CATEGORY, "typ": "JWT"}
    payload = to_json({**claims, **own})
    if template.signing_key is None:
        return key.token(to_json({"alg": "RS256", "kid": key.kid, **header}), payload)
    signed = compact(to_json({"alg": "HS256", **header}), payload)
    mac = hmac.digest(template.signing_key.encode(), signed.encode(), "sha256")
    return f"{signed}.{base64url(mac)}"
