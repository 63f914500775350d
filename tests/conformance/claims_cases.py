"""What verified claims become: packed version 2, flat version 1, and odd shapes of both."""

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from tests.conformance.case import Case, label
from tests.conformance.tokens import Token

__all__ = ["emptied_features", "random_cases", "random_claims", "written_cases"]

COLON = "a feature without a scope empties the whole claim instead of failing the request"
DIGITS = "a mask of more than 4,300 digits grants nothing"
STATUS = "a session status that is neither active nor pending counts as pending"
TYPE = "a standard claim of the wrong type makes the token unfit"
UNFIT = "token-verification-failed"

# What one side trims and the other keeps: JavaScript and Python disagree about the middle ones.
BLANKS = (
    " ",
    "\t",
    "\n",
    "\u00a0",
    "\u2003",
    "\u3000",
    "\ufeff",
    "\u0085",
    "\u001c",
    "\u200b",
    "\u180e",
)
ORG = {"id": "org_2a", "slg": "acme", "rol": "admin"}
V1_ORG = {
    "org_id": "org_1a",
    "org_slug": "acme-one",
    "org_role": "org:member",
    "org_permissions": ["org:data:read", "data:write"],
}
WIDE = [f"p{bit}" for bit in range(200)]


def written_cases() -> Iterator[Case]:
    """Cases thought of by hand."""
    for name, claims in {
        **_version_2(),
        **_masks(),
        **_features(),
        **_versions(),
        **_people(),
    }.items():
        yield _case(name, {"claims": claims})
    for value in ("2.0", "2e0", "20e-1", "2.0000000000000001", "2.5", "-2", '2, "v": 1'):
        yield _case(
            f"v-written-{label(value)}",
            {"claims": {"o": ORG, **V1_ORG}, "claims_tail": f'"v": {value}'},
        )
    yield from _long_masks()
    yield from _malformed_features()
    yield from _statuses()
    yield from _wrong_types()


def random_cases(rng: Random, count: int) -> Iterator[Case]:
    """Cases nobody thought of: well-typed claims, with the odd blank, number and separator."""
    for number in range(count):
        yield _case(f"random-{number}", {"claims": random_claims(rng)})


def random_claims(rng: Random) -> dict[str, Any]:
    """Claims of the right types, with anything in them."""
    claims: dict[str, Any] = {}
    if rng.random() < 0.9:
        claims["v"] = rng.choice([2] * 12 + [1, 3, "2", True, None, [2]])
    if rng.random() < 0.8:
        claims["fea"] = _scoped(rng)
    if rng.random() < 0.5:
        claims["pla"] = _scoped(rng)
    if rng.random() < 0.8:
        claims["o"] = _organization(rng)
    claims |= {name: value for name, value in V1_ORG.items() if rng.random() < 0.3}
    if rng.random() < 0.5:
        claims["sts"] = rng.choice(["active", "active", "pending", None])
    if rng.random() < 0.5:
        claims["fva"] = [_age(rng) for _ in range(rng.choice([2, 2, 2, 2, 0, 1, 3]))]
    if rng.random() < 0.2:
        claims["act"] = {"sub": "user_2actor", "iss": "https://dashboard.example.com"}
    return claims


def emptied_features(claims: Mapping[str, Any]) -> dict[str, Any] | None:
    """The claims with `fea` emptied, if an element of it has no colon; else None."""
    features = claims.get("fea") or ""
    if all(":" in element for element in features.split(",")) or not features:
        return None
    return {**claims, "fea": ""}


def _case(name: str, token: Token) -> Case:
    question = {"op": "auth", "token": token}
    emptied = emptied_features(token.get("claims", {}))
    if emptied is None:
        return Case(name, question)
    return Case(
        name, question, COLON, amended={"op": "auth", "token": {**token, "claims": emptied}}
    )


def _v2(**claims: object) -> dict[str, object]:
    return {"v": 2, **claims}


def _granting(fea: str, per: str, fpm: str) -> dict[str, object]:
    return _v2(fea=fea, o={**ORG, "per": per, "fpm": fpm})


