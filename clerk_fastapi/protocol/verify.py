"""Signature first, then every rule, at a given moment: a token becomes claims or a TokenError."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clerk_fastapi.errors import (
    TokenExpired,
    TokenInvalidAlgorithm,
    TokenInvalidAuthorizedParties,
    TokenInvalidIssuer,
    TokenInvalidSignature,
    TokenIssuedInFuture,
    TokenNotActiveYet,
    TokenTypeMismatch,
    TokenVerificationFailed,
)
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.protocol.claims import SessionClaims
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.reading import ClaimsReader
from clerk_fastapi.protocol.tokens import UnverifiedToken, peek_claims, refuse_machine_claims

__all__ = [
    "Rules",
    "VerifiedToken",
    "check_header",
    "verify",
    "verify_handshake",
]


@dataclass(frozen=True, slots=True)
class Rules:
    """What must hold to believe a token; ``None`` means that nothing is demanded.

    ``clock_skew`` is in seconds. ``require_category`` refuses tokens without a ``cat`` header,
    which instances older than token categories still issue.
    """

    algorithms: frozenset[str] = frozenset({"RS256"})
    issuers: frozenset[str] | None = None
    authorized_parties: frozenset[str] | None = None
    audience: frozenset[str] | None = None
    clock_skew: float = 5.0
    require_category: bool = False


class VerifiedToken(NamedTuple):
    """A token that was believed: whose it is, the bytes that were signed, and by which key."""

    identity: Identity
    payload: bytes
    key: VerificationKey

    def __repr__(self) -> str:
        return "<VerifiedToken>"  # tracebacks show it, and it holds what may be secret


def check_header(token: UnverifiedToken, rules: Rules) -> None:
    """Refuse what needs no key to be refused.

    :raises TokenTypeMismatch: for machine tokens, template tokens and unknown categories.
    :raises TokenInvalid: for a ``typ`` other than ``JWT``.
    :raises TokenInvalidAlgorithm: for an ``alg`` outside the allow-list (RFC 8725 section 3.1).
    """
    header = token.header
    if header.refusal is not None:
        raise header.refusal
    if rules.require_category and header.category is None:
        raise TokenTypeMismatch
    if header.algorithm not in rules.algorithms:
        raise TokenInvalidAlgorithm


def verify(
    token: UnverifiedToken,
    key: VerificationKey,
    rules: Rules,
    reader: ClaimsReader[SessionClaims],
    now: float,
) -> VerifiedToken:
    """Believe a token, or say why not.

    :param token: the token, taken apart.
    :param key: the key that its ``kid`` names.
    :param rules: what must hold.
    :param reader: reads the claims that the application declares.
    :param now: seconds since the epoch.
    :raises TokenError: the leaf names the reason. The signature is checked before any claim, so
        that a forger learns nothing about the rules.

    Source: RFC 7519 section 7.2, RFC 8725 section 3, and
    https://clerk.com/docs/guides/sessions/manual-jwt-verification
    """
    _check_signature(token, key, rules)
    identity = reader.identify(token.payload)
    audience, parties, issuers = rules.audience, rules.authorized_parties, rules.issuers
    if audience is not None and audience.isdisjoint(identity.audience):
        raise TokenVerificationFailed("The token is not meant for this API; check its audience.")
    if parties is not None and identity.authorized_party not in parties:
        raise TokenInvalidAuthorizedParties
    if issuers is not None and identity.issuer not in issuers:
        raise TokenInvalidIssuer
    identity.check_times(rules.clock_skew, now)
    return VerifiedToken(identity, token.payload, key)


def verify_handshake(
    token: UnverifiedToken, key: VerificationKey, rules: Rules, now: float
) -> list[object] | None:
    """Believe what a handshake brought home, or say why not.

    It is signed like a session token and of the same category, but speaks of nobody.

    :returns: values of ``Set-Cookie``; ``None`` for another kind of token, such as a session's.
    :raises TokenError: the leaf names the reason.
    """
    _check_signature(token, key, rules)
    claims = peek_claims(token.payload)
    directives, issuer = claims.get("handshake"), claims.get("iss")
    if not isinstance(directives, list):
        return None
    if issuer is not None and rules.issuers is not None and str(issuer) not in rules.issuers:
        raise TokenInvalidIssuer
    if _date(claims, "exp", math.inf) <= now - rules.clock_skew:
        raise TokenExpired
    if _date(claims, "nbf", 0) > now + rules.clock_skew:
        raise TokenNotActiveYet
    if _date(claims, "iat", 0) > now + rules.clock_skew:
        raise TokenIssuedInFuture
    return directives


def _check_signature(token: UnverifiedToken, key: VerificationKey, rules: Rules) -> None:
    check_header(token, rules)
    if token.header.algorithm != key.algorithm:
        raise TokenInvalidAlgorithm
    if not key.verify(token.signing_input, token.signature):
        refuse_machine_claims(token.payload)
        raise TokenInvalidSignature


def _date(claims: Mapping[str, object], name: str, absent: float) -> float:
    value = claims.get(name, absent)
    if value is absent:
        return absent
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise TokenVerificationFailed
    return value
