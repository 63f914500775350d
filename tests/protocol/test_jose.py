"""Keys for checking signatures: RSA, public, long enough, and built once."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from clerk_fastapi.protocol._jose import (
    ALGORITHMS,
    KeyRefused,
    VerificationKey,
    key_from_jwk,
    key_from_pem,
)
from clerk_fastapi.testing import ABSENT, SigningKey
from clerk_fastapi.testing.signing import base64url
from clerk_fastapi.testing.tokens import changed
from tests.protocol.material import signing_key

MESSAGE = b"header.payload"


def jwk(**changes: object) -> dict[str, object]:
    """The instance's JSON Web Key, with something said otherwise."""
    return changed(signing_key().jwk, changes)


@pytest.fixture(scope="module")
def short() -> rsa.RSAPrivateKey:
    """A key that is too short to be safe."""
    return rsa.generate_private_key(65_537, 1_024)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_rsa_signatures_are_known(algorithm: str) -> None:
    """Neither shared secrets nor other curves nor PSS can ever be asked for."""
    assert algorithm in {"RS256", "RS384", "RS512"}


def test_signature_of_the_key_is_its_own() -> None:
    """A signature holds for the message that was signed and for no other."""
    key, signature = key_from_jwk(jwk()), signing_key().sign(MESSAGE)
    assert key.verify(MESSAGE, signature) is True
    assert key.verify(MESSAGE + b"!", signature) is False
    assert key.verify(MESSAGE, signature[:-1]) is False
    assert key.verify(MESSAGE, signature + b"\0") is False
    assert key.verify(MESSAGE, b"") is False
    assert key.verify(b"", b"") is False
    assert key_from_jwk(SigningKey.generate().jwk).verify(MESSAGE, signature) is False


def test_algorithm_belongs_to_the_key() -> None:
    """A key for RS512 does not take an RS256 signature for its own."""
    key, signature = key_from_jwk(jwk(alg="RS512")), signing_key().sign(MESSAGE)
    assert key.algorithm == "RS512"
    assert not key.verify(MESSAGE, signature)


def test_algorithm_is_rs256_unless_said_otherwise() -> None:
    """A JSON Web Key may leave ``alg`` out, and a PEM cannot name it."""
    assert key_from_jwk(jwk(alg=ABSENT)).algorithm == "RS256"
    assert key_from_pem(signing_key().pem).algorithm == "RS256"


def test_same_key_is_equal_however_it_came() -> None:
    """A key that is published again is the same key, under the same name."""
    assert key_from_jwk(jwk()) == key_from_jwk(jwk(x5t="thumb"))
    assert key_from_jwk(jwk()) != key_from_jwk(jwk(kid="ins_2"))
    assert key_from_jwk(jwk()) != key_from_jwk(jwk(alg="RS512"))
    assert key_from_jwk(jwk()) != key_from_jwk(SigningKey(signing_key().kid, other()).jwk)


def other() -> rsa.RSAPrivateKey:
    """A key pair of somebody else."""
    return SigningKey.generate().private


PEM_SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "stripped": str.strip,
    "one line": lambda pem: pem.replace("\n", ""),
    "escaped": lambda pem: pem.replace("\n", "\\n"),
    "windows": lambda pem: pem.replace("\n", "\r\n"),
    "bare": lambda pem: "".join(line for line in pem.splitlines() if "-----" not in line),
    "bare lines": lambda pem: "\n".join(pem.splitlines()[1:-1]),
    "indented": lambda pem: pem.replace("\n", "\n    "),
    "spaces": lambda pem: pem.strip().replace("\n", " "),
    "blank lines": lambda pem: f"\n\n{pem}\n\n",
}


@pytest.mark.parametrize("spelling", PEM_SPELLINGS)
def test_pem_survives_being_copied(spelling: str) -> None:
    """Variables lose line breaks, headers and footers; the key is the same."""
    key = key_from_pem(PEM_SPELLINGS[spelling](signing_key().pem))
    assert key.verify(MESSAGE, signing_key().sign(MESSAGE))
    assert key == key_from_pem(signing_key().pem)


def test_pem_of_four_thousand_bits_is_accepted() -> None:
    """Longer keys than Clerk's own work as well."""
    pair = SigningKey("ins_long", rsa.generate_private_key(65_537, 4_096))
    assert key_from_pem(pair.pem).verify(MESSAGE, pair.sign(MESSAGE))


@pytest.mark.parametrize("pem", ["", "key", "-----BEGIN PUBLIC KEY-----", "AAAA", "A", "\u00e9"])
def test_text_that_is_no_pem_is_refused(pem: str) -> None:
    """What is not a key is never taken for one."""
    with pytest.raises(KeyRefused):
        key_from_pem(pem)


def test_short_pem_is_refused(short: rsa.RSAPrivateKey) -> None:
    """Keys below 2048 bits can be broken."""
    with pytest.raises(KeyRefused, match="2048"):
        key_from_pem(SigningKey("ins_1", short).pem)


WRONG: dict[str, dict[str, object]] = {
    "no kid": {"kid": ABSENT},
    "empty kid": {"kid": ""},
    "kid is a number": {"kid": 5},
    "no type": {"kty": ABSENT},
    "shared secret": {"kty": "oct", "k": "c2VjcmV0"},
    "elliptic": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
    "for encryption": {"use": "enc"},
    "use is null": {"use": None},
    "private": {"d": "AQAB"},
    "no modulus": {"n": ABSENT},
    "no exponent": {"e": ABSENT},
    "modulus is a number": {"n": 5},
    "exponent is a list": {"e": ["AQAB"]},
    "modulus is junk": {"n": "!!!"},
    "modulus is empty": {"n": ""},
    "modulus is zero": {"n": "AAAA"},
    "modulus is not ascii": {"n": "\u00e9"},
    "exponent is empty": {"e": ""},
    "exponent is zero": {"e": "AA"},
    "HS256": {"alg": "HS256"},
    "none": {"alg": "none"},
    "PS256": {"alg": "PS256"},
    "ES256": {"alg": "ES256"},
    "RSA-OAEP": {"alg": "RSA-OAEP"},
    "algorithm is null": {"alg": None},
    "algorithm is a list": {"alg": ["RS256"]},
}


@pytest.mark.parametrize("name", WRONG)
def test_other_keys_are_refused(name: str) -> None:
    """A key set may hold anything; only RSA public keys for signatures are taken from it."""
    with pytest.raises(KeyRefused):
        key_from_jwk(jwk(**WRONG[name]))


def test_empty_key_is_refused() -> None:
    """Nothing is not a key."""
    with pytest.raises(KeyRefused):
        key_from_jwk({})


def test_short_jwk_is_refused(short: rsa.RSAPrivateKey) -> None:
    """Keys below 2048 bits can be broken, and leading zeros do not make them longer."""
    modulus = short.public_key().public_numbers().n
    for size in (128, 256):
        with pytest.raises(KeyRefused, match="2048"):
            key_from_jwk(jwk(n=base64url(modulus.to_bytes(size))))


def test_key_shows_only_what_is_public() -> None:
    """Printing a key names it and shows its public numbers."""
    shown = repr(key_from_jwk(jwk()))
    assert signing_key().kid in shown
    assert "RSAPrivateKey" not in shown
    assert isinstance(key_from_jwk(jwk()), VerificationKey)


def test_refusal_does_not_repeat_the_key() -> None:
    """An error about a key can be logged."""
    secret = base64.b64encode(b"the operator pasted something else").decode()
    with pytest.raises(KeyRefused) as caught:
        key_from_pem(secret)
    assert secret not in str(caught.value)