def _version_2() -> dict[str, dict[str, object]]:
    return {
        "no-organization": _v2(fea="u:beta,u:export", pla="u:free"),
        "organization": _granting("o:dashboard,o:teams", "manage,read", "3,2"),
        "user-features-between": _granting(
            "u:free,o:dashboard,ou:both,o:teams", "manage,read", "3,1,2"
        ),
        "user-feature-first": _granting("u:a,o:dash,o:teams", "manage,read", "3,2"),
        "both-scopes-either-way": _granting("ou:first,uo:second,u:third", "read", "1,1,1"),
        "unknown-scopes": _granting("x:one,oo:two,O:three,:four,o:five", "read", "1,1,1,1,1"),
        "only-user-features": _granting("u:a,u:b", "read", "1,1"),
        "same-feature-twice": _granting("o:a,o:a", "read,write", "1,2"),
        "colon-in-feature": _granting("o:a:b", "read", "1"),
        "empty-feature-name": _granting("o:,o:b", "read", "1,1"),
        "no-features": _v2(o={**ORG, "per": "read", "fpm": "1"}),
        "empty-features": _granting("", "read", "1"),
        "no-permissions": _v2(fea="o:a", o=ORG),
        "no-names": _v2(fea="o:a", o={**ORG, "fpm": "1"}),
        "no-masks": _v2(fea="o:a", o={**ORG, "per": "read"}),
        "empty-names": _granting("o:a", "", "1"),
        "empty-masks": _granting("o:a", "read", ""),
        "name-left-empty": _granting("o:a", "read,,write", "7"),
        "all-names-empty": _granting("o:a", ",", "3"),
        "blank-name": _granting("o:a", " ", "1"),
        "organization-without-id": _v2(
            fea="o:a", o={"slg": "acme", "rol": "admin", "per": "p", "fpm": "1"}
        ),
        "organization-without-role": _v2(fea="o:a", o={"id": "org_2a", "per": "p", "fpm": "1"}),
        "organization-without-slug": _v2(fea="o:a", o={"id": "org_2a", "rol": "admin"}),
        "organization-empty": _v2(fea="o:a", o={}),
        "organization-null": _v2(fea="o:a", o=None),
        "organization-parts-null": _v2(o=dict.fromkeys(("id", "slg", "rol", "per", "fpm"))),
        "organization-parts-empty": _v2(o=dict.fromkeys(("id", "slg", "rol", "per", "fpm"), "")),
        "organization-extra-parts": _v2(o={**ORG, "more": [1], "fpm": "1", "per": "p"}, fea="o:a"),
        "role-with-prefix": _v2(o={**ORG, "rol": "org:admin"}),
        "names-beyond-ascii": _granting("o:été,o:日本", "lire,書く", "3,2"),
    }


def _masks() -> dict[str, dict[str, object]]:
    features = ",".join(f"o:f{number}" for number in range(4))
    masks = {
        "shorter": "1",
        "longer": "1,2,3,0,1,1",
        "zero": "0,0,0,0",
        "leading-zeros": "0003,00,1,0",
        "negative": "-1,+1,1,1",
        "not-numbers": "x,1x,0x3,1e1",
        "fractions": "1.0,1.,.1,3",
        "underscores": "1_1,1,1,1",
        "left-empty": ",1,,1",
        "inner-blanks": "1 1, 1 ,1\t,\n1",
        "beyond-ascii": "\u0663,\uff13,\u00b3,3",  # digits elsewhere, not here
        "more-bits-than-names": "255,256,4,8",
        "200-bits": f"{2**200 - 1},{2**199},{2**199 + 1},{2**200}",
        "64-bits": f"{2**63},{2**64},{2**53 + 1},{2**32}",
        "500-digits": f"{10**500},{10**500 + 3},1,2",
        "semicolons": "1;1,2",
    }
    found = {
        f"fpm-{name}": _granting(features, "read,write,delete", fpm) for name, fpm in masks.items()
    }
    wide = ",".join(WIDE)
    found["fpm-200-names"] = _granting("o:a,o:b", wide, f"{2**200 - 1},{2**199 + 2**64 + 1}")
    found["fpm-200-names-sparse"] = _granting("o:a", wide, str(int("100000000010000000001" * 9, 2)))
    return found


