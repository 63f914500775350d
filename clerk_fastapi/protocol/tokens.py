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
    "OAUTH_TYPES",
    "TokenHeader",
    "UnverifiedToken",
    "peek",
    "peek_claims",
    "refuse_machine_claims",
]

MAX_TOKEN_BYTES: Final = 16_384
"""Longer than any cookie or header that Clerk fills; what is longer is refused unread."""

MACHINE_SUBJECT: Final = "mch_"
"""How the ids of machines begin, which are the subjects of M2M tokens."""

OAUTH_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
"""The ``typ`` of OAuth access tokens (RFC 9068 section 2.1)."""

_SESSION_CATEGORIES = frozenset({"cl_B7d4PD111AAA", "cl_I7d4PD111III"})

# The decoder forgives padding, the other alphabet, and whatever JSON would unescape; we do not.
_EQUALS, _PLUS, _SLASH, _BACKSLASH = b"=+/\\"
# Python's own base64 decoder is three times slower and forgives unused bits that are not zero.
_decode: Final[Callable[[bytes], tuple[bytes, bytes]]] = TypeAdapter(
    tuple[bytes, bytes], config=ConfigDict(val_json_bytes="base64")
).validator.validate_json


class TokenHeader(NamedTuple):
    """The JOSE header (RFC 7515 section 4), type-checked; members that nobody needs are dropped.

    A ``typ`` or ``cat`` that is no text is empty text, which nobody accepts. ``refusal`` is what a
    session token is refused with if it has this header.
    """

    algorithm: str
    kid: str | None
    kind: str
    """The ``typ``: ``JWT`` unless it says otherwise."""
    category: str | None
    refusal: type[TokenInvalid] | type[TokenTypeMismatch] | None


class UnverifiedToken(NamedTuple):
    """A JSON Web Signature in compact form, taken apart and not yet believed."""

    header: TokenHeader
    signing_input: bytes
    payload: bytes
    signature: bytes

    def __repr__(self) -> str:
        return "<UnverifiedToken>"  # tracebacks show it, and it holds what may be secret

    @classmethod
    def parse(cls, token: bytes) -> UnverifiedToken:
        """Take a token apart: three parts of base64url, a JSON header (RFC 7515 section 7.1).

        :raises TokenInvalid: if it is anything else, or longer than :data:`MAX_TOKEN_BYTES`.
        """
        header, payload, signature = _split(token)
        content, proof = _decoded(payload, signature)
        return cls(_read_header(header), token[: -1 - len(signature)], content, proof)


def peek(token: bytes) -> tuple[str | None, bytes]:
    """Read the ``typ`` and the payload of a token, however odd its header is otherwise.

    Nobody vouches for either: fit to tell what kind of token it wants to be.

    :raises TokenInvalid: if it is not three parts of base64url that all say something, or its
        header no JSON object.
    """
    header, payload, signature = _split(token)
    content, proof = _decoded(payload, signature)
    if not proof:
        raise TokenInvalid
    return _remembered_type(header) if len(header) <= 256 else _peek_type(header), content


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
    header = peek_claims(_decoded(segment, b"")[0])
    algorithm, kid = header.get("alg"), header.get("kid")
    # A token that demands extensions we do not know must be refused (RFC 7515 section 4.1.11), and
    # b64 (RFC 7797) changes what is signed.
    if "crit" in header or "b64" in header:
        raise TokenInvalid
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise TokenInvalid
    kind, category = _text(header, "typ"), _text(header, "cat")
    if kind is None:
        kind = "JWT"
    refusal: type[TokenInvalid] | type[TokenTypeMismatch] | None = None
    if kind != "JWT":
        refusal = TokenTypeMismatch if kind in OAUTH_TYPES else TokenInvalid
    if category is not None and category not in _SESSION_CATEGORIES:
        refusal = TokenTypeMismatch
    return TokenHeader(algorithm, kid, kind, category, refusal)


def _text(header: Mapping[str, object], name: str) -> str | None:
    value = header.get(name)
    return value if isinstance(value, str) else "" if name in header else None


def _peek_type(segment: bytes) -> str | None:
    return _text(peek_claims(_decoded(segment, b"")[0]), "typ")


_remembered_header = lru_cache(maxsize=256)(_parse_header)
_remembered_type = lru_cache(maxsize=256)(_peek_type)


def _split(token: bytes) -> tuple[bytes, bytes, bytes]:
    if len(token) > MAX_TOKEN_BYTES or (
        _EQUALS in token or _PLUS in token or _SLASH in token or _BACKSLASH in token
    ):
        raise TokenInvalid
    header, _, rest = token.partition(b".")
    payload, dot, signature = rest.partition(b".")
    if not dot:
        raise TokenInvalid
    return header, payload, signature


def _decoded(first: bytes, second: bytes) -> tuple[bytes, bytes]:
    try:
        return _decode(b'["%b","%b"]' % (first, second))
    except ValidationError:
        pass
    # Out here: errors of the decoder quote what they could not decode, so that none of them may
    # become the context of an error of ours.
    raise TokenInvalid
