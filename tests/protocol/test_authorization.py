"""May this session do this? Clerk's rules, one by one, and closed wherever something is unknown."""

from typing import Any

import pytest

from clerk_fastapi import (
    ConfigurationError,
    Feature,
    Fresh,
    Organization,
    Permission,
    Plan,
    Requirement,
    Reverified,
    Role,
)
from clerk_fastapi.protocol.authorization import AllOf, AnyOf, Level, missing
from clerk_fastapi.testing import ABSENT
from tests.protocol.material import NOW, identity

PACKED: dict[str, object] = {
    "id": "org_1",
    "slg": "acme",
    "rol": "admin",
    "per": "read,write",
    "fpm": "3",
}
MEMBER: dict[str, object] = {
    "v": 2,
    "o": PACKED,
    "fea": "o:data,u:beta,ou:both",
    "pla": "o:pro,u:free",
}
LEVELS: tuple[Level, ...] = ("first_factor", "second_factor", "multi_factor")


def met(requirement: Requirement, **says: object) -> bool:
    """Whether a member of an organization meets it, with something in the claims said otherwise."""
    return requirement.met_by(identity(**MEMBER | says), NOW)


# --- role and permission --------------------------------------------------------------------------


@pytest.mark.parametrize("asked", ["org:admin", "admin", "org:org:admin"])
def test_role_is_compared_with_one_prefix(asked: str) -> None:
    """``admin`` and ``org:admin`` are the same role."""
    assert met(Role(asked))
    assert met(Role(asked), v=ABSENT, o=ABSENT, org_id="org_1", org_role="org:admin")
    assert met(Role(asked), v=ABSENT, o=ABSENT, org_id="org_1", org_role="admin")


@pytest.mark.parametrize("asked", ["org:member", "Admin", "org:admin ", "admi", "org:", "org"])
def test_other_role_is_not_held(asked: str) -> None:
    """Roles are compared letter by letter."""
    assert not met(Role(asked))


@pytest.mark.parametrize("asked", ["org:data:read", "data:read", "org:org:data:read"])
def test_permission_is_compared_with_one_prefix(asked: str) -> None:
    """``data:read`` and ``org:data:read`` are the same permission."""
    assert met(Permission(asked))
    granted = {"org_id": "org_1", "org_permissions": ["org:data:read"]}
    assert met(Permission(asked), v=ABSENT, o=ABSENT, **granted)


@pytest.mark.parametrize(
    "asked",
    ["org:data:delete", "data", "read", "org:data:", "org:data:read,write", "org:both:read"],
)
def test_other_permission_is_not_held(asked: str) -> None:
    """Permissions are compared letter by letter, and every feature has its own."""
    assert not met(Permission(asked))


@pytest.mark.parametrize("requirement", [Role("admin"), Permission("data:read"), Organization()])
def test_without_an_active_organization_nothing_in_it_is_held(requirement: Requirement) -> None:
    """A personal account has no role, and a role without an organization counts for nothing."""
    assert not met(requirement, o=ABSENT)
    assert not met(requirement, o=None)
    assert not met(requirement, o=PACKED | {"id": None})
    assert not met(requirement, o=PACKED | {"id": ""})
    assert not met(requirement, o={})
    version_1 = {"org_role": "org:admin", "org_permissions": ["org:data:read"]}
    assert not met(requirement, v=ABSENT, o=ABSENT, **version_1)
    assert not met(requirement, v=ABSENT, o=ABSENT, org_id="", **version_1)


@pytest.mark.parametrize("requirement", [Role("admin"), Permission("data:read")])
def test_what_the_claim_leaves_out_is_not_held(requirement: Requirement) -> None:
    """An organization without role or permissions grants none."""
    assert not met(requirement, o={"id": "org_1"})
    assert not met(requirement, o={"id": "org_1", "rol": "", "per": "", "fpm": ""})
    assert not met(requirement, v=ABSENT, o=ABSENT, org_id="org_1")
    empty = {"org_role": "", "org_permissions": []}
    assert not met(requirement, v=ABSENT, o=ABSENT, org_id="org_1", **empty)


def test_version_1_claims_beside_version_2_grant_nothing() -> None:
    """In a version 2 token only the compact claim counts."""
    planted = {"org_id": "org_2", "org_role": "org:owner", "org_permissions": ["org:x:y"]}
    assert not met(Role("owner"), **planted)
    assert not met(Permission("x:y"), **planted)
    assert not met(Organization("org_2"), **planted)
    assert not met(Organization(), o=ABSENT, **planted)