def _features() -> dict[str, dict[str, object]]:
    found = {}
    for blank in BLANKS:
        name = f"blank-{ord(blank):04x}"
        found[f"{name}-features"] = _granting(f"{blank}o:a{blank},{blank}o:b", "read", "1,1")
        found[f"{name}-names"] = _granting("o:a", f"{blank}read{blank},{blank}", "3")
        found[f"{name}-masks"] = _granting("o:a,o:b", "read", f"{blank}1{blank},1{blank}")
        found[f"{name}-inside"] = _granting(f"o{blank}:a,o:{blank}b", f"re{blank}ad", "1,1")
    return found


def _versions() -> dict[str, dict[str, object]]:
    both = {**V1_ORG, "fea": "o:a", "o": {**ORG, "per": "read", "fpm": "1"}}
    versions = {"absent": ..., "1": 1, "2": 2, "3": 3, "text-2": "2", "true": True, "null": None}
    versions |= {"list": [2], "object": {"v": 2}, "zero": 0}
    found = {}
    for name, value in versions.items():
        version = {} if value is ... else {"v": value}
        found[f"v-{name}"] = {**version, **both}
        found[f"v-{name}-only-org-claims"] = {**version, **V1_ORG}
        found[f"v-{name}-only-o"] = {**version, "o": ORG}
    for name in V1_ORG:
        found[f"v1-without-{name}"] = {key: value for key, value in V1_ORG.items() if key != name}
        found[f"v1-null-{name}"] = {**V1_ORG, name: None}
    found["v1-no-permissions"] = {**V1_ORG, "org_permissions": []}
    found["v1-bare-role"] = {**V1_ORG, "org_role": "admin"}
    found["v1-empty-texts"] = {"org_id": "", "org_slug": "", "org_role": ""}
    found["v1-odd-permissions"] = {**V1_ORG, "org_permissions": ["", " ", "org:", "x", "x"]}
    return found


def _people() -> dict[str, dict[str, object]]:
    ages: list[list[float]] = [
        [-1, -1],
        [0, -1],
        [5, 3],
        [1.5, 2.25],
        [7],
        [],
        [1, 2, 3],
        [-2, -0.5],
    ]
    found: dict[str, dict[str, object]] = {f"fva-{label(age)}": {"fva": age} for age in ages}
    found["fva-null"] = {"fva": None}
    found["act"] = {"act": {"sub": "user_2actor"}}
    found["act-agent"] = {"act": {"sub": "agt_2a", "type": "agent", "iss": "x", "sid": "sess_2b"}}
    found["act-nested"] = {"act": {"sub": "user_2actor", "act": {"sub": "user_2other"}, "n": 1}}
    found["act-null"] = {"act": None}
    found["custom-claims"] = {"metadata": {"plan": "pro"}, "email": "a@example.com", "n": 1.5}
    return found


def _long_masks() -> Iterator[Case]:
    for digits in (4300, 4301):
        token = Token(claims=_granting("o:a,o:b", "read", f"{'1' * digits},1"))
        emptied = Token(claims=_granting("o:a,o:b", "read", ",1"))
        name, question = f"fpm-{digits}-digits", {"op": "auth", "token": token}
        if digits > 4300:
            yield Case(name, question, DIGITS, amended={"op": "auth", "token": emptied})
        else:
            yield Case(name, question)


def _malformed_features() -> Iterator[Case]:
    organization = {"o": {**ORG, "per": "read", "fpm": "1"}}
    for features in ("a", "o:a,", ",o:a", "o:a,b,o:c", " ", ",", "o:a, ,o:b", "o;a"):
        yield _case(f"no-colon-{label(features)}", {"claims": _v2(fea=features, **organization)})
        yield _case(f"no-colon-{label(features)}-no-organization", {"claims": _v2(fea=features)})
        yield _case(f"no-colon-{label(features)}-v1", {"claims": {"fea": features, **V1_ORG}})


