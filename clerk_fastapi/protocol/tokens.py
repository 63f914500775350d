"""What a token looks like before anything in it is believed."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from pydantic_core import from_json

from clerk_fastapi.errors import TokenInvalid, TokenTypeMismatch

__all__ = ["MAX_TOKEN_BYTES", "TokenHeader", "UnverifiedToken", "peek_claims", "refuse_machine_claims"]

MAX_TOKEN_BYTES: Final = 16_384
"""Longer than any cookie or header that Clerk fills; what is longer is refused unread."""

TokenType = Literal["session_token"]

_SESSION_CATEGORIES = frozenset({"cl_B7d4PD111AAA", "cl_I7d4PD111III"})
_MACHINE_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_MACHINE_SUBJECT = "mch_"

# base64url to base64; the two characters that only base64 knows become ones that nobody knows.
_ALPHABET = bytes.maketrans(b"-_+/", b"+/!!")
_PADDING = (b"", b"", b"==", b"=")
# Last characters whose unused bits are zero (RFC 4648 section 3.5), by length modulo 4.
_CANONICAL_ENDS = (None, b"", b"AQgw", b"AEIMQUYcgkosw048")


class TokenHeader(NamedTuple):
    """The JOSE header (RFC 7515 section 4), type-checked; members that nobody needs are dropped."""

    algorithm: str
    kid: str | None
    category: str | None
    refusal: type[TokenInvalid] | type[TokenTypeMismatch] | None


class UnverifiedToken(NamedTuple):
    """A JSON Web Signature in compact form, taken apart and not yet believed."""

    header: TokenHeader
    signing_input: bytes
    payload: bytes
    signature: bytes

    @classmethod
    def parse(cls, token: bytes) -> UnverifiedToken:
        """Take a token apart: three parts, canonical base64url, a JSON header (RFC 7515 section 7.1).

        :raises TokenInvalid: if it is anything else, or longer than :data:`MAX_TOKEN_BYTES`.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenInvalid
        signing_input, dot, signature = token.rpartition(b".")
        header, second_dot, payload = signing_input.partition(b".")
        if not dot or not second_dot or b"." in payload:
            raise TokenInvalid
        return cls(_read_header(header), signing_input, _decode(payload), _decode(signature))


def peek_claims(payload: bytes) -> Mapping[str, object]:
    """Read claims that nobody vouches for: good for choosing a refusal or a cookie, never for a yes.

    :raises TokenInvalid: if the payload is not a JSON object.
    """
    try:
        claims = from_json(payload, allow_inf_nan=False)
    except ValueError:
        raise TokenInvalid from None
    if not isinstance(claims, dict):
        raise TokenInvalid
    return claims


def refuse_machine_claims(payload: bytes) -> None:
    """Name what an unverifiable token was: machine tokens are refused as such, before key trouble.

    :raises TokenTypeMismatch: if the subject is a machine.
    :raises TokenInvalid: if the payload is not a JSON object.
    """
    subject = peek_claims(payload).get("sub")
    if isinstance(subject, str) and subject.startswith(_MACHINE_SUBJECT):
        raise TokenTypeMismatch


# Every token of a key has the same header, so that reading it anew each time is wasted work. Only
# short ones are kept: a stranger can send any header.
def _read_header(segment: bytes) -> TokenHeader:
    return _remembered_header(segment) if len(segment) <= 256 else _parse_header(segment)


def _parse_header(segment: bytes) -> TokenHeader:
    header = peek_claims(_decode(segment))
    algorithm, kid, category = (header.get(name) for name in ("alg", "kid", "cat"))
    # A token that demands extensions we do not know must be refused (RFC 7515 section 4.1.11), and
    # b64 (RFC 7797) changes what is signed.
    if "crit" in header or "b64" in header:
        raise TokenInvalid
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise TokenInvalid
    refusal: type[TokenInvalid] | type[TokenTypeMismatch] | None = None
    if header.get("typ", "JWT") != "JWT":
        refusal = TokenTypeMismatch if header["typ"] in _MACHINE_TYPES else TokenInvalid
    if "cat" in header and category not in _SESSION_CATEGORIES:
        refusal = TokenTypeMismatch
    return TokenHeader(algorithm, kid, category if isinstance(category, str) else None, refusal)


_remembered_header = lru_cache(maxsize=256)(_parse_header)


def _decode(segment: bytes) -> bytes:
    remainder = len(segment) % 4
    ends = _CANONICAL_ENDS[remainder]
    if not segment or (ends is not None and segment[-1] not in ends):
        raise TokenInvalid
    try:
        return binascii.a2b_base64(
            segment.translate(_ALPHABET) + _PADDING[remainder], strict_mode=True
        )
    except binascii.Error:
        raise TokenInvalid from None
