"""Evil session tokens by name, and the reason code with which each one must be refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clerk_fastapi.testing.evil import (
    EVIL,
    NEEDED,
    OTHER_ALGORITHM,
    OTHER_ISSUER,
    OTHER_KEY,
    UNKNOWN_KEY,
    WRONG_DATES,
    WRONG_TIMES,
    Forgeries,
)
from clerk_fastapi.testing.forgers import (
    Forger,
    by_attacker,
    deep_header,
    deep_payload,
    edited,
    raw_claim,
    raw_header,
    raw_payload,
    rejoined,
    respelled,
    signed,
    tampered,
    version_1,
    with_claims,
    with_header,
)
from clerk_fastapi.testing.machine_tokens import MACHINE_CATEGORY
from clerk_fastapi.testing.templates import TEMPLATE_CATEGORY
from clerk_fastapi.testing.tokens import ABSENT

__all__ = ["EVIL_SESSION_TOKENS", "FORGERIES"]

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

_OTHER_CLASS: dict[str, Forger] = {
    "cat-template": with_header(cat=TEMPLATE_CATEGORY),
    "cat-machine": with_header(cat=MACHINE_CATEGORY),
    "cat-unknown": with_header(cat="cl_B7d4PD999ZZZ"),
    "cat-null": with_header(cat=None),
    "cat-number": with_header(cat=111),
    "template": signed(header={"cat": TEMPLATE_CATEGORY}, claims={"sid": ABSENT, "v": ABSENT}),
    "machine": signed(header={"cat": MACHINE_CATEGORY}, claims={"sub": "mch_1", "sid": ABSENT}),
    "machine-in-disguise": with_claims(sub="mch_1"),
    "machine-foreign": by_attacker(claims={"sub": "mch_1"}),
    "typ-at-jwt": with_header(typ="at+jwt"),
    "typ-application-at-jwt": with_header(typ="application/at+jwt"),
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
_WRONG: dict[str, dict[str, object]] = {
    "sub": _WRONG_NAMES,
    "sid": _WRONG_NAMES,
    "iss": _WRONG_NAMES,
    "exp": NEEDED | WRONG_DATES,
    "iat": NEEDED | WRONG_DATES,
    "nbf": WRONG_DATES,
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
    "jwk-kid-mismatch": UNKNOWN_KEY,
    "token-invalid-algorithm": OTHER_ALGORITHM,
    "token-invalid-signature": {
        **OTHER_KEY,
        "header-edited": tampered(header={"cat": ABSENT}),
        "payload-edited": tampered(claims={"sub": "user_admin"}),
    },
    "token-verification-failed": _MISTYPED,
    "token-invalid-issuer": OTHER_ISSUER,
    "token-invalid-authorized-parties": {
        "azp-absent": with_claims(azp=ABSENT),
        "azp-empty": with_claims(azp=""),
        "azp-foreign": with_claims(azp=EVIL),
        "azp-trailing-slash": edited("azp", lambda azp: f"{azp}/"),
        "azp-longer-host": edited("azp", lambda azp: f"{azp}.attacker.example"),
    },
    **WRONG_TIMES,
}

EVIL_SESSION_TOKENS: Final = Forgeries(_BY_CODE)

FORGERIES: Final[Mapping[str, str]] = EVIL_SESSION_TOKENS.codes
"""What ``LocalClerk.forge`` can make: the name of each evil token, and the code of its refusal.

Those of ``token-invalid-authorized-parties`` are evil only where ``authorized_parties`` is set.
With a PEM, where no ``kid`` is looked up, those of ``jwk-kid-mismatch`` are
``token-invalid-signature``.
"""
