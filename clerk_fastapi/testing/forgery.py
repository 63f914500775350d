"""Evil tokens by name, and the reason code with which each one must be refused."""

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
    deep_header,
    deep_payload,
    edited,
    elliptic,
    keyed,
    raw_claim,
    raw_header,
    raw_payload,
    rejoined,
    resealed,
    respelled,
    rsa,
    signed,
    tampered,
    unsigned,
    version_1,
    with_claims,
    with_header,
    with_times,
)
from clerk_fastapi.testing.tokens import ABSENT, to_json

__all__ = ["FORGERIES", "forge"]

_TEMPLATE, _MACHINE = "cl_B7d4PD222AAA", "cl_B7d4PD333AAA"
_EVIL = "https://attacker.example"

_MALFORMED: dict[str, Forger] = {
    "parts-one": rejoined(lambda header, payload, signature: header),
    "parts-two": rejoined(lambda header, payload, signature: f"{header}.{payload}"),
    "parts-four": rejoined(lambda *parts: ".".join([*parts, parts[2]])),
    "parts-five-jwe": rejoined(lambda *parts: ".".join([*parts, parts[1], parts[2]])),
    "parts-empty": rejoined(lambda *parts: ".."),
    "dot-leading": rejoined(lambda *parts: "." + ".".join(parts)),
    "dot-trailing": rejoined(lambda *parts: ".".join(parts) + "."),
    "dot-doubled": rejoined(lambda *parts: "..".join(parts)),
    "signature-padded": respelled(lambda signature: f"{signature}=="),
    "signature-alphabet": respelled(lambda text: text.replace("-", "+").replace("_", "/")),
    "signature-spare-bits": respelled(lambda text: text[:-1] + chr(ord(text[-1]) + 1)),
    "signature-junk": respelled(lambda text: f"{text[:9]}!{text[9:]}"),
    "header-empty": raw_header(b""),
    "header-null": raw_header(b"null"),
    "header-array": raw_header(b'["RS256"]'),
    "header-not-json": raw_header(b"{alg:RS256}"),
    "header-not-utf8": raw_header(b'{"alg":"RS256","typ":"\xff\xfe"}'),
    "header-deep": deep_header(10_000),
    "header-deep-short": deep_header(4_000),
    "alg-absent": with_header(alg=ABSENT),
    "alg-number": with_header(alg=256),
    "alg-array": with_header(alg=["RS256"]),
    "kid-number": with_header(kid=5),
    "crit-unknown": with_header(crit=["https://attacker.example/rule"]),
    "crit-empty": with_header(crit=[]),
    "b64-false": with_header(b64=False, crit=["b64"]),
    "b64-false-uncritical": with_header(b64=False),
    "typ-lowercase": with_header(typ="jwt"),
    "typ-jose": with_header(typ="JOSE"),
    "typ-number": with_header(typ=5),
    "typ-null": with_header(typ=None),
    "payload-empty": raw_payload(b""),
    "payload-null": raw_payload(b"null"),
    "payload-array": raw_payload(b'[{"sub":"user_1"}]'),
    "payload-text": raw_payload(b'"user_1"'),
    "payload-not-json": raw_payload(b"{sub:user_1}"),
    "payload-not-utf8": raw_payload(b'{"sub":"user_\xff\xfe"}'),
    "payload-huge": with_claims(filler="x" * 1_000_000),
    "payload-deep": deep_payload(10_000),
    "payload-deep-short": deep_payload(4_000),
    "exp-nan": raw_claim("exp", "NaN"),
    "exp-infinity": raw_claim("exp", "Infinity"),
}

