"""What a session may do: `has()` asked of many kinds of bearers."""

from collections.abc import Iterator, Mapping
from itertools import product
from random import Random
from typing import Any

from tests.conformance.case import Case, label
from tests.conformance.claims_cases import emptied_features, random_claims

__all__ = ["BEARERS", "random_cases", "written_cases"]

Asked = dict[str, Any]

NAMELESS = "an empty name names nothing"
UNKNOWN = "has() knows what can be asked: another word is a mistake in the program"
MISTAKE = "TypeError"

ORG = {"id": "org_2a", "slg": "acme", "rol": "admin", "per": "read,write", "fpm": "3,1"}
BEARERS: dict[str, dict[str, Any]] = {
    "user": {"v": 2, "fea": "u:beta", "pla": "u:free"},
    "admin": {
        "v": 2,
        "o": ORG,
        "fea": "o:data,ou:teams,u:beta",
        "pla": "o:gold,u:free",
        "fva": [5, 5],
    },
    "no-role": {"v": 2, "o": {"id": "org_2a", "per": "read", "fpm": "1"}, "fea": "o:data"},
    "no-id": {"v": 2, "o": {"rol": "admin", "per": "read", "fpm": "1"}, "fea": "o:data"},
    "empty-id": {"v": 2, "o": {**ORG, "id": ""}, "fea": "o:data"},
    "prefixed": {"v": 2, "o": {**ORG, "rol": "org:admin"}, "fea": "o:org:data"},
    "nameless": {"v": 2, "o": {**ORG, "per": "", "fpm": "1"}, "fea": "o:,u:"},
    "nameless-permission": {"v": 2, "o": {**ORG, "per": ",read", "fpm": "1,3"}, "fea": "o:,o:data"},
    "two-colons": {"v": 2, "o": ORG, "fea": "o:a:b,o:o,u:org", "pla": "u:user:x"},
    "other-scopes": {
        "v": 2,
        "o": ORG,
        "fea": "x:beta,O:data,organization:data",
        "pla": "user:free",
    },
    "blanks": {"v": 2, "o": ORG, "fea": " o:data ,\tu: beta", "pla": "\ufeffu:free,\u0085u:gold"},
    "no-colon": {"v": 2, "o": ORG, "fea": "o:data,beta", "pla": "o:gold,free"},
    "version-1": {
        "org_id": "org_1a",
        "org_role": "org:admin",
        "org_permissions": ["org:data:read", "data:write", "org:org:data:delete"],
        "fea": "o:data,u:beta",
        "pla": "u:free",
    },
    "version-1-bare-role": {"org_id": "org_1a", "org_role": "admin", "org_permissions": None},
    "version-1-prefix-alone": {"org_id": "org_1a", "org_role": "org:", "org_permissions": ["org:"]},
    "version-1-no-id": {"org_role": "org:admin", "org_permissions": ["org:data:read"]},
    "pending": {
        "v": 2,
        "o": ORG,
        "fea": "o:data,u:beta",
        "pla": "u:free",
        "fva": [5, 5],
        "sts": "pending",
    },
}
AGES: dict[str, Any] = {
    label(ages): ages
    for ages in (
        *(None, [-1, -1], [0, -1], [-1, 0], [5, -1], [-1, 5], [0, 0], [5, 5], [9, 10], [10, 9]),
        *([10, 10], [9.5, 9.999], [11, 5], [59, 60], [60, 59], [1439, 1440], [1440, 1439]),
        *([], [5], [5, 5, 5], [-2, 5], [5, -0.5], [-1.0, 5.0], [1e300, 0]),
    )
}

ENTITLED = ("nameless", "two-colons", "other-scopes", "blanks", "no-colon")

