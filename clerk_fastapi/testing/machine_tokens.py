"""What machine tokens say: as JSON Web Tokens, and as the Backend API describes them."""

from __future__ import annotations

from typing import Final, Literal

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.described import milliseconds
from clerk_fastapi.testing.records import ApiKey, M2MToken, MachineToken, OAuthToken
from clerk_fastapi.testing.tokens import header

__all__ = [
    "MACHINE_CATEGORY",
    "TokenFormat",
    "described",
    "m2m_claims",
    "m2m_header",
    "oauth_claims",
    "oauth_header",
]

TokenFormat = Literal["opaque", "jwt"]

MACHINE_CATEGORY: Final = "cl_B7d4PD333AAA"
"""The ``cat`` header that marks the token of a machine."""


def m2m_header(kid: str) -> dict[str, object]:
    """The header of an M2M token."""
    return {**header(kid), "cat": MACHINE_CATEGORY}


def oauth_header(kid: str) -> dict[str, object]:
    """The header of an OAuth access token (RFC 9068 section 2.1)."""
    return {"alg": "RS256", "kid": kid, "typ": "at+jwt"}


def m2m_claims(token: M2MToken, issuer: str) -> dict[str, object]:
    """The claims of an M2M token; its own claims are no match for Clerk's."""
    claims = {**(token.claims or {}), **_claims(token, issuer)}
    if token.scopes:
        claims["scopes"] = " ".join(token.scopes)
    return claims


def oauth_claims(token: OAuthToken, issuer: str) -> dict[str, object]:
    """The claims of an OAuth access token (RFC 9068 section 2.2)."""
    claims = {**_claims(token, issuer), "client_id": token.client_id}
    if token.scopes:
        claims["scope"] = " ".join(token.scopes)
    if token.audience:
        claims["aud"] = token.audience
    if token.actor is not None:
        claims["act"] = dict(token.actor)
    return claims


def described(token: MachineToken, now: float) -> dict[str, object]:
    """What the Backend API answers about a token, whether it is still good or not."""
    return {
        "id": token.id,
        "subject": token.subject,
        "scopes": token.scopes,
        "revoked": token.is_revoked,
        "revocation_reason": token.revocation_reason,
        "expired": token.has_expired(now),
        "expiration": None if token.expires_at is None else milliseconds(token.expires_at),
        "created_at": milliseconds(token.created_at),
        "updated_at": milliseconds(token.updated_at),
        **_particulars(token),
    }


def _particulars(token: MachineToken) -> dict[str, object]:
    if isinstance(token, ApiKey):
        return {
            "object": "api_key",
            "type": "api_key",
            "name": token.name,
            "claims": token.claims,
            "description": token.description,
            "created_by": token.created_by,
            "last_used_at": None,
        }
    if isinstance(token, M2MToken):
        return {
            "object": "machine_to_machine_token",
            "claims": token.claims,
            "last_used_at": None,
        }
    assert isinstance(token, OAuthToken)
    return {
        "object": "clerk_idp_oauth_access_token",
        "type": "oauth:access_token",
        "client_id": token.client_id,
        **({"aud": token.audience} if token.audience else {}),
        **({} if token.actor is None else {"act": dict(token.actor)}),
    }


def _claims(token: MachineToken, issuer: str) -> dict[str, object]:
    if token.expires_at is None:
        raise ConfigurationError("A JSON Web Token has to expire; say when: expires_in.")
    issued_at = int(token.created_at)
    return {
        "iss": issuer,
        "sub": token.subject,
        "jti": token.id,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": int(token.expires_at),
    }
