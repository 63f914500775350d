"""Evil M2M tokens, OAuth access tokens and handshakes, and the codes of their refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clerk_fastapi.testing.evil import (
    NEEDED,
    OTHER_ALGORITHM,
    OTHER_ISSUER,
    OTHER_KEY,
    UNKNOWN_KEY,
    WRONG_DATES,
    WRONG_TIMES,
    Forgeries,
)
from clerk_fastapi.testing.forgers import Forger, tampered, with_claims, with_header
from clerk_fastapi.testing.machine_tokens import MACHINE_CATEGORY
from clerk_fastapi.testing.templates import TEMPLATE_CATEGORY
from clerk_fastapi.testing.tokens import ABSENT, SESSION_CATEGORY

__all__ = [
    "EVIL_HANDSHAKES",
    "EVIL_M2M_TOKENS",
    "EVIL_OAUTH_TOKENS",
    "HANDSHAKE_FORGERIES",
    "M2M_FORGERIES",
    "OAUTH_FORGERIES",
]

_FOR_ANY_KIND: dict[str, Mapping[str, Forger]] = {
    "jwk-kid-mismatch": UNKNOWN_KEY,
    "token-invalid-algorithm": OTHER_ALGORITHM,
    "token-invalid-signature": {**OTHER_KEY, "payload-edited": tampered(claims={"jti": "x"})},
    "token-invalid-issuer": OTHER_ISSUER,
    **WRONG_TIMES,
}

# Three parts with nothing in the last do not make a JSON Web Token that a machine would send.
_WITHOUT_SIGNATURE = {
    name: (OTHER_ALGORITHM | OTHER_KEY)[name]
    for name in ("alg-none", "alg-none-capitalized", "alg-none-mixed-case", "signature-empty")
}
_WRONG_NAMES: dict[str, object] = {"null": None, "number": 5, "array": ["a"]}


def _mistyped(claims: Mapping[str, Mapping[str, object]]) -> dict[str, Forger]:
    return {
        f"{claim}-{kind}": with_claims(**{claim: value})
        for claim, wrong in claims.items()
        for kind, value in wrong.items()
    }


EVIL_M2M_TOKENS: Final = Forgeries(
    {
        **_FOR_ANY_KIND,
        "token-invalid": {
            "cat-session": with_header(cat=SESSION_CATEGORY),
            "cat-template": with_header(cat=TEMPLATE_CATEGORY),
            "cat-unknown": with_header(cat="cl_B7d4PD999ZZZ"),
            "cat-absent": with_header(cat=ABSENT),
            "cat-number": with_header(cat=333),
        },
        "token-type-mismatch": {
            **_WITHOUT_SIGNATURE,
            "sub-user": with_claims(sub="user_1"),
            "sub-absent": with_claims(sub=ABSENT),
            **_mistyped({"sub": _WRONG_NAMES}),
        },
        "token-verification-failed": {
            "typ-at-jwt": with_header(typ="at+jwt"),
            "typ-lowercase": with_header(typ="jwt"),
            **_mistyped(
                {
                    "exp": NEEDED | WRONG_DATES,
                    "iat": NEEDED | WRONG_DATES,
                    "nbf": WRONG_DATES,
                    "iss": {"absent": ABSENT, **_WRONG_NAMES},
                    "jti": {"number": 5},
                    "aud": {"number": 5, "mixed": ["mch_1", 5]},
                    "scopes": {"array": ["mch_1"], "number": 5},
                }
            ),
        },
    }
)

EVIL_OAUTH_TOKENS: Final = Forgeries(
    {
        **_FOR_ANY_KIND,
        "token-type-mismatch": {
            **_WITHOUT_SIGNATURE,
            "cat-session": with_header(cat=SESSION_CATEGORY),
            "cat-template": with_header(cat=TEMPLATE_CATEGORY),
            "cat-machine": with_header(cat=MACHINE_CATEGORY),
            "typ-jwt": with_header(typ="JWT"),
            "typ-absent": with_header(typ=ABSENT),
            "typ-capitals": with_header(typ="AT+JWT"),
            "sub-machine": with_claims(sub="mch_1"),
        },
        "token-verification-failed": {
            "sub-organization": with_claims(sub="org_1"),
            **_mistyped(
                {
                    "sub": {"absent": ABSENT, **_WRONG_NAMES},
                    "exp": NEEDED | WRONG_DATES,
                    "iat": NEEDED | WRONG_DATES,
                    "nbf": WRONG_DATES,
                    "iss": {"absent": ABSENT, **_WRONG_NAMES},
                    "jti": {"number": 5},
                    "aud": {"number": 5, "mixed": ["api", 5]},
                    "scope": {"array": ["data:read"], "number": 5},
                    "scp": {"text": "data:read", "mixed": ["data:read", 5]},
                    "client_id": {"number": 5, "array": ["c_1"]},
                    "act": {"text": "user_1", "sub-number": {"sub": 5}},
                }
            ),
        },
    }
)

EVIL_HANDSHAKES: Final = Forgeries(
    {
        **_FOR_ANY_KIND,
        "token-type-mismatch": {
            "cat-template": with_header(cat=TEMPLATE_CATEGORY),
            "cat-machine": with_header(cat=MACHINE_CATEGORY),
            "cat-unknown": with_header(cat="cl_B7d4PD999ZZZ"),
            "typ-at-jwt": with_header(typ="at+jwt"),
        },
        "token-verification-failed": _mistyped(
            {"exp": {"text": "1", "true": True}, "iat": {"text": "1"}, "nbf": {"text": "1"}}
        ),
    }
)

M2M_FORGERIES: Final[Mapping[str, str]] = EVIL_M2M_TOKENS.codes
"""What ``LocalClerk.forge`` makes of an M2M token, and the codes where only those are accepted."""

OAUTH_FORGERIES: Final[Mapping[str, str]] = EVIL_OAUTH_TOKENS.codes
"""What ``LocalClerk.forge`` makes of an OAuth access token, and the codes, in the same way."""

HANDSHAKE_FORGERIES: Final[Mapping[str, str]] = EVIL_HANDSHAKES.codes
"""What ``LocalClerk.forge_handshake`` makes, and why each one must be refused.

Development instances say so; in production another application may have left it, so it is ignored
there, and an expired one is ignored everywhere.
"""
