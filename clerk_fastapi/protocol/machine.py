"""API keys, M2M tokens and OAuth access tokens: told apart, examined, and never a session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Required, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from clerk_fastapi.errors import (
    TokenExpired,
    TokenInvalid,
    TokenInvalidAlgorithm,
    TokenInvalidIssuer,
    TokenInvalidSignature,
    TokenIssuedInFuture,
    TokenNotActiveYet,
    TokenTypeMismatch,
    TokenVerificationFailed,
)
from clerk_fastapi.protocol._jose import VerificationKey
from clerk_fastapi.protocol.claims import Actor
from clerk_fastapi.protocol.identity import Date, Name, Text
from clerk_fastapi.protocol.tokens import (
    MACHINE_SUBJECT,
    MAX_TOKEN_BYTES,
    OAUTH_TYPES,
    TokenHeader,
    UnverifiedToken,
    peek,
    peek_claims,
)
from clerk_fastapi.protocol.verify import Rules

__all__ = [
    "MachineToken",
    "MachineTokenType",
    "TokenType",
    "check_audience",
    "check_machine_header",
    "classify",
    "is_opaque",
    "read_answer",
    "verify_machine",
]

MachineTokenType = Literal["api_key", "m2m_token", "oauth_token"]
"""The kinds of token that machines send, by Clerk's names."""

TokenType = Literal["session_token", "api_key", "m2m_token", "oauth_token"]
"""The kinds of token, by Clerk's names."""

_PREFIXES: Final[dict[bytes, MachineTokenType]] = {
    b"mt_": "m2m_token",
    b"oat_": "oauth_token",
    b"ak_": "api_key",
}
_OPAQUE = re.compile(rb"(?:mt|oat|ak)_[!-~]+")
_M2M_CATEGORY: Final = "cl_B7d4PD333AAA"
_OTHER_CATEGORIES = frozenset({"", "cl_B7d4PD111AAA", "cl_B7d4PD222AAA", _M2M_CATEGORY})
# What makes up an M2M token; everything else in it counts as its claims.
_STRUCTURE = frozenset({"iss", "sub", "exp", "nbf", "iat", "jti"})
_MALFORMED = "A claim of the token is missing or malformed; get a new one."
_OBJECTS: Final[dict[MachineTokenType, str]] = {
    "api_key": "api_key",
    "m2m_token": "machine_to_machine_token",
    "oauth_token": "clerk_idp_oauth_access_token",
}
_SUBJECTS: Final[dict[MachineTokenType, tuple[str, ...]]] = {
    "api_key": ("user_", "org_"),
    "m2m_token": (MACHINE_SUBJECT,),
    "oauth_token": ("user_",),
}
_EARLIEST_MILLISECONDS: Final = 1e11  # in 1973: no token expired then, while in seconds it is 5138


@dataclass(frozen=True, slots=True)
class MachineToken:
    """What a token that was believed says of its bearer.

    ``expires_at`` is in seconds since the epoch, and ``None`` for a token that does not expire.
    ``name`` is an API key's, ``client_id``, ``audience`` and ``actor`` are an OAuth token's.
    """

    token_type: MachineTokenType
    id: str
    subject: str
    scopes: tuple[str, ...] = ()
    claims: Mapping[str, Any] | None = None
    name: str | None = None
    client_id: str | None = None
    audience: tuple[str, ...] = ()
    actor: Actor | None = None
    expires_at: float | None = None


def classify(token: bytes) -> TokenType:
    """Tell what kind of token this wants to be, before anything in it is believed.

    Whatever does not look like a machine's, junk included, counts as a session token. It never
    raises, and costs little for a session token.
    """
    for prefix, kind in _PREFIXES.items():
        if token.startswith(prefix):
            return kind
    try:
        typ, payload = peek(token)
        is_oauth = typ in OAUTH_TYPES
        # JSON can hide the letters of a subject behind backslashes, and in no other way.
        if not is_oauth and payload.find(b"mch_") < 0 and payload.find(b"\\") < 0:
            return "session_token"
        subject = peek_claims(payload).get("sub")
    except TokenInvalid:
        return "session_token"
    if isinstance(subject, str) and subject.startswith(MACHINE_SUBJECT):
        return "m2m_token"
    return "oauth_token" if is_oauth else "session_token"


