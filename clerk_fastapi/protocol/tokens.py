"""What a token looks like before anything in it is believed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from clerk_fastapi.errors import TokenInvalid, TokenTypeMismatch

__all__ = [
    "MACHINE_SUBJECT",
    "MAX_TOKEN_BYTES",
    "TokenHeader",
    "UnverifiedToken",
    "peek_claims",
    "refuse_machine_claims",
]

MAX_TOKEN_BYTES: Final = 16_384
"""Longer than any cookie or header that Clerk fills; what is longer is refused unread."""

MACHINE_SUBJECT: Final = "mch_"
"""How the ids of machines begin, which are the subjects of M2M tokens."""

_SESSION_CATEGORIES = frozenset({"cl_B7d4PD111AAA", "cl_I7d4PD111III"})
_MACHINE_TYPES = frozenset({"at+jwt", "application/at+jwt"})

# The decoder forgives padding, the other alphabet, and whatever JSON would unescape; we do not.
_EQUALS, _PLUS, _SLASH, _BACKSLASH = b"=+/\\"
# Python's own base64 decoder is three times slower and forgives unused bits that are not zero.
_decode: Final[Callable[[bytes], tuple[bytes, bytes]]] = TypeAdapter(
    tuple[bytes, bytes], config=ConfigDict(val_json_bytes="base64")
).validator.validate_json


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
        """Take a token apart: three parts of base64url, a JSON header (RFC 7515 section 7.1).

        :raises TokenInvalid: if it is anything else, or longer than :data:`MAX_TOKEN_BYTES`.
        """
        if len(token) > MAX_TOKEN_BYTES or (
            _EQUALS in token or _PLUS in token or _SLASH in token or _BACKSLASH in token
        ):
            raise TokenInvalid
        header, _, rest = token.partition(b".")
        payload, dot, signature = rest.partition(b".")
        if not dot:
            raise TokenInvalid
        decoded = _decoded(payload, signature)
        if decoded is None:
            raise TokenInvalid
        content, proof = decoded
        return cls(_read_header(header), token[: -1 - len(signature)], content, proof)


def peek_claims(payload: bytes) -> Mapping[str, object]:
    """Read claims that nobody vouches for: fit to choose a refusal or a cookie, never a yes.

    :raises TokenInvalid: if the payload is not a JSON object.
    """
    try:
        claims = from_json(payload, allow_inf_nan=False)
    except ValueError:
        claims = None
    if not isinstance(claims, dict):
        raise TokenInvalid
    return claims


def refuse_machine_claims(payload: bytes) -> None:
    """Name what an unverifiable token was: machine tokens are refused as such, before key trouble.

    :raises TokenTypeMismatch: if the subject is a machine.
    :raises TokenInvalid: if the payload is not a JSON object.
    """
    subject = peek_claims(payload).get("sub")
    if isinstance(subject, str) and subject.startswith(MACHINE_SUBJECT):
        raise TokenTypeMismatch


# Every token of a key has the same header, so that reading it anew each time is wasted work. Only
# short ones are kept: a stranger can send any header.
def _read_header(segment: bytes) -> TokenHeader:
    return _remembered_header(segment) if len(segment) <= 256 else _parse_header(segment)


def _parse_header(segment: bytes) -> TokenHeader:
    decoded = _decoded(segment, b"")
    if decoded is None:
        raise TokenInvalid
    header = peek_claims(decoded[0])
    algorithm, kid, category = (header.get(name) for name in ("alg", "kid", "cat"))
    # A token that demands extensions we do not know must be refused (RFC 7515 section 4.1.11), and
    # b64 (RFC 7797) changes what is signed.
    if "crit" in header or "b64" in header:
        raise TokenInvalid
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise TokenInvalid
    kind = header.get("typ", "JWT")
    refusal: type[TokenInvalid] | type[TokenTypeMismatch] | None = None
    if kind != "JWT":
        is_machine_type = isinstance(kind, str) and kind in _MACHINE_TYPES
        refusal = TokenTypeMismatch if is_machine_type else TokenInvalid
    if not isinstance(category, str):
        category = None
    if "cat" in header and category not in _SESSION_CATEGORIES:
        refusal = TokenTypeMismatch
    return TokenHeader(algorithm, kid, category, refusal)


_remembered_header = lru_cache(maxsize=256)(_parse_header)


# Errors of the decoder quote what they could not decode, so none of them may become the context of
# an error of ours.
def _decoded(first: bytes, second: bytes) -> tuple[bytes, bytes] | None:
    try:
        return _decode(b'["%b","%b"]' % (first, second))
    except ValidationError:
        return None
