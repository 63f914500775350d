"""What is evil about tokens of any kind: algorithm, key, issuer and times."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives import hashes

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.testing.forgers import (
    Forger,
    Original,
    attacker,
    attacker_certificate,
    by_attacker,
    edited,
    elliptic,
    keyed,
    resealed,
    rsa,
    tampered,
    unsigned,
    with_claims,
    with_header,
    with_times,
)
from clerk_fastapi.testing.tokens import ABSENT, to_json

__all__ = [
    "EVIL",
    "NEEDED",
    "OTHER_ALGORITHM",
    "OTHER_ISSUER",
    "OTHER_KEY",
    "UNKNOWN_KEY",
    "WRONG_DATES",
    "WRONG_TIMES",
    "Forgeries",
]

EVIL: Final = "https://attacker.example"


class Forgeries:
    """Evil tokens of one kind, by the reason code with which each one must be refused."""

    def __init__(self, by_code: Mapping[str, Mapping[str, Forger]]) -> None:
        self._forgers = {
            name: forger for named in by_code.values() for name, forger in named.items()
        }
        self.codes: Mapping[str, str] = MappingProxyType(
            {name: code for code, named in by_code.items() for name in named}
        )

    def make(self, name: str, original: Original) -> str:
        """Make the evil token of that name out of a good one.

        :raises ConfigurationError: if there is no such forgery.
        """
        forger = self._forgers.get(name)
        if forger is None:
            raise ConfigurationError(f"There is no forgery {name!r}; FORGERIES lists them all.")
        return forger(original)


OTHER_ALGORITHM: Final[dict[str, Forger]] = {
    "alg-none": unsigned("none"),
    "alg-none-capitalized": unsigned("None"),
    "alg-none-mixed-case": unsigned("nOnE"),
    "alg-none-signed": tampered(header={"alg": "none"}),
    "alg-hs256-pem": keyed(lambda key: key.pem.encode()),
    "alg-hs256-pem-stripped": keyed(lambda key: key.pem.strip().encode()),
    "alg-hs256-jwk": keyed(lambda key: to_json(key.jwk)),
    "alg-hs256-modulus": keyed(lambda key: key.jwk["n"].encode()),
    "alg-rs384": rsa("RS384", hashes.SHA384()),
    "alg-rs512": rsa("RS512", hashes.SHA512()),
    "alg-ps256": rsa("PS256", hashes.SHA256(), pss=True),
    "alg-ps512": rsa("PS512", hashes.SHA512(), pss=True),
    "alg-es256": elliptic,
    "alg-lowercase": with_header(alg="rs256"),
}

UNKNOWN_KEY: Final[dict[str, Forger]] = {
    "kid-unknown": by_attacker(header={"kid": "ins_unknown"}),
    "instance-foreign": by_attacker(header={"kid": "ins_foreign"}, claims={"iss": EVIL}),
    "kid-absent": by_attacker(header={"kid": ABSENT}),
    "kid-empty": by_attacker(header={"kid": ""}),
    "kid-path": by_attacker(header={"kid": "../../../../dev/null"}),
    "kid-prototype": by_attacker(header={"kid": "__proto__"}),
    "kid-long": by_attacker(header={"kid": "ins_" + "x" * 5_000}),
}

OTHER_KEY: Final[dict[str, Forger]] = {
    "key-foreign": by_attacker(),
    "header-jwk": lambda original: by_attacker(header={"jwk": attacker().jwk})(original),
    "header-jku": by_attacker(header={"jku": f"{EVIL}/jwks.json"}),
    "header-x5u": by_attacker(header={"x5u": f"{EVIL}/chain.pem"}),
    "header-x5c": lambda original: by_attacker(header={"x5c": [attacker_certificate()]})(original),
    "signature-empty": resealed(lambda signature: b""),
    "signature-flipped": resealed(lambda signature: bytes([signature[0] ^ 1]) + signature[1:]),
    "signature-truncated": resealed(lambda signature: signature[:-1]),
    "signature-extended": resealed(lambda signature: signature + b"\0"),
    "signature-zero": resealed(lambda signature: bytes(len(signature))),
    "signature-ps256": rsa("RS256", hashes.SHA256(), pss=True),
    "signature-sha512": rsa("RS256", hashes.SHA512()),
}

OTHER_ISSUER: Final[dict[str, Forger]] = {
    "iss-foreign": with_claims(iss="https://clerk.attacker.example"),
    "iss-plain-http": edited("iss", lambda iss: iss.replace("https://", "http://")),
    "iss-trailing-slash": edited("iss", lambda iss: f"{iss}/"),
    "iss-longer-host": edited("iss", lambda iss: f"{iss}.attacker.example"),
}

WRONG_TIMES: Final[dict[str, dict[str, Forger]]] = {
    "token-expired": {
        "expired": with_times(iat=-120, nbf=-130, exp=-60),
        "expired-long-ago": with_claims(iat=0, nbf=0, exp=60),
    },
    "token-not-active-yet": {"not-active-yet": with_times(iat=0, nbf=60, exp=120)},
    "token-iat-in-the-future": {"issued-in-the-future": with_times(iat=60, nbf=-10, exp=120)},
}

WRONG_DATES: Final[dict[str, object]] = {
    "text": "1",
    "true": True,
    "array": [4_000_000_000],
    "negative": -1,
    "overflow": 8_640_000_000_001,  # one second more than JavaScript can count
}
NEEDED: Final[dict[str, object]] = {"absent": ABSENT, "null": None}