_OTHER_ALGORITHM: dict[str, Forger] = {
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

_OTHER_CLASS: dict[str, Forger] = {
    "cat-template": with_header(cat=_TEMPLATE),
    "cat-machine": with_header(cat=_MACHINE),
    "cat-unknown": with_header(cat="cl_B7d4PD999ZZZ"),
    "cat-null": with_header(cat=None),
    "cat-number": with_header(cat=111),
    "template": signed(header={"cat": _TEMPLATE}, claims={"sid": ABSENT, "v": ABSENT}),
    "machine": signed(header={"cat": _MACHINE}, claims={"sub": "mch_1", "sid": ABSENT}),
    "machine-in-disguise": with_claims(sub="mch_1"),
    "machine-foreign": by_attacker(claims={"sub": "mch_1"}),
    "typ-at-jwt": with_header(typ="at+jwt"),
    "typ-application-at-jwt": with_header(typ="application/at+jwt"),
}

_UNKNOWN_KEY: dict[str, Forger] = {
    "kid-unknown": by_attacker(header={"kid": "ins_unknown"}),
    "instance-foreign": by_attacker(header={"kid": "ins_foreign"}, claims={"iss": _EVIL}),
    "kid-absent": by_attacker(header={"kid": ABSENT}),
    "kid-empty": by_attacker(header={"kid": ""}),
    "kid-path": by_attacker(header={"kid": "../../../../dev/null"}),
    "kid-prototype": by_attacker(header={"kid": "__proto__"}),
    "kid-long": by_attacker(header={"kid": "ins_" + "x" * 5_000}),
}

_OTHER_KEY: dict[str, Forger] = {
    "key-foreign": by_attacker(),
    "header-jwk": lambda original: by_attacker(header={"jwk": attacker().jwk})(original),
    "header-jku": by_attacker(header={"jku": f"{_EVIL}/jwks.json"}),
    "header-x5u": by_attacker(header={"x5u": f"{_EVIL}/chain.pem"}),
    "header-x5c": lambda original: by_attacker(header={"x5c": [attacker_certificate()]})(original),
    "header-edited": tampered(header={"cat": ABSENT}),
    "payload-edited": tampered(claims={"sub": "user_admin"}),
    "signature-empty": resealed(lambda signature: b""),
    "signature-flipped": resealed(lambda signature: bytes([signature[0] ^ 1]) + signature[1:]),
    "signature-truncated": resealed(lambda signature: signature[:-1]),
    "signature-extended": resealed(lambda signature: signature + b"\0"),
    "signature-zero": resealed(lambda signature: bytes(len(signature))),
    "signature-ps256": rsa("RS256", hashes.SHA256(), pss=True),
    "signature-sha512": rsa("RS256", hashes.SHA512()),
}

_WRONG_NAMES: dict[str, object] = {
    "absent": ABSENT,
    "null": None,
    "empty": "",
    "number": 1,
    "true": True,
    "array": ["user_1"],
    "object": {"id": "user_1"},
}
_WRONG_DATES: dict[str, object] = {
    "text": "1",
    "true": True,
    "array": [4_000_000_000],
    "negative": -1,
    "overflow": 8_640_000_000_001,  # one second more than JavaScript can count
}
_NEEDED: dict[str, object] = {"absent": ABSENT, "null": None}
_WRONG: dict[str, dict[str, object]] = {
    "sub": _WRONG_NAMES,
    "sid": _WRONG_NAMES,
    "iss": _WRONG_NAMES,
    "exp": _NEEDED | _WRONG_DATES,
    "iat": _NEEDED | _WRONG_DATES,
    "nbf": _WRONG_DATES,
    "azp": {"number": 5, "true": True, "array": ["https://app.example.com"]},
    "aud": {"number": 5, "object": {}, "mixed": ["app", 5]},
    "sts": {"number": 5, "true": True, "array": ["active"]},
    "act": {"text": "user_1", "array": ["user_1"], "empty": {}, "sub-number": {"sub": 5}},
    "fva": {"text": "0,-1", "texts": ["0", "-1"], "booleans": [True, False], "number": 0},
    "fea": {"number": 5, "array": ["o:data"], "object": {}},
    "pla": {"number": 5, "array": ["o:pro"], "object": {}},
    "o": {
        "text": "org_1",
        "number": 5,
        "array": ["org_1"],
        "id-number": {"id": 5},
        "rol-array": {"id": "org_1", "rol": ["admin"]},
        "per-array": {"id": "org_1", "per": ["read"], "fpm": "1"},
        "fpm-number": {"id": "org_1", "per": "read", "fpm": 1},
    },
}
_WRONG_VERSION_1: dict[str, object] = {
    "org_id": 5,
    "org_slug": ["acme"],
    "org_role": {"key": "org:admin"},
    "org_permissions": "org:data:read",
}

_MISTYPED: dict[str, Forger] = {
    **{
        f"{claim}-{kind}": with_claims(**{claim: value})
        for claim, values in _WRONG.items()
        for kind, value in values.items()
    },
    **{
        f"{claim.replace('_', '-')}-mistyped": version_1(**{claim: value})
        for claim, value in _WRONG_VERSION_1.items()
    },
    "exp-1e400": raw_claim("exp", "1e400"),
}

_BY_CODE: dict[str, dict[str, Forger]] = {
    "token-invalid": _MALFORMED,
    "token-type-mismatch": _OTHER_CLASS,
    "jwk-kid-mismatch": _UNKNOWN_KEY,
    "token-invalid-algorithm": _OTHER_ALGORITHM,
    "token-invalid-signature": _OTHER_KEY,
    "token-verification-failed": _MISTYPED,
    "token-invalid-issuer": {
        "iss-foreign": with_claims(iss="https://clerk.attacker.example"),
        "iss-plain-http": edited("iss", lambda iss: iss.replace("https://", "http://")),
        "iss-trailing-slash": edited("iss", lambda iss: f"{iss}/"),
        "iss-longer-host": edited("iss", lambda iss: f"{iss}.attacker.example"),
    },
    "token-invalid-authorized-parties": {
        "azp-absent": with_claims(azp=ABSENT),
        "azp-empty": with_claims(azp=""),
        "azp-foreign": with_claims(azp=_EVIL),
        "azp-trailing-slash": edited("azp", lambda azp: f"{azp}/"),
        "azp-longer-host": edited("azp", lambda azp: f"{azp}.attacker.example"),
    },
    "token-expired": {
        "expired": with_times(iat=-120, nbf=-130, exp=-60),
        "expired-long-ago": with_claims(iat=0, nbf=0, exp=60),
    },
    "token-not-active-yet": {"not-active-yet": with_times(iat=0, nbf=60, exp=120)},
    "token-iat-in-the-future": {"issued-in-the-future": with_times(iat=60, nbf=-10, exp=120)},
}

FORGERIES: Final[Mapping[str, str]] = MappingProxyType(
    {name: code for code, forgers in _BY_CODE.items() for name in forgers}
)
"""What ``LocalClerk.forge`` can make: the name of each evil token, and the code of its refusal.

Those of ``token-invalid-authorized-parties`` are evil only where ``authorized_parties`` is set.
With a PEM, where no ``kid`` is looked up, those of ``jwk-kid-mismatch`` are
``token-invalid-signature``.
"""

_FORGERS = {name: forger for forgers in _BY_CODE.values() for name, forger in forgers.items()}


def forge(name: str, original: Original) -> str:
    """Make the evil token of that name out of a good one.

    :raises ConfigurationError: if there is no such forgery.
    """
    forger = _FORGERS.get(name)
    if forger is None:
        raise ConfigurationError(f"There is no forgery {name!r}; FORGERIES lists them all.")
    return forger(original)
