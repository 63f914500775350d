"""The only room that knows python-jose: keys in, a verdict on signatures out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jose import jwk
from jose.exceptions import JOSEError

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "KeyRefused",
    "VerificationKey",
    "key_from_jwk",
    "key_from_pem",
]

Algorithm = Literal["RS256", "RS384", "RS512"]
ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "RS384", "RS512")

_MINIMUM_BITS = 2048  # RFC 7518 section 3.3


class KeyRefused(ValueError):
    """Not an RSA public key that signatures may be checked with."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """An RSA public key bound to one algorithm, built once and used for every token.

    Two keys are equal if they verify the same signatures under the same name.
    """

    kid: str
    algorithm: Algorithm
    modulus: str
    exponent: str
    _key: Any = field(compare=False, repr=False)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether this key signed ``signing_input`` (RFC 7515 section 5.2)."""
        return bool(self._key.verify(signing_input, signature))


def key_from_pem(pem: str, algorithm: Algorithm = "RS256") -> VerificationKey:
    """Build a key from PEM text, without header, footer or real line breaks if need be.

    :raises KeyRefused: if it is not an RSA public key of at least 2048 bits.
    """
    body = pem.replace("\\n", "\n")
    for line in ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"):
        body = body.replace(line, "")
    text = "".join(body.split())
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyRefused("not a PEM public key") from error
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return _build(f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n", "", algorithm)


def key_from_jwk(document: Mapping[str, object]) -> VerificationKey:
    """Build a key from a JSON Web Key (RFC 7517), for ``RS256`` unless it says otherwise.

    :raises KeyRefused: if it is not an RSA signature key with a name and at least 2048 bits, or if
        it holds private parts.
    """
    kid, algorithm = document.get("kid"), document.get("alg", "RS256")
    if not isinstance(kid, str) or not kid:
        raise KeyRefused("a key without kid")
    if document.get("kty") != "RSA" or document.get("use", "sig") != "sig" or "d" in document:
        raise KeyRefused("not an RSA public key for signatures")
    if not all(isinstance(document.get(part), str) for part in ("n", "e")):
        raise KeyRefused("an RSA key without modulus or exponent")
    for known in ALGORITHMS:
        if algorithm == known:
            return _build({"kty": "RSA", "n": document["n"], "e": document["e"]}, kid, known)
    raise KeyRefused("a key for an algorithm that Clerk does not use")


def _build(material: str | dict[str, object], kid: str, algorithm: Algorithm) -> VerificationKey:
    try:
        key = jwk.construct(material, algorithm)
        public = key.to_dict()
    except (JOSEError, ValueError, TypeError, AttributeError) as error:
        raise KeyRefused("not an RSA public key") from error
    modulus, exponent = str(public["n"]), str(public["e"])
    if "d" in public or _bits(modulus) < _MINIMUM_BITS:
        raise KeyRefused("not an RSA public key of at least 2048 bits")
    return VerificationKey(kid, algorithm, modulus, exponent, key)


def _bits(modulus: str) -> int:
    raw = base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    return int.from_bytes(raw).bit_length()
