"""Which tokens are believed, with which keys and rules, and the reason if not."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from itertools import product
from random import Random
from typing import Any

from tests.conformance.case import Case, label
from tests.conformance.faults import FAULTS, STAGES, Fault
from tests.conformance.tokens import ISSUER, KID, NOW, ORIGIN, Token

__all__ = ["random_cases", "written_cases"]

ORDER = "what needs no key is judged first, then the signature, then the types of all claims"
EMPTY = "an empty list is a mistake to be told at start-up, not the absence of a rule"
NEGATIVE = "a negative clock skew is a mistake to be told at start-up"
LONG_KEY = "RSA keys longer than 2048 bits are read as well"
ESCAPED = "line breaks may be written as backslash and n, as in files of variables"
NAMED = "a token and a key are matched by a name, and both must have one"
PROTOTYPE = "no kid but those in the key set names a key"
ALLOWED = "RS384 and RS512 are only believed where the operator allows them"
MISTAKE = "configuration-error"
KEYS: Mapping[str, Any] = {"jwks": [{}]}


NO_TOKENS = (
    *("x", "a.b", "a.b.c", "..", "...", ".e30.AAAA", "e30..AAAA"),
    *("mt_2abc", "oat_2abc", "ak_2abc", "sk_live_abc", "dvb_2abc", "null", "undefined"),
)
PLAIN = tuple(stage for stage in STAGES if stage not in ("kid", "payload"))


def written_cases() -> Iterator[Case]:
    """Every fault on its own, every pair of stages, and what is not a fault."""
    for fault in FAULTS:
        yield _case(fault.name, [fault])
    plain = [
        next(fault for fault in FAULTS if fault.stage == stage and not fault.why) for stage in PLAIN
    ]
    for at, first in enumerate(plain):
        for second in plain[at + 1 :]:
            if _fit(first, second):
                yield _case(f"{first.name}-and-{second.name}", [first, second])
    for text in NO_TOKENS:
        yield Case(f"no-token-{text}", {"op": "verify", "token": {"text": text}})
    yield from _good_tokens()
    yield from _good_options()
    yield from _clocks()
    yield from _pems()
    yield from _key_sets()
    yield from _configurations()


def random_cases(rng: Random, count: int) -> Iterator[Case]:
    """Tokens with none to three faults, judged with a PEM or a key set; times around the clock."""
    for number in range(count):
        if rng.random() < 0.2:
            yield _random_clock(rng, number)
            continue
        faults: list[Fault] = []
        for fault in rng.sample(FAULTS, rng.choice([0, 1, 2, 2, 3])):
            if all(_fit(fault, other) for other in faults):
                faults.append(fault)
        keys = KEYS if rng.random() < 0.2 and not _needs_pem(faults) else None
        yield _case(f"random-{number}", faults, keys)


def _random_clock(rng: Random, number: int) -> Case:
    """Whole seconds against a clock of eighths, which both sides can tell apart exactly."""
    times = {claim: NOW + rng.randint(-8, 8) for claim in rng.sample(("exp", "nbf", "iat"), 2)}
    question: dict[str, Any] = {"op": "verify", "token": {"claims": times}}
    question["now"] = NOW + rng.randint(-16, 16) / 8
    if rng.random() < 0.7:
        question["options"] = {"clock_skew_in_ms": rng.choice([0, 125, 1000, 2500, 5000, 9000])}
    return Case(f"random-{number}", question)


def _case(name: str, faults: list[Fault], keys: Mapping[str, Any] | None = None) -> Case:
    token: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for fault in faults:
        for part, value in fault.token.items():
            if isinstance(value, dict):
                token[part] = token.get(part, {}) | value
            else:
                token[part] = [*token.get(part, []), *value] if isinstance(value, list) else value
        options |= fault.options
    question: dict[str, Any] = {"op": "verify", "token": token}
    if options:
        question["options"] = options
    if keys:
        question["keys"] = keys
    if not faults:
        return Case(name, question)
    first = min(faults, key=lambda fault: STAGES.index(fault.stage))
    why = first.why or (ORDER if len(faults) > 1 else None)
    return Case(name, question, why, first.reason)


def _fit(one: Fault, other: Fault) -> bool:
    """Whether a token can have both faults."""
    pairs = product(_touched(one), _touched(other))
    return not any(fnmatch(a, b) or fnmatch(b, a) for a, b in pairs)


def _touched(fault: Fault) -> set[str]:
    """The parts of a token, and the options, that a fault needs for itself."""
    touched = {*fault.options, *fault.token.get("without", [])}
    touched |= {f"header.{name}" for name in fault.token.get("header", {})}
    touched |= {f"claims.{name}" for name in fault.token.get("claims", {})}
    touched |= {WHOLE[part] for part in fault.token if part in WHOLE}
    if fault.name == "bent-claims":
        touched.add("claims.*")
    return touched


WHOLE = {
    "claims_tail": "claims.*",
    "claims_text": "claims.*",
    "damage": "signature",
    "encoding": "claims.*",
    "filler": "claims.*",
    "header_text": "header.*",
    "nesting": "claims.*",
    "signer": "signature",
}


def _needs_pem(faults: list[Fault]) -> bool:
    return any(_touched(fault) & {"header.kid", "header.*"} for fault in faults)


def _good_tokens() -> Iterator[Case]:
    good: dict[str, Token] = {
        "ordinary": {},
        "without-typ": {"without": ["header.typ"]},
        "without-cat": {"without": ["header.cat"]},
        "without-nbf": {"without": ["claims.nbf"]},
        "without-azp": {"without": ["claims.azp"]},
        "cat-ignored": {"header": {"cat": "cl_I7d4PD111III"}},
        "header-extras": {
            "header": {"oiat": NOW, "x": {"y": [1]}, "jku": "https://evil.example.com"}
        },
        "kid-unknown": {"header": {"kid": "ins_2other"}},
        "kid-missing": {"without": ["header.kid"]},
        "kid-empty": {"header": {"kid": ""}},
        "kid-null": {"header": {"kid": None}},
        "long": {"filler": 8000},
        "nested": {"nesting": 100},
        "claims-extras": {"claims": {"metadata": {"a": [None, {}]}, "role": 5, "": 1}},
        "exp-last-second": {"claims": {"exp": NOW - 4}},
        "nbf-last-second": {"claims": {"nbf": NOW + 5}},
        "iat-last-second": {"claims": {"iat": NOW + 5}},
        "iat-zero": {"claims": {"iat": 0, "nbf": 0}},
        "iat-after-exp": {"claims": {"iat": NOW + 4, "exp": NOW - 3}},
        "exp-late": {"claims": {"exp": 253_402_300_799}},
        "exp-twice": {"claims": {"exp": 1}, "claims_tail": f'"exp": {NOW + 50}'},
        "sub-twice": {"claims": {"sub": "mch_2a"}, "claims_tail": '"sub": "user_2b"'},
        "sub-blank": {"claims": {"sub": " "}},
        "sub-not-quite-machine": {"claims": {"sub": "MCH_2a"}},
        "aud-not-asked": {"claims": {"aud": "anything"}},
        "aud-list-not-asked": {"claims": {"aud": ["a", "b"]}},
        "nan-in-text": {"claims": {"name": "NaN Infinity -Infinity"}},
        "line-separators": {"claims": {"name": "\u2028\u2029\x7f"}},
        "escapes": {"claims_tail": '"\\u006eame": "\\u00e9\\/"'},
        "blanks": {"claims_tail": '\r\n\t "n" : 1 '},
    }
    for claim in NULLABLE:
        good[f"null-{claim}"] = {"claims": {claim: None}}
    for name, token in good.items():
        yield Case(f"good-{name}", {"op": "verify", "token": token})


NULLABLE = (
    *("act", "aud", "azp", "fea", "fva", "jti", "o", "pla", "sts", "v"),
    *("org_id", "org_permissions", "org_role", "org_slug"),
)


def _good_options() -> Iterator[Case]:
    both = ["https://www.example.com", ORIGIN]
    good: dict[str, tuple[Token, dict[str, Any]]] = {
        "authorized-party": ({}, {"authorized_parties": both}),
        "audience": ({"claims": {"aud": "api"}}, {"audience": "api"}),
        "audience-one-of-mine": ({"claims": {"aud": ["x", "api"]}}, {"audience": "api"}),
        "audience-one-of-theirs": ({"claims": {"aud": "b"}}, {"audience": ["a", "b"]}),
        "audience-twice": ({"claims": {"aud": ["b", "c"]}}, {"audience": ["a", "b"]}),
        "issuer": ({}, {"issuer": ISSUER}),
        "issuer-other": (
            {"claims": {"iss": "https://p.example.com"}},
            {"issuer": "https://p.example.com"},
        ),
        "issuer-one-of": ({}, {"issuer": ["https://p.example.com", ISSUER]}),
    }
    for name, (token, options) in good.items():
        yield Case(f"good-{name}", {"op": "verify", "token": token, "options": options})


def _clocks() -> Iterator[Case]:
    question: dict[str, Any]
    for skew in (0, 1, 1500, 5000, 60_000):
        for claim in ("exp", "nbf", "iat"):
            for offset in (-2, -1, 0, 1, 2):
                edge = -skew // 1000 if claim == "exp" else skew // 1000
                token = Token(claims={claim: NOW + edge + offset})
                options = {"clock_skew_in_ms": skew}
                question = {"op": "verify", "token": token, "options": options}
                yield Case(f"skew-{skew}-{claim}{offset:+}", question)
    for fraction in (0.001, 0.5, 0.999):
        for claim, edge in (("exp", -5), ("nbf", 5), ("iat", 5)):
            for offset in (0, 1):
                token = Token(claims={claim: NOW + edge + offset})
                question = {"op": "verify", "token": token, "now": NOW + fraction}
                yield Case(f"clock-{fraction}-{claim}+{offset}", question)


def _pems() -> Iterator[Case]:
    for written in ("instance", "one-line", "bare", "carriage-returns"):
        yield Case(f"pem-{written}", {"op": "verify", "token": {}, "keys": {"pem": written}})
    escaped = {"op": "verify", "token": {}, "keys": {"pem": "escaped"}}
    yield Case("pem-escaped", escaped, ESCAPED, "accepted")
    yield Case("pem-stranger", {"op": "verify", "token": {}, "keys": {"pem": "stranger"}})
    long = {"op": "verify", "token": {"signer": "long"}, "keys": {"pem": "long"}}
    yield Case("pem-long", long, LONG_KEY, "accepted")


def _key_sets() -> Iterator[Case]:
    question: dict[str, Any]
    other = {"key": "stranger", "set": {"kid": "ins_2other"}}
    sets: dict[str, list[dict[str, Any]]] = {
        "one": [{}],
        "two": [other, {}],
        "without-alg": [{"without": ["alg"]}],
        "without-use": [{"without": ["use"]}],
        "last-of-two": [{"key": "stranger"}, {}],
        "last-of-two-wrong": [{}, {"key": "stranger"}],
        "other": [other],
        "long": [{"key": "long"}],
    }
    for name, keys in sets.items():
        token: Token = {"signer": "long"} if name == "long" else {}
        yield Case(f"jwks-{name}", {"op": "verify", "token": token, "keys": {"jwks": keys}})
    for kid in ("ins_2nobody", KID.upper(), f"{KID} ", ""):
        question = {"op": "verify", "token": {"header": {"kid": kid}}, "keys": KEYS}
        yield Case(f"jwks-kid-{label(kid)}", question)
    for kid in ("__proto__", "constructor"):
        question = {"op": "verify", "token": {"header": {"kid": kid}}, "keys": KEYS}
        yield Case(f"jwks-kid-{kid}", question, PROTOTYPE, "jwk-kid-mismatch")
    question = {"op": "verify", "token": {"without": ["header.kid"]}, "keys": KEYS}
    yield Case("jwks-kid-missing", question)
    nameless = {"jwks": [{"without": ["kid"]}, other]}
    question = {"op": "verify", "token": {"without": ["header.kid"]}, "keys": nameless}
    yield Case("jwks-kid-missing-twice", question, NAMED, "jwk-kid-mismatch")
    for alg in ("RS384", "RS512"):
        named, free = {"set": {"alg": alg}}, {"without": ["alg"]}
        for name, key in (("named", named), ("free", free)):
            token = Token(header={"alg": alg})
            question = {"op": "verify", "token": token, "keys": {"jwks": [key]}}
            yield Case(f"jwks-{alg}-{name}", question, ALLOWED, "token-invalid-algorithm")
            if name == "named":
                allowed = {**question, "algorithms": ["RS256", alg]}
                yield Case(f"jwks-{alg}-allowed", allowed)


def _configurations() -> Iterator[Case]:
    for option in ("authorized_parties", "audience", "issuer"):
        question: dict[str, Any] = {"op": "verify", "token": {}, "options": {option: []}}
        yield Case(f"empty-{option}", question, EMPTY, MISTAKE)
    question = {"op": "verify", "token": {}, "options": {"clock_skew_in_ms": -1000}}
    yield Case("negative-skew", question, NEGATIVE, MISTAKE)