ORGANIZATIONAL: tuple[Asked, ...] = (
    *(
        {"role": role}
        for role in ("org:admin", "admin", "org:org:admin", "Admin", "org:member", "org:")
    ),
    *({"role": role} for role in (" org:admin", "ORG:admin", None, 5, ["admin"])),
    *({"permission": name} for name in ("org:data:read", "data:read", "org:org:data:read")),
    *({"permission": name} for name in ("org:data:write", "data:write", "org:data:delete")),
    *({"permission": name} for name in ("org:teams:read", "org:teams:write", "org:beta:read")),
    *(
        {"permission": name}
        for name in ("read", "org:data:", "org::read", None, 5, ["org:data:read"])
    ),
    {"role": "admin", "permission": "data:read"},
    {"role": "admin", "permission": "data:delete"},
    {"role": "member", "permission": "data:read"},
    {"role": "admin", "permission": None},
    {"role": None, "permission": "data:read"},
)
BILLED: tuple[Asked, ...] = (
    *({"feature": slug} for slug in ("data", "beta", "teams", "none", "a", "b", "a:b", "o", "org")),
    *(
        {"feature": f"{scope}:data"}
        for scope in ("o", "org", "organization", "u", "user", "x", "O")
    ),
    *({"feature": f"{scope}:beta"} for scope in ("o", "u", "user", "U")),
    *(
        {"feature": slug}
        for slug in ("u:teams", "org:teams", "o:a:zzz", "o:a:b", "o:", "u:", "org:", "x:")
    ),
    *({"feature": slug} for slug in (":data", ":", "::", " data", "o: data", None, 5, ["data"])),
    *(
        {"plan": slug}
        for slug in ("free", "gold", "org:gold", "user:gold", "user:free", "u:x", "user:x:y")
    ),
    *({"plan": slug} for slug in ("silver", "x:free", None, 5)),
    {"feature": "data", "plan": "gold"},
    {"feature": "data", "plan": "silver"},
    {"feature": "none", "plan": "gold"},
    {"feature": None, "plan": "gold"},
)
PRESETS = ("strict_mfa", "strict", "moderate", "lax")
LEVELS = ("first_factor", "second_factor", "multi_factor")
REVERIFIED: tuple[Asked, ...] = (
    *({"reverification": preset} for preset in PRESETS),
    *(
        {"reverification": {"level": level, "afterMinutes": minutes}}
        for level, minutes in product(LEVELS, (5, 5.5, 10, 60))
    ),
)
NOT_REVERIFICATIONS: tuple[object, ...] = (
    *("", "STRICT", "strictest", "toString", None, True, 5, 0, [], ["strict"], {}),
    *({"level": "first_factor"}, {"afterMinutes": 10}, {"level": None, "afterMinutes": 10}),
    *(
        {"level": "third_factor", "afterMinutes": 10},
        {"level": ["first_factor"], "afterMinutes": 10},
    ),
    *(
        {"level": "first_factor", "afterMinutes": minutes}
        for minutes in (0, -1, -0.5, "10", None, True, [10])
    ),
)
MIXED: tuple[Asked, ...] = (
    {},
    {
        "role": "admin",
        "permission": "data:read",
        "feature": "data",
        "plan": "gold",
        "reverification": "strict",
    },
    {"role": "admin", "feature": "data"},
    {"role": "admin", "feature": "none"},
    {"role": "member", "feature": "data"},
    {"permission": "data:read", "reverification": "strict"},
    {"permission": "data:read", "reverification": "nonsense"},
    {"permission": "data:none", "reverification": "strict"},
    {"feature": "beta", "reverification": "lax"},
    {"feature": "beta", "role": None},
    {"plan": "free", "permission": None},
)
WITH_UNKNOWN: tuple[Asked, ...] = (
    {"permissions": "data:read"},
    {"role": "admin", "unless": True},
    {"": 1},
)


def written_cases() -> Iterator[Case]:
    """Every bearer and every question that fits it."""
    members = [name for name in BEARERS if name not in ("pending", *ENTITLED)]
    for bearer, asked in product(members, (*ORGANIZATIONAL, *MIXED)):
        yield _case(bearer, BEARERS[bearer], asked)
    for bearer, asked in product(("user", "admin", "version-1", *ENTITLED), BILLED):
        yield _case(bearer, BEARERS[bearer], asked)
    for asked in MIXED:
        yield _case("pending", BEARERS["pending"], asked)
        yield _case("pending", BEARERS["pending"], asked, pending=True)
    for ages, asked in product(AGES, REVERIFIED):
        yield _case(f"ages-{ages}", {"v": 2, "fva": AGES[ages]}, asked)
    for value in NOT_REVERIFICATIONS:
        yield _case("admin", BEARERS["admin"], {"reverification": value})
    for bearer, kind in product(("admin", "nameless", "version-1-prefix-alone"), KINDS):
        yield _case(bearer, BEARERS[bearer], {kind: ""})
    for asked in WITH_UNKNOWN:
        yield _case("admin", BEARERS["admin"], asked)


KINDS = ("role", "permission", "feature", "plan")


def random_cases(rng: Random, count: int) -> Iterator[Case]:
    """Random claims, asked random things."""
    for number in range(count):
        yield _case(f"random-{number}", random_claims(rng), _random_asked(rng))


def _case(bearer: str, claims: Mapping[str, Any], asked: Asked, *, pending: bool = False) -> Case:
    name = f"{bearer}{'-let-in' if pending else ''}: {label(asked)}"
    question: dict[str, Any] = {"op": "has", "token": {"claims": claims}, "asked": asked}
    if pending:
        question["pending"] = True
    if not asked.keys() <= {*KINDS, "reverification"}:
        return Case(name, question, UNKNOWN, MISTAKE)
    if any(asked.get(kind) == "" for kind in KINDS):
        return Case(name, question, NAMELESS, ours=False)
    emptied = emptied_features(claims)
    if emptied is not None:
        why = "a feature without a scope empties the whole claim instead of failing the request"
        return Case(name, question, why, amended={**question, "token": {"claims": emptied}})
    return Case(name, question)


def _random_asked(rng: Random) -> Asked:
    asked: Asked = {}
    slug = rng.choice(["a", "b", "c", "teams", "a:b", "été", "o", "none"])
    scope = rng.choice(["", "", "", "o:", "u:", "org:", "user:", "organization:", "x:"])
    if rng.random() < 0.3:
        asked["role"] = rng.choice(["admin", "org:admin", "member", "org:org:member", "org:"])
    if rng.random() < 0.4:
        name = rng.choice(["read", "write", "delete", "read:all", "", "p3"])
        asked["permission"] = rng.choice(["", "org:", "org:org:"]) + f"{slug}:{name}"
    if rng.random() < 0.3:
        asked["feature"] = scope + slug
    if rng.random() < 0.3:
        asked["plan"] = scope + slug
    if rng.random() < 0.4:
        minutes = rng.choice([1, 5, 9.5, 10, 60, 1440])
        custom = {"level": rng.choice(LEVELS), "afterMinutes": minutes}
        asked["reverification"] = rng.choice([*PRESETS, custom, custom, custom])
    return asked