def is_opaque(token: bytes) -> bool:
    """Whether a machine token says nothing by itself, so that only Clerk knows what it stands for.

    :raises TokenInvalid: if it begins like one, but is too long or holds what no token holds; Clerk
        need not be asked.
    """
    if not token.startswith(tuple(_PREFIXES)):
        return False
    # With two dots it is neither a JSON Web Token nor anything that Clerk hands out.
    if len(token) > MAX_TOKEN_BYTES or not _OPAQUE.fullmatch(token) or token.count(b".") == 2:
        raise _refused("is malformed")
    return True


# --- An opaque token: what the Backend API says of it --------------------------------------------

_Milliseconds = Annotated[float, Field(strict=True, ge=0, le=8.64e15, allow_inf_nan=False)]


class _InnerActor(TypedDict, total=False):
    sub: Required[Name]
    iss: Text | None


class _Actor(_InnerActor, total=False):
    act: _InnerActor | None


class _Answer(TypedDict, total=False):
    object: Required[Text]
    id: Required[Name]
    subject: Required[Name]
    scopes: tuple[Text, ...] | None
    expiration: _Milliseconds | None
    claims: dict[str, Any] | None
    name: Text | None
    client_id: Text | None
    aud: Name | tuple[Name, ...] | None
    act: _Actor | None


_ANSWER: Final = TypeAdapter(_Answer)


def read_answer(
    token_type: MachineTokenType, answer: Mapping[str, object], now: float
) -> MachineToken:
    """Examine what a verify endpoint says of a token; being answered with 200 is not enough.

    :param answer: the JSON object that came.
    :raises TokenInvalid: if the token is inactive, revoked or expired, or if the answer does not
        describe a token of this type and whose it is.
    """
    if answer.get("active", True) is not True:
        raise _refused("is not active")
    if answer.get("revoked", False) is not False:
        raise _refused("has been revoked")
    if answer.get("expired", False) is not False:
        raise _refused("has expired")
    said = _validated(_ANSWER, answer)
    if said is None or said["object"] != _OBJECTS[token_type]:
        raise _refused("is not described by Clerk as one of its kind")
    if not _is_bearer(token_type, said["subject"]):
        raise _refused("belongs to nobody who may hold one of its kind")
    expires_at = said.get("expiration")
    if expires_at is not None:
        # Sources disagree on whether those of OAuth tokens are seconds.
        is_seconds = token_type == "oauth_token" and expires_at < _EARLIEST_MILLISECONDS
        expires_at = expires_at if is_seconds else expires_at / 1_000
        if expires_at <= now:
            raise _refused("has expired")
    return MachineToken(
        token_type,
        said["id"],
        said["subject"],
        said.get("scopes") or (),
        said.get("claims"),
        said.get("name"),
        said.get("client_id"),
        _several(said.get("aud")),
        _actor(said.get("act")),
        expires_at,
    )


# --- A JSON Web Token: what it says of itself -----------------------------------------------------


class _Claims(TypedDict, total=False):
    iss: Required[Name]
    sub: Required[Name]
    iat: Required[Date]
    exp: Required[Date]
    nbf: Date
    jti: Text | None
    aud: Name | tuple[Name, ...] | None


class _M2MClaims(_Claims, total=False):
    scopes: Text | None


class _OAuthClaims(_Claims, total=False):
    client_id: Text | None
    scp: tuple[Text, ...] | None
    scope: Text | None
    act: _Actor | None


_M2M_CLAIMS: Final = TypeAdapter(_M2MClaims)
_OAUTH_CLAIMS: Final = TypeAdapter(_OAuthClaims)


def check_machine_header(header: TokenHeader, token_type: MachineTokenType, rules: Rules) -> None:
    """Refuse what needs no key to be refused.

    :raises TokenInvalid: for an M2M token that is not marked as one by its category.
    :raises TokenTypeMismatch: for an OAuth token that is marked as something else.
    :raises TokenVerificationFailed: for a ``typ`` that tokens of this type do not have.
    :raises TokenInvalidAlgorithm: for an ``alg`` outside the allow-list (RFC 8725 section 3.1).
    """
    if token_type == "m2m_token":
        if header.category != _M2M_CATEGORY:
            raise TokenInvalid("The token is not marked as an M2M token by its category.")
        fits = header.kind == "JWT"
    else:
        if header.category in _OTHER_CATEGORIES:
            raise TokenTypeMismatch("The token's category is not that of an OAuth access token.")
        fits = header.kind in OAUTH_TYPES
    if not fits:
        raise TokenVerificationFailed("The token's type (typ) is not the one its kind has.")
    if header.algorithm not in rules.algorithms:
        raise TokenInvalidAlgorithm


