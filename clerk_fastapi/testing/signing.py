"""RSA keys made at run time, and the signatures they give."""

from __future__ import annotations

import base64
import secrets
import string
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["SigningKey", "base64url", "compact", "new_id"]

_BITS = 2048
_EXPONENT = 65_537
_ID_CHARACTERS = string.ascii_letters + string.digits


def base64url(data: bytes) -> str:
    """Encode as JSON Web Tokens do: URL-safe, without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: bytes, payload: bytes) -> str:
    """The text that is signed: header and payload, encoded and joined (RFC 7515 section 5.1)."""
    return f"{base64url(header)}.{base64url(payload)}"


def new_id(prefix: str) -> str:
    """Make an identifier that looks like Clerk's: a prefix and 27 letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(_ID_CHARACTERS) for _ in range(27))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An RSA key pair that never leaves this process, under the name ``kid``."""

    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> SigningKey:
        """Make a new key of 2048 bits under a new name, as Clerk's are."""
        return cls(new_id("ins"), rsa.generate_private_key(_EXPONENT, _BITS))

    @property
    def pem(self) -> str:
        """The public half as PEM, the way the Clerk dashboard shows it."""
        public = self.private.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key (RFC 7517), the way Clerk publishes it."""
        numbers = self.private.public_key().public_numbers()
        return {
            "use": "sig",
            "kty": "RSA",
            "kid": self.kid,
            "alg": "RS256",
            "n": base64url(numbers.n.to_bytes(_BITS // 8)),
            "e": base64url(numbers.e.to_bytes(3)),
        }

    def sign(self, message: bytes) -> bytes:
        """Sign as RS256 does (RFC 7518 section 3.3)."""
        return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def signed(self, token: str) -> bool:
        """Whether this key signed the token."""
        message, _, signature = token.rpartition(".")
        try:
            mac = base64.urlsafe_b64decode(signature + "==")
            self.private.public_key().verify(
                mac, message.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, ValueError):
            return False
        return True

    def token(self, header: bytes, payload: bytes) -> str:
        """Sign a header and a payload into a JSON Web Token, whatever they say."""
        signed = compact(header, payload)
        return f"{signed}.{base64url(self.sign(signed.encode()))}"
