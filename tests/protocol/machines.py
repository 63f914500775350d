"""Machine tokens for tests that need no instance: what each kind says, and signs."""

from clerk_fastapi.protocol.machine import MachineToken, MachineTokenType, classify, verify_machine
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.protocol.verify import Rules
from clerk_fastapi.testing import ABSENT
from clerk_fastapi.testing.tokens import changed, to_json
from tests.protocol.material import KEY, NOW, Fields, raw, signing_key, verification_key

__all__ = ["ANSWERS", "believed", "m2m", "oauth", "said"]

RULES = Rules(issuers=frozenset({KEY.issuer}))
TIMES: Fields = {"iss": KEY.issuer, "iat": NOW - 10, "nbf": NOW - 20, "exp": NOW + 50}
M2M: Fields = {**TIMES, "sub": "mch_1", "jti": "mt_1", "scopes": "data:read data:write"}
OAUTH: Fields = {
    **TIMES,
    "sub": "user_1",
    "jti": "oat_1",
    "client_id": "client_1",
    "scope": "profile email",
}

ANSWERS: dict[MachineTokenType, Fields] = {
    "api_key": {
        "object": "api_key",
        "id": "ak_1",
        "type": "api_key",
        "name": "Nightly export",
        "subject": "user_1",
        "scopes": ["data:read"],
        "claims": {"tier": "gold"},
        "revoked": False,
        "expired": False,
        "expiration": (NOW + 60) * 1_000,
    },
    "m2m_token": {
        "object": "machine_to_machine_token",
        "id": "mt_1",
        "subject": "mch_1",
        "scopes": ["mch_2"],
        "claims": None,
        "revoked": False,
        "expired": False,
        "expiration": (NOW + 60) * 1_000,
    },
    "oauth_token": {
        "object": "clerk_idp_oauth_access_token",
        "id": "oat_1",
        "client_id": "client_1",
        "type": "oauth:access_token",
        "subject": "user_1",
        "scopes": ["profile"],
        "revoked": False,
        "expired": False,
        "expiration": (NOW + 60) * 1_000,
    },
}
"""What the verify endpoints answer of a token that is fine."""


def said(token_type: MachineTokenType, **says: object) -> dict[str, object]:
    """What the verify endpoint answers, with something said otherwise."""
    return changed(ANSWERS[token_type], says)


def m2m(says: Fields | None = None, header_says: Fields | None = None) -> bytes:
    """An M2M token, with something in its claims or header said otherwise."""
    head = {"alg": "RS256", "cat": "cl_B7d4PD333AAA", "kid": signing_key().kid, "typ": "JWT"}
    return raw(to_json(changed(head, header_says or {})), to_json(changed(M2M, says or {})))


def oauth(says: Fields | None = None, header_says: Fields | None = None) -> bytes:
    """An OAuth access token, with something in its claims or header said otherwise."""
    head = {"alg": "RS256", "cat": ABSENT, "kid": signing_key().kid, "typ": "at+jwt"}
    return raw(to_json(changed(head, header_says or {})), to_json(changed(OAUTH, says or {})))


def believed(token: bytes, rules: Rules = RULES, now: float = NOW) -> MachineToken:
    """What a machine's JSON Web Token is found to say."""
    token_type = classify(token)
    assert token_type in ("m2m_token", "oauth_token")
    parsed = UnverifiedToken.parse(token)
    return verify_machine(parsed, token_type, verification_key(), rules, now)
