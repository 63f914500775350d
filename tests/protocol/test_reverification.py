"""How lately the user proved who they are: Clerk's table of factors, and fresh sessions."""

import itertools
import math
from typing import Any

import pytest

from clerk_fastapi import ConfigurationError, Fresh, Reverified
from clerk_fastapi.protocol.authorization import Level
from clerk_fastapi.testing import ABSENT
from tests.protocol.material import NOW, identity

LEVELS: tuple[Level, ...] = ("first_factor", "second_factor", "multi_factor")


def met(requirement: Reverified, fva: object) -> bool:
    """Whether a session with these ages meets it."""
    return requirement.met_by(identity(fva=fva), NOW)


AGES = (-1, 0, 5, 9, 9.5, 10, 11, 5_000)
FRESH = {-1: False, 0: True, 5: True, 9: True, 9.5: True, 10: False, 11: False, 5_000: False}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(AGES, AGES)))
def test_reverification_follows_clerks_table(first: float, second: float) -> None:
    """Every row and column of the table; an age of ten minutes is not below ten minutes."""
    f, s = FRESH[first], FRESH[second]
    row = {
        (False, False): (False, False, False),
        (True, False): (f, f, f),
        (False, True): (False, s, False),
        (True, True): (f, s, f and s),
    }[first != -1, second != -1]
    for level, expected in zip(LEVELS, row, strict=True):
        requirement = Reverified(level=level, after_minutes=10)
        assert met(requirement, [first, second]) is expected, level


@pytest.mark.parametrize(
    "fva", [ABSENT, None, [], [0], [0, 0, 0], [-2, 0], [0, -2], [-0.5, 0], [0, -1.5]]
)
def test_malformed_ages_prove_nothing(fva: object) -> None:
    """Without two ages nobody has proven anything."""
    for level in LEVELS:
        assert not met(Reverified(level=level, after_minutes=10), fva)


@pytest.mark.parametrize(
    ("preset", "level", "minutes"),
    [
        ("strict_mfa", "multi_factor", 10),
        ("strict", "second_factor", 10),
        ("moderate", "second_factor", 60),
        ("lax", "second_factor", 1_440),
    ],
)
def test_presets_are_clerks(preset: str, level: Level, minutes: int) -> None:
    """Each preset is a level and an age."""
    requirement = Reverified(preset)
    assert (requirement.level, requirement.after_minutes) == (level, minutes)
    assert met(requirement, [minutes - 1, minutes - 1])
    assert not met(requirement, [minutes, minutes])
    assert met(requirement, [0, minutes]) is False
    assert met(requirement, [minutes, 0]) is (level == "second_factor")


def test_reverification_counts_minutes_and_not_the_clock() -> None:
    """Ages are counted in the token, which is renewed every minute."""
    who = identity(fva=[5, -1])
    assert Reverified("strict").met_by(who, NOW + 10_000)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"preset": "stricter"},
        {"preset": ""},
        {"preset": "Strict"},
        {"preset": "strict", "level": "first_factor"},
        {"preset": "strict", "after_minutes": 5},
        {"level": "first_factor"},
        {"after_minutes": 5},
        {"level": "third_factor", "after_minutes": 5},
        {"level": "first_factor", "after_minutes": 0},
        {"level": "first_factor", "after_minutes": -5},
        {"level": "first_factor", "after_minutes": math.nan},
        {"level": "first_factor", "after_minutes": math.inf},
        {"level": "first_factor", "after_minutes": "5"},
        {"level": "first_factor", "after_minutes": True},
        {"preset": ["strict"]},
        {"level": ["first_factor"], "after_minutes": 5},
    ],
)
def test_reverification_that_means_nothing_is_refused(arguments: dict[str, Any]) -> None:
    """A misspelt preset is a mistake and not a lenient demand."""
    with pytest.raises(ConfigurationError, match="Reverified"):
        Reverified(**arguments)


@pytest.mark.parametrize(
    ("fva", "later", "held"),
    [
        ([0, -1], 0, True),
        ([59, -1], 60, True),
        ([59, -1], 61, False),
        ([60, -1], 0, True),
        ([60, -1], 1, False),
        ([61, -1], 0, False),
        ([0, 5_000], 0, True),
        ([0], 0, True),
        ([60, -1], -1_000, True),
        ([-1, -1], 0, False),
        ([-1, 0], 0, False),
        ([], 0, False),
        (None, 0, False),
        (ABSENT, 0, False),
    ],
)
def test_fresh_counts_from_the_last_proof(fva: object, later: int, held: bool) -> None:
    """The token says how old the proof was when it was issued, and the clock says how old it is."""
    who = identity(fva=fva, iat=NOW, exp=NOW + 60)
    assert Fresh(3_600).met_by(who, NOW + later) is held


@pytest.mark.parametrize("age", [10**30, 10**400, 1e300], ids=["long", "longer", "float"])
def test_absurd_age_is_old(age: float) -> None:
    """A number that no clock can hold is compared like any other."""
    who = identity(fva=[age, age], iat=NOW, exp=NOW + 60)
    assert Fresh(3_600).met_by(who, NOW + 0.5) is False
    assert not any(Reverified(preset).met_by(who, NOW + 0.5) for preset in ("strict", "lax"))


@pytest.mark.parametrize("max_age", [0, -1, math.nan, math.inf, "60", None, True])
def test_fresh_needs_an_age(max_age: Any) -> None:
    """An age that is no duration would let every session pass, or none."""
    with pytest.raises(ConfigurationError, match="Fresh"):
        Fresh(max_age)
