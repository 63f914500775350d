"""Everything that can be wrong with a session token, and the reason to say."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.case import label
from tests.conformance.tokens import ISSUER, NOW, Token

__all__ = ["FAULTS", "STAGES", "Fault"]

# The order in which this package looks: of several faults, the first one is the reason.
STAGES = (
    *("shape", "kind", "typ", "alg", "payload", "kid", "signature", "types"),
    *("aud", "azp", "iss", "exp", "nbf", "iat"),
)

INVALID = "token-invalid"
MISMATCH = "token-type-mismatch"
UNFIT = "token-verification-failed"

SHAPE = (
    "RFC 7515 section 2: base64url without padding, of JSON in UTF-8; anything else is malformed"
)
OBJECT = "a header and a payload are JSON objects (RFC 7515 section 4, RFC 7519 section 7.2)"
DEEP = "JSON that is nested deeper than any claim needs is malformed"
LONG = "no token is longer than a header may be"
CRITICAL = "RFC 7515 section 4.1.11: extensions nobody here knows are refused"
MEMBER = "a header member of the wrong type makes the token malformed"
ONLY_RS256 = "RS256 alone is allowed unless the operator says otherwise"
REQUIRED = "iss, sub, sid, iat and exp are required and not empty"
TYPE = "a standard claim of the wrong type makes the token unfit"
RANGE = (
    "dates are written as integers and end with the year 9999; Clerk writes no others, and beyond "
    "what clocks can hold nothing would expire"
)
ISSUED_HERE = "the issuer is checked unless the operator opts out"
AUDIENCE = "an audience that is configured must be named by the token"

ALWAYS_WRONG: dict[str, tuple[object, ...]] = {
    "sub": (None, True, 5, [], {}),
    "exp": (None, True, str(NOW + 50), [], {}),
    "iat": (None, True, str(NOW - 10), [NOW]),
    "nbf": (None, True, str(NOW - 20), [NOW]),
}
EMPTY: dict[str, tuple[object, ...]] = {
    "iss": ("", None, 5, ["x"]),
    "sub": ("",),
    "sid": ("", None, 5, ["x"]),
}
WRONG: dict[str, tuple[object, ...]] = {
    "act": ("x", 5),
    "aud": (5, {}, [5]),
    "azp": (5,),
    "fea": (5,),
    "fva": ("1,2", [True, 1]),
    "jti": (5,),
    "o": ("org_2a",),
    "org_id": (5,),
    "org_permissions": ("x",),
    "pla": ([],),
    "sts": (True,),
}
OUT_OF_RANGE: dict[str, tuple[object, ...]] = {
    "exp": (-1, 253_402_300_800, 1e300),
    "iat": (-1, 253_402_300_800, 1e300),
    "nbf": (-1, 253_402_300_800, 1e300),
}
NO_TEXT: tuple[object, ...] = (5, ["RS256"], {})
CATEGORIES: tuple[object, ...] = (
    *("cl_B7d4PD222AAA", "cl_B7d4PD333AAA", "cl_b7d4pd111aaa"),
    *("", None, 5, ["cl_B7d4PD111AAA"]),
)


@dataclass(frozen=True)
class Fault:
    """One thing wrong; ``why`` is set where the SDK says something else, or nothing."""

    name: str
    stage: str
    reason: str
    token: Token = field(default_factory=Token)
    options: dict[str, Any] = field(default_factory=dict)
    why: str | None = None


def _shapes() -> Iterator[Fault]:
    damages: tuple[tuple[Any, str | None], ...] = (
        ("two-parts", None),
        ("four-parts", None),
        ("base64-alphabet", None),
        ("unused-bits", None),
        ("padded", SHAPE),
        ("padded-too-much", SHAPE),
        ("padded-unused-bits", None),
    )
    for damage, why in damages:
        yield Fault(damage, "shape", INVALID, {"damage": damage}, why=why)
    for part in ("header", "claims"):
        for text in ("", "{", "not json", '{"a": NaN}', "{'a': 1}", '{"a": 1,}'):
            yield _shape(part, text, None)
        for text in ("null", "[]", "5", '"x"', "true"):
            yield _shape(part, text, OBJECT)
    marked = json.dumps({"alg": "RS256", "kid": "ins_2oracle"})
    yield Fault("header-bom", "shape", INVALID, {"header_text": "\ufeff" + marked}, why=SHAPE)
    yield Fault("claims-not-a-number", "payload", INVALID, {"claims_tail": '"n": NaN'})
    yield Fault("claims-infinite", "payload", INVALID, {"claims_tail": '"n": -Infinity'})
    latin = Token(claims={"name": "\u00e9"}, encoding="latin-1")
    yield Fault("claims-not-utf-8", "payload", INVALID, latin, why=SHAPE)
    yield Fault("claims-deep", "payload", INVALID, {"nesting": 4000}, why=DEEP)
    yield Fault("too-long", "shape", INVALID, {"filler": 12_500}, why=LONG)
    for name in ("crit", "b64"):
        header = {name: ["exp"] if name == "crit" else False}
        yield Fault(f"header-{name}", "shape", INVALID, {"header": header}, why=CRITICAL)
    for value in (*NO_TEXT, None):
        text = f"alg-{label(value)}"
        yield Fault(text, "shape", INVALID, {"header": {"alg": value}}, why=MEMBER)
    yield Fault("alg-missing", "shape", INVALID, {"without": ["header.alg"]}, why=MEMBER)
    for value in NO_TEXT:
        text = f"kid-{label(value)}"
        yield Fault(text, "shape", INVALID, {"header": {"kid": value}}, why=MEMBER)


def _shape(part: str, text: str, why: str | None) -> Fault:
    if part == "header":
        return Fault(f"header-{label(text)}", "shape", INVALID, {"header_text": text}, why=why)
    return Fault(f"claims-{label(text)}", "payload", INVALID, {"claims_text": text}, why=why)


def _headers() -> Iterator[Fault]:
    for typ in ("jwt", "JWT ", "", "JWS", "at+JWT", None, *NO_TEXT):
        yield Fault(f"typ-{label(typ)}", "typ", INVALID, {"header": {"typ": typ}})
    for machine in ("at+jwt", "application/at+jwt"):
        yield Fault(f"typ-{machine}", "kind", MISMATCH, {"header": {"typ": machine}})
    for cat in CATEGORIES:
        yield Fault(f"cat-{label(cat)}", "kind", MISMATCH, {"header": {"cat": cat}})
    for alg in ("none", "None", "HS256", "PS256", "ES256", "EdDSA", "rs256", "RS1", "", "RS256 "):
        yield Fault(f"alg-{label(alg)}", "alg", "token-invalid-algorithm", {"header": {"alg": alg}})
    for alg in ("RS384", "RS512"):
        token = Token(header={"alg": alg})
        yield Fault(f"alg-{alg}", "alg", "token-invalid-algorithm", token, why=ONLY_RS256)
    confused = Token(header={"alg": "HS256"}, signer="pem-as-secret")
    yield Fault("public-key-as-secret", "alg", "token-invalid-algorithm", confused)
    unsigned = Token(header={"alg": "none"}, signer="nobody")
    yield Fault("unsigned", "alg", "token-invalid-algorithm", unsigned)


def _signatures() -> Iterator[Fault]:
    bad = "token-invalid-signature"
    yield Fault("stranger", "signature", bad, {"signer": "stranger"})
    yield Fault("bent-signature", "signature", bad, {"damage": "bent-signature"})
    yield Fault("empty-signature", "signature", bad, {"damage": "empty-signature"})
    yield Fault("truncated-signature", "signature", bad, {"damage": "truncated-signature"})
    yield Fault("bent-claims", "signature", bad, {"damage": "bent-claims"})
    for name in ("jwk", "jku", "x5u", "x5c"):
        token = Token(header={name: {"kty": "RSA"}}, signer="stranger")
        yield Fault(f"stranger-with-{name}", "signature", bad, token)


def _types() -> Iterator[Fault]:
    for claim in ("sub", "exp"):
        yield _missing(claim, None)
    for claim in ("iss", "sid", "iat"):
        yield _missing(claim, REQUIRED)
    for why, values in (
        (None, ALWAYS_WRONG),
        (REQUIRED, EMPTY),
        (TYPE, WRONG),
        (RANGE, OUT_OF_RANGE),
    ):
        for claim, wrongs in values.items():
            for value in wrongs:
                yield _wrong(claim, value, why)
    for claim in ("exp", "iat", "nbf"):
        token = Token(claims_tail=f'"{claim}": 1e400')
        yield Fault(f"{claim}-beyond-numbers", "types", UNFIT, token, why=RANGE)
        for number in ("1799999990.0", "1799999990.75", "1.79999999e9"):
            token = Token(claims_tail=f'"{claim}": {number}')
            yield Fault(f"{claim}-as-{number}", "types", UNFIT, token, why=RANGE)
    machine = Token(claims={"sub": "mch_2machine"})
    yield Fault("machine", "payload", MISMATCH, machine)


def _missing(claim: str, why: str | None) -> Fault:
    return Fault(f"{claim}-missing", "types", UNFIT, {"without": [f"claims.{claim}"]}, why=why)


def _wrong(claim: str, value: object, why: str | None) -> Fault:
    name = f"{claim}-{label(value)}"
    return Fault(name, "types", UNFIT, {"claims": {claim: value}}, why=why)


def _origins() -> Iterator[Fault]:
    foreign = "token-invalid-authorized-parties"
    allowed = {"authorized_parties": ["https://app.example.com", "https://www.example.com"]}
    for azp in (
        "https://evil.example.com",
        "https://app.example.com/",
        "http://app.example.com",
        "https://app.example.com:443",
        "HTTPS://APP.EXAMPLE.COM",
        "",
        "undefined",
        None,
    ):
        yield Fault(f"azp-{label(azp)}", "azp", foreign, {"claims": {"azp": azp}}, allowed)
    yield Fault("azp-missing", "azp", foreign, {"without": ["claims.azp"]}, allowed)
    wanted = {"audience": "api"}
    others: tuple[object, ...] = ("other", "API", "api ", ["other"], ["x", "y"])
    for aud in others:
        yield Fault(f"aud-{label(aud)}", "aud", UNFIT, {"claims": {"aud": aud}}, wanted)
    nobody: tuple[object, ...] = ("", [], None)
    for aud in nobody:
        token = Token(claims={"aud": aud})
        yield Fault(f"aud-{label(aud)}", "aud", UNFIT, token, wanted, AUDIENCE)
    yield Fault("aud-missing", "aud", UNFIT, {}, wanted, AUDIENCE)
    yield Fault(
        "aud-not-one-of", "aud", UNFIT, {"claims": {"aud": ["c"]}}, {"audience": ["a", "b"]}
    )
    elsewhere = "token-invalid-issuer"
    for iss in (
        "https://clerk.example.org",
        "http://clerk.example.com",
        f"{ISSUER}/",
        "clerk.example.com",
    ):
        yield Fault(f"iss-{iss}", "iss", elsewhere, {"claims": {"iss": iss}}, why=ISSUED_HERE)
        options = {"issuer": [ISSUER, "https://proxy.example.com"]}
        yield Fault(f"iss-{iss}-asked", "iss", elsewhere, {"claims": {"iss": iss}}, options)
    yield Fault("iss-own-not-asked", "iss", elsewhere, {}, {"issuer": "https://proxy.example.com"})


def _times() -> Iterator[Fault]:
    for exp in (0, 1, NOW - 3600, NOW - 6, NOW - 5):
        yield Fault(f"exp-{exp - NOW:+}", "exp", "token-expired", {"claims": {"exp": exp}})
    for nbf in (NOW + 6, NOW + 3600, 253_402_300_799):
        yield Fault(f"nbf-{nbf - NOW:+}", "nbf", "token-not-active-yet", {"claims": {"nbf": nbf}})
    for iat in (NOW + 6, NOW + 3600, 253_402_300_799):
        yield Fault(
            f"iat-{iat - NOW:+}", "iat", "token-iat-in-the-future", {"claims": {"iat": iat}}
        )


FAULTS: tuple[Fault, ...] = (
    *_shapes(),
    *_headers(),
    *_signatures(),
    *_types(),
    *_origins(),
    *_times(),
)
