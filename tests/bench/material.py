"""What every contender is given: one RSA key, and session tokens signed before any clock starts."""

import base64
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwk, jws

HOST = "clerk.example.com"
ISSUER = f"https://{HOST}"
ORIGIN = "https://app.example.com"
KEY_ID = "ins_2aBcDeFgHiJkLmNoPqRsTuVwXyZ"
LIFETIME = 3600


@dataclass(frozen=True)
class Instance:
    """The public half of an instance made for this run: all that a server is told about Clerk."""

    publishable_key: str
    pem: str


@dataclass(frozen=True)
class Material:
    """One instance and a stock of valid tokens, each of another user and session."""

    instance: Instance
    public_key: rsa.RSAPublicKey
    tokens: tuple[str, ...]

    def batches(self, size: int) -> Iterator[tuple[str, ...]]:
        """Cut the stock into batches that share no token."""
        stock = iter(self.tokens)
        while len(batch := tuple(islice(stock, size))) == size:
            yield batch


def make_material(count: int) -> Material:
    """Make a key and sign `count` different tokens with it."""
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public_key = private_key.public_key()
    pem = public_key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()
    private_pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    signer = jwk.construct(private_pem, "RS256")
    headers = {"kid": KEY_ID, "cat": "cl_B7d4PD111AAA"}
    now = int(time.time())
    tokens = tuple(
        jws.sign(session_claims(number, now), signer, headers=headers, algorithm="RS256")
        for number in range(count)
    )
    encoded_host = base64.b64encode(f"{HOST}$".encode()).decode().rstrip("=")
    return Material(Instance(f"pk_live_{encoded_host}", pem), public_key, tokens)


def session_claims(number: int, now: int) -> dict[str, object]:
    """Claims of a version 2 session token with one organization and two custom claims."""
    return {
        "azp": ORIGIN,
        "email": f"person{number}@example.com",
        "exp": now + LIFETIME,
        "fea": "o:data",
        "fva": [3, -1],
        "iat": now,
        "iss": ISSUER,
        "jti": f"{number:020x}",
        "metadata": {"plan": "pro"},
        "nbf": now - 10,
        "o": {
            "id": "org_2aBcDeFgHiJkLmNoPqRsTuVwXyZ",
            "slg": "example",
            "rol": "member",
            "per": "read,write",
            "fpm": "3",
        },
        "pla": "o:pro",
        "sid": f"sess_{number:027d}",
        "sts": "active",
        "sub": f"user_{number:027d}",
        "v": 2,
    }
