"""Tokens described in JSON, signed with keys made at run time."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Literal, TypedDict

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

__all__ = ["HOST", "ISSUER", "KID", "NOW", "ORIGIN", "Token", "jwk", "pem", "sign"]

NOW = 1_800_000_000
"""The moment at which vectors are judged, unless they say otherwise."""

HOST = "clerk.example.com"
ISSUER = f"https://{HOST}"
ORIGIN = "https://app.example.com"
KID = "ins_2oracle"

HEADER = {"alg": "RS256", "kid": KID, "typ": "JWT", "cat": "cl_B7d4PD111AAA"}
CLAIMS = {
    "iss": ISSUER,
    "sub": "user_2oracle",
    "sid": "sess_2oracle",
    "azp": ORIGIN,
    "iat": NOW - 10,
    "nbf": NOW - 20,
    "exp": NOW + 50,
}
HASHES: dict[str, hashes.HashAlgorithm] = {
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
    "PS256": hashes.SHA256(),
}

Signer = Literal["instance", "stranger", "long", "pem-as-secret", "nobody"]
Damage = Literal[
    "padded",
    "padded-too-much",
    "padded-unused-bits",
    "unused-bits",
    "two-parts",
    "four-parts",
    "base64-alphabet",
    "bent-signature",
    "bent-claims",
    "empty-signature",
    "truncated-signature",
]


class Token(TypedDict, total=False):
    """How a token differs from an ordinary session token."""

    header: Mapping[str, object]
    claims: Mapping[str, object]
    without: list[str]
    """Members to leave out: ``header.typ``, ``claims.nbf``."""
    claims_tail: str
    """JSON text of further members of the payload, where the way of writing them counts."""
    filler: int
    """Bytes of a claim that makes the token long."""
    nesting: int
    """Depth of lists in a claim that makes the payload deep."""
    header_text: str
    """The whole header, as JSON text or not."""
    claims_text: str
    """The whole payload, as JSON text or not."""
    encoding: str
    """Of header and payload, if not UTF-8."""
    signer: Signer
    damage: Damage
    text: str
    """The whole token; nothing is signed."""


def sign(token: Token) -> str:
    """Write the token in compact form (RFC 7515 section 7.1), the same for everyone who asks."""
    return token["text"] if "text" in token else _sign(json.dumps(token))


@cache
def _sign(description: str) -> str:
    token: Token = json.loads(description)
    encoding = token.get("encoding", "utf-8")
    without = token.get("without", [])
    header = _without(HEADER | dict(token.get("header", {})), "header.", without)
    claims = _without(CLAIMS | dict(token.get("claims", {})), "claims.", without)
    if filler := token.get("filler"):
        claims["filler"] = "x" * filler
    claims_text = _json(claims)
    if depth := token.get("nesting"):
        claims_text = f'{claims_text[:-1]},"nesting":{"[" * depth}{"]" * depth}}}'
    if tail := token.get("claims_tail"):
        claims_text = f"{claims_text[:-1]}, {tail}}}"
    parts = [
        _base64url(token.get("header_text", _json(header)).encode(encoding)),
        _base64url(token.get("claims_text", claims_text).encode(encoding)),
    ]
    signature = _signature(
        token.get("signer", "instance"), str(header.get("alg")), ".".join(parts).encode()
    )
    parts.append(_base64url(signature))
    damage = token.get("damage")
    return ".".join(parts) if damage is None else _damaged(parts, damage)


def pem(name: str = "instance") -> str:
    """The public half of a key, as ``CLERK_JWT_KEY`` holds it."""
    return (
        _private_key(name)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def jwk(name: str = "instance") -> dict[str, object]:
    """The public half of a key, as Clerk's key sets hold it."""
    numbers = _private_key(name).public_key().public_numbers()
    modulus = numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)
    return {
        "use": "sig",
        "kty": "RSA",
        "kid": KID,
        "alg": "RS256",
        "n": _base64url(modulus),
        "e": "AQAB",
    }


@cache
def _private_key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 4096 if name == "long" else 2048)


def _signature(signer: Signer, algorithm: str, signing_input: bytes) -> bytes:
    if signer == "nobody":
        return b""
    if signer == "pem-as-secret":
        return hmac.digest(pem().encode(), signing_input, hashlib.sha256)
    hashed = HASHES.get(algorithm, hashes.SHA256())
    fill: padding.AsymmetricPadding = padding.PKCS1v15()
    if algorithm == "PS256":
        fill = padding.PSS(padding.MGF1(hashed), padding.PSS.DIGEST_LENGTH)
    return _private_key(signer).sign(signing_input, fill, hashed)


def _damaged(parts: list[str], damage: Damage) -> str:
    header, claims, signature = parts
    match damage:
        case "padded":
            return f"{header}.{claims}.{signature}=="
        case "padded-too-much":
            return f"{header}.{claims}.{signature}======"
        case "padded-unused-bits":
            return f"{header}.{claims}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}=="
        case "unused-bits":
            # 256 bytes leave the last character of a signature four bits that nothing reads.
            return f"{header}.{claims}.{signature[:-1]}{chr(ord(signature[-1]) + 1)}"
        case "two-parts":
            return f"{header}.{claims}"
        case "four-parts":
            return f"{header}.{claims}.{signature}."
        case "base64-alphabet":
            return f"{header}.{claims}.{signature.translate(str.maketrans('-_', '+/'))}+/+="
        case "bent-signature":
            return f"{header}.{claims}.{_bent(signature)}"
        case "bent-claims":
            return f"{header}.{_base64url(_json({'sub': 'user_2other'}).encode())}.{signature}"
        case "empty-signature":
            return f"{header}.{claims}."
        case "truncated-signature":
            return f"{header}.{claims}.{signature[: len(signature) // 4 * 4]}"


def _bent(segment: str) -> str:
    return ("B" if segment[0] == "A" else "A") + segment[1:]


def _without(members: dict[str, object], prefix: str, without: list[str]) -> dict[str, object]:
    return {name: value for name, value in members.items() if prefix + name not in without}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