def test_version_2_claims_in_a_version_1_token_grant_nothing() -> None:
    """The compact claim counts only beside the number 2."""
    for version in (ABSENT, None, 1, 3, "2", True, [2]):
        assert not met(Role("admin"), v=version)
        assert not met(Organization(), v=version)


# --- features and plans ---------------------------------------------------------------------------

HELD = [
    ("data", True),
    ("beta", True),
    ("both", True),
    ("o:data", True),
    ("org:data", True),
    ("organization:data", True),
    ("u:beta", True),
    ("user:beta", True),
    ("org:both", True),
    ("user:both", True),
    ("org:beta", False),
    ("user:data", False),
    ("other", False),
    ("dat", False),
    ("Data", False),
    ("x:data", False),
    (":data", False),
    ("ou:data", False),
    ("users:beta", False),
    ("o:data:more", True),
    ("o:", False),
    ("o", False),
]


@pytest.mark.parametrize(("asked", "held"), HELD)
def test_feature_is_looked_up_in_its_scope(asked: str, held: bool) -> None:
    """Without a scope either list will do; an unknown scope holds nothing."""
    assert met(Feature(asked)) is held


@pytest.mark.parametrize(("asked", "held"), HELD)
def test_plan_is_looked_up_in_its_scope(asked: str, held: bool) -> None:
    """Plans follow the same rules as features."""
    assert met(Plan(asked), pla=MEMBER["fea"]) is held


@pytest.mark.parametrize(
    ("asked", "held"), [("o:", True), ("o", True), ("u:", False), ("x:", False), ("org:", False)]
)
def test_scope_without_a_slug_asks_for_itself(asked: str, held: bool) -> None:
    """``o:`` asks for the feature ``o`` of the organization, as in Clerk's SDK."""
    assert met(Feature(asked), fea="o:o,o:x") is held


@pytest.mark.parametrize("claim", [ABSENT, None, "", "data", "o:data,", "o:data,x", ",", "x:data"])
def test_malformed_claim_holds_nothing(claim: object) -> None:
    """One element without a colon empties the whole claim."""
    assert not met(Feature("data"), fea=claim)
    assert not met(Plan("data"), pla=claim)


def test_features_and_plans_are_not_mixed_up() -> None:
    """A plan is no feature, and a feature no plan."""
    assert not met(Feature("pro"))
    assert not met(Plan("data"))


def test_users_own_features_need_no_organization() -> None:
    """What the user holds is held in the personal account too."""
    assert met(Feature("beta"), o=ABSENT)
    assert met(Plan("user:free"), o=ABSENT)


# --- organization ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "held"),
    [(None, True), ("org_1", True), ("acme", True), ("org_2", False), ("globex", False)],
)
def test_organization_is_known_by_id_or_slug(asked: str | None, held: bool) -> None:
    """Any will do, or a certain one."""
    assert met(Organization(asked)) is held


# --- all and any ----------------------------------------------------------------------------------

YES, NO = Role("admin"), Role("member")


@pytest.mark.parametrize(
    ("requirement", "held"),
    [
        (YES & YES, True),
        (YES & NO, False),
        (NO & YES, False),
        (NO & NO, False),
        (YES | NO, True),
        (NO | YES, True),
        (YES | YES, True),
        (NO | NO, False),
        ((YES | NO) & (NO | YES), True),
        ((YES & NO) | YES, True),
        ((YES | YES) & NO, False),
        (AllOf(()), False),
        (AnyOf(()), False),
    ],
)
def test_requirements_are_joined_as_written(requirement: Requirement, held: bool) -> None:
    """``&`` needs every part, ``|`` one of them, and nothing is met by asking nothing."""
    assert met(requirement) is held


def test_joining_is_flat() -> None:
    """The order of brackets among equals does not matter."""
    a, b, c = Role("a"), Role("b"), Role("c")
    assert a & b & c == a & (b & c) == AllOf((a, b, c))
    assert a | b | c == a | (b | c) == AnyOf((a, b, c))
    assert (a & b) | c == AnyOf((AllOf((a, b)), c))
    assert (a | b) & c == AllOf((AnyOf((a, b)), c))


def test_requirements_are_values() -> None:
    """Equal demands are equal, usable as keys, and cannot be changed."""
    assert len({Role("a"), Role("a"), Reverified("strict"), Reverified("strict")}) == 2
    with pytest.raises(AttributeError):
        Role("a").name = "b"  # type: ignore[misc]  # that is what must fail


