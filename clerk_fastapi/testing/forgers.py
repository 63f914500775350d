"""The tools of forgers: each turns a good token into an evil one."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from clerk_fastapi.testing.signing import SigningKey, base64url, compact
from clerk_fastapi.testing.tokens import ABSENT, changed, to_json

__all__ = [
    "Changes",
    "Forger",
    "Original",
    "attacker",
    "attacker_certificate",
    "by_attacker",
    "deep_header",
    "deep_payload",
    "edited",
    "elliptic",
    "keyed",
    "raw_claim",
    "raw_header",
    "raw_payload",
    "rejoined",
    "resealed",
    "respelled",
    "rsa",
    "signed",
    "tampered",
    "unsigned",
    "version_1",
    "with_claims",
    "with_header",
    "with_times",
]


Changes = Mapping[str, object]
_AS_IT_IS: Changes = MappingProxyType({})


@dataclass(frozen=True)
class Original:
    """A good token, taken apart, and the key that a forger would like to have."""

    key: SigningKey
    header: dict[str, object]
    claims: dict[str, object]

    def saying(self, header: Changes, claims: Changes) -> tuple[bytes, bytes]:
        """Header and payload with something changed."""
        return to_json(changed(self.header, header)), to_json(changed(self.claims, claims))

    @property
    def parts(self) -> tuple[str, str, str]:
        """The good token, taken apart."""
        token = self.key.token(to_json(self.header), to_json(self.claims))
        header, payload, signature = token.split(".")
        return header, payload, signature


Forger = Callable[[Original], str]


@lru_cache(maxsize=1)
def attacker() -> SigningKey:
    """A key that no instance has."""
    return SigningKey.generate()


@lru_cache(maxsize=1)
def attacker_certificate() -> str:
    """A certificate for that key as ``x5c`` carries it (RFC 7515 section 4.1.6)."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "attacker.example")])
    long_ago = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, attacker().private.public_key())
        .serial_number(1)
        .not_valid_before(long_ago)
        .not_valid_after(long_ago.replace(year=9999))
        .sign(attacker().private, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


# --- signed by the instance itself: what the token says is wrong ----------------------------------


def signed(*, header: Changes = _AS_IT_IS, claims: Changes = _AS_IT_IS) -> Forger:
    """Have Clerk's own key sign something it never would."""
    return lambda original: original.key.token(*original.saying(header, claims))


def with_header(**changes: object) -> Forger:
    """Say something else in the header."""
    return signed(header=changes)


def with_claims(**changes: object) -> Forger:
    """Say something else in the payload."""
    return signed(claims=changes)


def with_times(**offsets: int) -> Forger:
    """Set times, in seconds from the moment of issue."""

    def forge(original: Original) -> str:
        issued_at = original.claims["iat"]
        assert isinstance(issued_at, int)
        times = {name: issued_at + offset for name, offset in offsets.items()}
        return signed(claims=times)(original)

    return forge


def edited(claim: str, edit: Callable[[str], str]) -> Forger:
    """Change the text of a claim."""
    return lambda original: with_claims(**{claim: edit(str(original.claims.get(claim)))})(original)


def version_1(**changes: object) -> Forger:
    """Say it in wire version 1, where the organization's claims stand by themselves."""
    return signed(claims={"v": ABSENT, "o": ABSENT, **changes})


def raw_claim(claim: str, literal: str) -> Forger:
    """Write a value that Python's ``json`` would write differently."""

    def forge(original: Original) -> str:
        header, payload = original.saying(_AS_IT_IS, {claim: "@literal@"})
        return original.key.token(header, payload.replace(b'"@literal@"', literal.encode()))

    return forge


def raw_header(data: bytes) -> Forger:
    """Sign under something else than a header."""
    return lambda original: original.key.token(data, to_json(original.claims))


def raw_payload(data: bytes) -> Forger:
    """Sign something else than claims."""
    return lambda original: original.key.token(to_json(original.header), data)


def deep_header(depth: int) -> Forger:
    """Put arrays into arrays, beside good header fields."""
    return lambda original: raw_header(_with_nest(original.header, depth))(original)


def deep_payload(depth: int) -> Forger:
    """Put arrays into arrays, beside good claims."""
    return lambda original: raw_payload(_with_nest(original.claims, depth))(original)


def _with_nest(fields: Mapping[str, object], depth: int) -> bytes:
    return to_json(fields)[:-1] + b',"nest":' + b"[" * depth + b"]" * depth + b"}"


# --- signed by somebody else, or by other rules ---------------------------------------------------


def unsigned(algorithm: str) -> Forger:
    """Leave the signature out and say so (RFC 7519 section 6)."""

    return lambda original: compact(*original.saying({"alg": algorithm}, _AS_IT_IS)) + "."


def by_attacker(*, header: Changes = _AS_IT_IS, claims: Changes = _AS_IT_IS) -> Forger:
    """Sign with the attacker's key, under the instance's ``kid`` unless told otherwise."""
    return lambda original: attacker().token(*original.saying(header, claims))


def keyed(secret: Callable[[SigningKey], bytes]) -> Forger:
    """Sign as HS256, with something public as the secret (RFC 8725 section 2.1)."""

    def forge(original: Original) -> str:
        message = compact(*original.saying({"alg": "HS256"}, _AS_IT_IS))
        mac = hmac.digest(secret(original.key), message.encode(), hashlib.sha256)
        return f"{message}.{base64url(mac)}"

    return forge


def rsa(algorithm: str, digest: hashes.HashAlgorithm, *, pss: bool = False) -> Forger:
    """Sign with the right key by another RSA algorithm."""
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size) if pss else padding.PKCS1v15()

    def forge(original: Original) -> str:
        message = compact(*original.saying({"alg": algorithm}, _AS_IT_IS))
        return f"{message}.{base64url(original.key.private.sign(message.encode(), scheme, digest))}"

    return forge


def elliptic(original: Original) -> str:
    """Sign as ES256 with a key of one's own (RFC 7518 section 3.4)."""
    message = compact(*original.saying({"alg": "ES256"}, _AS_IT_IS))
    key = ec.generate_private_key(ec.SECP256R1())
    r, s = utils.decode_dss_signature(key.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{message}.{base64url(r.to_bytes(32) + s.to_bytes(32))}"


# --- a good token, tampered with ------------------------------------------------------------------


def tampered(*, header: Changes = _AS_IT_IS, claims: Changes = _AS_IT_IS) -> Forger:
    """Keep the signature, and change what was signed."""
    return lambda original: f"{compact(*original.saying(header, claims))}.{original.parts[2]}"


def rejoined(edit: Callable[[str, str, str], str]) -> Forger:
    """Put the three parts together differently."""
    return lambda original: edit(*original.parts)


def resealed(edit: Callable[[bytes], bytes]) -> Forger:
    """Change the bytes of the signature."""

    def forge(original: Original) -> str:
        header, payload, signature = original.parts
        mac = edit(base64.urlsafe_b64decode(signature + "=="))
        return f"{header}.{payload}.{base64url(mac)}"

    return forge


def respelled(edit: Callable[[str], str]) -> Forger:
    """Write the same signature in another way; lenient readers take both for the same token."""

    def forge(original: Original) -> str:
        for serial in count():  # until there is something to write differently: nearly at once
            renewed = replace(original, claims=original.claims | {"jti": f"{serial:020}"})
            header, payload, signature = renewed.parts
            if edit(signature) != signature:
                return f"{header}.{payload}.{edit(signature)}"
        raise AssertionError("unreachable")

    return forge
