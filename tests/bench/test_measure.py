"""The arithmetic behind the tables: turns, spreads, ratios and the verdict on a target."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from tests.bench.measure import Contender, Spread, minus, over, take_turns
from tests.bench.report import Figure, Ratio, Section, as_json, as_text, missed


def spread(median: float) -> Spread:
    """A spread of which only the median matters."""
    return Spread(median, median, median, median, median)


def recorder(name: str, journal: list[str]) -> Contender:
    """A contender that only writes down what it was given."""

    async def run(items: Sequence[str]) -> None:
        if items:
            journal.append(f"{name} {''.join(items)}")

    return Contender(name, list, run)


def test_contenders_get_the_same_tokens_in_an_order_that_moves_on() -> None:
    """Nobody always runs first, and nobody gets another's tokens."""
    journal: list[str] = []
    contenders = [recorder("a", journal), recorder("b", journal)]
    asyncio.run(take_turns(contenders, ["x", "y"], warm_up=0))
    assert journal == ["a x", "b x", "b y", "a y"]


def test_rounds_of_the_warm_up_are_run_but_not_counted() -> None:
    """Only what follows the warm-up is in the answer."""
    journal: list[str] = []
    rounds = asyncio.run(take_turns([recorder("a", journal)], ["x", "y", "z"], warm_up=2))
    assert len(journal) == 3
    assert len(rounds["a"]) == 1


def test_the_first_tokens_of_a_slice_run_it_in() -> None:
    """They are handed over before the clock starts, apart from those that count."""
    journal: list[str] = []
    asyncio.run(take_turns([recorder("a", journal)], ["0123456789"], warm_up=0))
    assert journal == ["a 01", "a 23456789"]


def test_a_round_that_is_slow_for_everybody_does_not_move_the_ratio() -> None:
    """Ratios are taken within a round before the median is."""
    rounds = {"a": [2.0, 20.0, 2.0], "b": [1.0, 10.0, 1.0], "idle": [0.0, 0.0, 0.0]}
    added = minus(rounds, "a", "idle")
    assert over(added, rounds["b"]) == [2.0, 2.0, 2.0]


def test_a_spread_has_the_median_and_the_middle_half() -> None:
    """The quartiles of five values are values themselves."""
    assert Spread.of([5.0, 1.0, 4.0, 2.0, 3.0]) == Spread(3.0, 2.0, 4.0, 1.0, 5.0)


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (Ratio("r", spread(0.15), at_most=0.15), "met"),
        (Ratio("r", spread(0.16), at_most=0.15), "MISSED"),
        (Ratio("r", spread(0.90), at_least=0.9), "met"),
        (Ratio("r", spread(0.89), at_least=0.9), "MISSED"),
        (Ratio("r", spread(9.0)), ""),
    ],
)
def test_the_median_decides_whether_a_target_is_met(ratio: Ratio, verdict: str) -> None:
    """A bound belongs to those that keep it; without one there is no verdict."""
    assert ratio.verdict == verdict
    section = Section("s", "µs", [], [ratio])
    assert missed([section]) == ([ratio] if verdict == "MISSED" else [])


def test_the_tables_and_the_json_say_the_same() -> None:
    """Both carry the conditions, the figure, the ratio and the verdict."""
    section = Section(
        "Speed", "µs", [Figure("ours", spread(7.0))], [Ratio("ours / theirs", spread(0.5), 0.4)]
    )
    text = as_text({"python": "3"}, [section])
    document = json.loads(as_json({"python": "3"}, [section]))
    assert "python: 3" in text
    assert "<= 0.40 MISSED" in text
    assert document["conditions"] == {"python": "3"}
    assert document["sections"][0]["figures"][0]["spread"]["median"] == 7.0
    assert document["sections"][0]["ratios"][0]["met"] is False