def verify_machine(
    token: UnverifiedToken,
    token_type: MachineTokenType,
    key: VerificationKey,
    rules: Rules,
    now: float,
) -> MachineToken:
    """Believe an M2M token or OAuth access token, or say why not: signature first, then the rest.

    ``authorized_parties`` do not apply: no browser sends these.

    :param key: the key that the token's ``kid`` names.
    :param now: seconds since the epoch.
    :raises TokenError: the leaf names the reason.

    Source: RFC 9068 section 4, and https://clerk.com/docs/guides/development/machine-auth/m2m-tokens
    """
    check_machine_header(token.header, token_type, rules)
    if token.header.algorithm != key.algorithm:
        raise TokenInvalidAlgorithm
    if not key.verify(token.signing_input, token.signature):
        raise TokenInvalidSignature("The token was not signed by this Clerk instance.")
    payload = peek_claims(token.payload)
    if token_type == "m2m_token":
        claims, believed = _read_m2m(payload)
    else:
        claims, believed = _read_oauth(payload)
    if rules.issuers is not None and claims["iss"] not in rules.issuers:
        raise TokenInvalidIssuer("The token comes from another Clerk instance.")
    check_audience(believed.audience, rules)
    _check_times(claims, rules.clock_skew, now)
    return believed


def check_audience(audience: tuple[str, ...], rules: Rules) -> None:
    """Refuse a token that is not meant for this API, if the rules name what is.

    :raises TokenVerificationFailed: if they do and it names none of it.
    """
    if rules.audience is not None and rules.audience.isdisjoint(audience):
        raise TokenVerificationFailed("The token is not meant for this API; check its audience.")


def _read_m2m(payload: Mapping[str, Any]) -> tuple[_Claims, MachineToken]:
    claims = _validated(_M2M_CLAIMS, payload)
    if claims is None or not _is_bearer("m2m_token", claims["sub"]):
        raise TokenVerificationFailed(_MALFORMED)
    scopes, audience = claims.get("scopes"), _several(claims.get("aud"))
    return claims, MachineToken(
        "m2m_token",
        claims.get("jti") or "",
        claims["sub"],
        audience if scopes is None else _words(scopes),
        {name: payload[name] for name in payload if name not in _STRUCTURE} or None,
        audience=audience,
        expires_at=claims["exp"],
    )


def _read_oauth(payload: Mapping[str, Any]) -> tuple[_Claims, MachineToken]:
    claims = _validated(_OAUTH_CLAIMS, payload)
    if claims is None or not _is_bearer("oauth_token", claims["sub"]):
        raise TokenVerificationFailed(_MALFORMED)
    scopes = claims.get("scp")
    return claims, MachineToken(
        "oauth_token",
        claims.get("jti") or "",
        claims["sub"],
        _words(claims.get("scope") or "") if scopes is None else scopes,
        client_id=claims.get("client_id"),
        audience=_several(claims.get("aud")),
        actor=_actor(claims.get("act")),
        expires_at=claims["exp"],
    )


def _check_times(claims: _Claims, clock_skew: float, now: float) -> None:
    if claims["exp"] <= now - clock_skew:
        raise TokenExpired("The token has expired; get a new one.")
    if claims.get("nbf", 0) > now + clock_skew:
        raise TokenNotActiveYet
    if claims["iat"] > now + clock_skew:
        raise TokenIssuedInFuture


_T = TypeVar("_T")


def _validated(adapter: TypeAdapter[_T], said: Mapping[str, object]) -> _T | None:
    try:
        return adapter.validate_python(said)
    except ValidationError:  # quotes what was said, so that nothing may be raised from it
        return None


def _is_bearer(token_type: MachineTokenType, subject: str) -> bool:
    return any(subject.startswith(prefix) and subject != prefix for prefix in _SUBJECTS[token_type])


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(" ") if word)


def _several(audience: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (audience,) if isinstance(audience, str) else audience or ()


def _actor(claim: Mapping[str, Any] | None) -> Actor | None:
    if claim is None:
        return None
    said = {name: value for name, value in claim.items() if value is not None}
    return Actor.model_validate(said | {"act": _actor(said["act"])} if "act" in said else said)


def _refused(why: str) -> TokenInvalid:
    return TokenInvalid(f"The token {why}; get a new one.")