def _statuses() -> Iterator[Case]:
    for status in ("active", "pending", None):
        token = Token(claims={"sts": status, **V1_ORG})
        yield Case(f"sts-{status}", {"op": "auth", "token": token})
        yield Case(f"sts-{status}-let-in", {"op": "auth", "token": token, "pending": True})
    for status in ("", "Active", "PENDING", "expired", "revoked"):
        token = Token(claims={"sts": status, **V1_ORG})
        yield Case(f"sts-{label(status)}", {"op": "auth", "token": token}, STATUS, ours=None)


def _wrong_types() -> Iterator[Case]:
    values: dict[str, list[object]] = {
        "o": [True, 5, "org_2a", ["org_2a"], {"id": 5}, {"rol": ["admin"]}, {"slg": {}}],
        "fea": [5, True, ["o:a"], {"o": "a"}],
        "pla": [5, ["u:a"]],
        "fva": [5, "1,2", [True, False], ["1", "2"], [None, 1], [[1], 2], {"0": 1, "1": 2}],
        "sts": [True, 1, ["active"]],
        "act": [
            True,
            "user_2actor",
            5,
            ["user_2actor"],
            {},
            {"sub": 5},
            {"sub": None},
            {"sub": ""},
        ],
        "org_id": [5, True, ["org_1a"]],
        "org_slug": [5],
        "org_role": [5, ["org:admin"]],
        "org_permissions": ["org:data:read", [5], [None], {"0": "org:data:read"}],
        "jti": [5],
        "azp": [5, ["https://app.example.com"]],
    }
    for claim, wrongs in values.items():
        for wrong in wrongs:
            base: dict[str, object] = {} if claim.startswith("org_") else _v2(o=ORG, fea="o:a")
            question = {"op": "auth", "token": {"claims": {**base, claim: wrong}}}
            yield Case(f"wrong-{claim}-{label(wrong)}", question, TYPE, UNFIT)
    for part in ("per", "fpm"):
        organization: dict[str, object] = {**ORG, "per": "read", "fpm": "1", part: 1}
        question = {"op": "auth", "token": {"claims": _v2(o=organization, fea="o:a")}}
        yield Case(f"wrong-o-{part}", question, TYPE, UNFIT)


def _scoped(rng: Random) -> str:
    return ",".join(
        _blank(rng)
        + rng.choice(
            ["o:", "o:", "u:", "ou:", "uo:", "x:", "O:", "o :", "" if rng.random() < 0.1 else "o:"]
        )
        + rng.choice(["a", "b", "c", "teams", "a:b", "", "été", "o"])
        + _blank(rng)
        for _ in range(rng.choice([0, 1, 2, 3, 4, 6]))
    )


def _organization(rng: Random) -> dict[str, Any] | None:
    if rng.random() < 0.05:
        return None
    organization: dict[str, Any] = {
        name: value for name, value in ORG.items() if rng.random() < 0.9
    }
    names = ["read", "write", "delete", "", "read:all", *WIDE[: rng.choice([0, 0, 5, 70])]]
    if rng.random() < 0.9:
        chosen = rng.sample(names, rng.randrange(len(names)))
        organization["per"] = ",".join(_blank(rng) + name + _blank(rng) for name in chosen)
    if rng.random() < 0.9:
        organization["fpm"] = ",".join(_mask(rng) for _ in range(rng.choice([0, 1, 2, 3, 5])))
    return organization


def _mask(rng: Random) -> str:
    if rng.random() < 0.1:
        return rng.choice(
            ["", "x", "-1", "+1", "1.0", "0x1", "1_0", "\u0663", "\uff11", "1 1", "1e2"]
        )
    number = str(rng.getrandbits(rng.choice([1, 3, 8, 33, 64, 200])))
    return _blank(rng) + rng.choice(["", "", "00"]) + number + _blank(rng)


def _blank(rng: Random) -> str:
    return rng.choice(BLANKS) if rng.random() < 0.1 else ""


def _age(rng: Random) -> float:
    return rng.choice(
        [-1, -1, 0, 1, 5, 9, 10, 11, 59, 60, 61, 1439, 1440, 9.5, 10.0, -0.5, -2, 1e9]
    )