@pytest.mark.parametrize("kind", [Role, Permission, Feature, Plan, Organization])
@pytest.mark.parametrize("value", ["", 5, b"admin", ["admin"], True])
def test_demand_without_a_name_is_refused(kind: type[Requirement], value: Any) -> None:
    """An empty demand is a mistake that would be met by nobody, or worse."""
    with pytest.raises(ConfigurationError, match=kind.__name__):
        kind(value)


@pytest.mark.parametrize("kind", [Role, Permission, Feature, Plan])
def test_demand_of_nothing_is_refused(kind: type[Requirement]) -> None:
    """``None`` is no name."""
    with pytest.raises(ConfigurationError, match=kind.__name__):
        kind(None)  # type: ignore[call-arg]  # that is what must fail


# --- what is missing ------------------------------------------------------------------------------

STRICT, HOUR = Reverified("strict"), Fresh(3_600)
UNPROVEN: dict[str, object] = {"fva": [600, -1]}


def lacks(requirement: Requirement, **says: object) -> Requirement | None:
    """What a member who proved nothing lately is told to be missing."""
    return missing(requirement, identity(**MEMBER | UNPROVEN | says), NOW)


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        (YES, None),
        (YES & Permission("data:read"), None),
        (NO, NO),
        (YES & NO, NO),
        (NO & Plan("max"), NO & Plan("max")),
        (YES & NO & Plan("max"), NO & Plan("max")),
        (STRICT, STRICT),
        (HOUR, HOUR),
        (YES & STRICT, STRICT),
        (STRICT & NO, NO),
        (HOUR & NO, NO),
        (STRICT & HOUR & NO, NO),
        (STRICT & HOUR, HOUR),
        (HOUR & STRICT, HOUR),
        (NO | Plan("max"), NO | Plan("max")),
        ((NO | Plan("max")) & STRICT, NO | Plan("max")),
        (AllOf((YES & NO, STRICT)), NO),
        (AllOf((YES & STRICT, HOUR)), HOUR),
        (AllOf((YES & STRICT, NO & Plan("max"))), NO & Plan("max")),
        (AllOf(()), AllOf(())),
    ],
)
def test_missing_names_first_what_no_password_would_bring(
    requirement: Requirement, told: Requirement | None
) -> None:
    """Nobody is asked to sign in or to verify again only to be turned away afterwards."""
    assert lacks(requirement) == told


def test_missing_is_what_would_be_enough() -> None:
    """Meeting what is missing meets the whole."""
    assert lacks(YES & STRICT & HOUR) == HOUR
    assert lacks(YES & STRICT & HOUR, fva=[59, -1]) == STRICT
    assert lacks(YES & STRICT & HOUR, fva=[0, -1]) is None


# --- in words and for programs --------------------------------------------------------------------

SAID = [
    (Role("admin"), "role org:admin", {"role": "org:admin"}),
    (Permission("data:read"), "permission org:data:read", {"permission": "org:data:read"}),
    (Feature("beta"), "feature beta", {"feature": "beta"}),
    (Plan("org:pro"), "plan org:pro", {"plan": "org:pro"}),
    (Organization(), "an active organization", {"organization": True}),
    (Organization("acme"), "organization acme", {"organization": "acme"}),
    (STRICT, "a recent verification of the user's identity", {"reverification": "strict"}),
    (
        Reverified(level="first_factor", after_minutes=5),
        "a recent verification of the user's identity",
        {"reverification": {"level": "first_factor", "afterMinutes": 5}},
    ),
    (HOUR, "a session no older than 3600 seconds", {"max_age": 3_600}),
    (
        Role("a") & Plan("b"),
        "role org:a and plan b",
        {"all_of": [{"role": "org:a"}, {"plan": "b"}]},
    ),
    (
        (Role("a") & Plan("b")) | Feature("c"),
        "(role org:a and plan b) or feature c",
        {"any_of": [{"all_of": [{"role": "org:a"}, {"plan": "b"}]}, {"feature": "c"}]},
    ),
]


@pytest.mark.parametrize(("requirement", "words", "json"), SAID)
def test_requirement_says_itself(
    requirement: Requirement, words: str, json: dict[str, object]
) -> None:
    """The same demand is printed for people and for programs."""
    assert requirement.describe() == words
    assert requirement.to_json() == json


@pytest.mark.parametrize("other", ["org:admin", None, Role])
def test_only_requirements_can_be_joined(other: Any) -> None:
    """What is no requirement would never be judged."""
    with pytest.raises(ConfigurationError):
        Role("org:admin") & other


def test_requirements_are_not_joined_by_words() -> None:
    """``a and b`` would be ``b`` alone."""
    with pytest.raises(ConfigurationError):
        _ = Role("org:admin") and Permission("org:data:read")
