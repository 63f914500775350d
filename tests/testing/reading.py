"""Reading answers without the package under test: ``cryptography`` and the standard library."""

import base64
import json
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key


def decode(segment: str) -> bytes:
    """Undo base64url."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def header_of(token: str) -> dict[str, Any]:
    """The header, as anybody can read it."""
    header: dict[str, Any] = json.loads(decode(token.split(".")[0]))
    return header


def claims_of(token: str) -> dict[str, Any]:
    """The claims, as anybody can read them."""
    claims: dict[str, Any] = json.loads(decode(token.split(".")[1]))
    return claims


def public_key(jwk: dict[str, str]) -> rsa.RSAPublicKey:
    """Build the key that a JSON Web Key describes."""
    n, e = (int.from_bytes(decode(jwk[part])) for part in "ne")
    return rsa.RSAPublicNumbers(e, n).public_key()


def check_signature(token: str, key: rsa.RSAPublicKey) -> None:
    """Raise ``InvalidSignature`` unless the key signed the token as RS256."""
    message, _, signature = token.rpartition(".")
    key.verify(decode(signature), message.encode(), padding.PKCS1v15(), hashes.SHA256())


def pem_key(pem: str) -> rsa.RSAPublicKey:
    """Build the key that PEM text holds."""
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    """The response is an error in Clerk's shape."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["errors"][0].keys() == {"code", "message", "long_message"}
    assert document["errors"][0]["code"] == code
    assert len(document["clerk_trace_id"]) == 32
