"""The suite itself: rows and rules agree, cases come again, and a sample is judged."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conformance import sdk
from tests.conformance.requests.generate import generate
from tests.conformance.requests.rules import ROWS, RULES
from tests.conformance.requests.run import run

DOCUMENT = Path(__file__).parents[3] / "docs" / "deviations.md"
SAMPLE = [(1, number) for number in range(400)]


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    """The rows of the document by id: what holds them."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    found = {row[0].strip("`"): row[-1].split(", ") for row in cells}
    assert len(found) == len(cells), "two rows have one id"
    return found


def test_every_rule_is_a_row_of_the_document(table: dict[str, list[str]]) -> None:
    """What the suite tolerates is declared, and what is declared for it has a rule."""
    assert sorted(ROWS) == sorted(row for row, tests in table.items() if "requests" in tests)


def test_every_row_names_what_holds_it(table: dict[str, list[str]]) -> None:
    """A row is held by the generated requests, by the vectors, or by a test file that exists."""
    for row, tests in table.items():
        for test in set(tests) - {"requests", "vectors"}:
            assert (DOCUMENT.parents[1] / test.strip("`")).is_file(), row


def test_kinder_rows_are_named_as_such() -> None:
    """The rules that may let somebody in whom the SDK does not are those the document lists."""
    listed = DOCUMENT.read_text(encoding="utf-8").partition("\n## ")[0].rpartition(":\n")[2]
    kinder = {rule.row for rule in RULES if rule.kinder}
    assert sorted(re.findall(r"`([a-z0-9-]+)`", listed)) == sorted(kinder)


def test_cases_come_again() -> None:
    """A seed and a number are all that a case depends on."""
    later = [generate(7, number) for number in (3, 1, 2)]
    assert later == [generate(7, 3), generate(7, 1), generate(7, 2)]
    assert generate(7, 1) != generate(8, 1)


def test_sample_is_answered_like_the_sdk_unless_we_deviate(
    require_tool: Callable[[str], str],
) -> None:
    """A few hundred requests get the SDK's verdict, or the one that the rows declare."""
    node = require_tool("node")
    if not sdk.installed(node):
        required = "node" in os.environ.get("SUITE_REQUIRES", "").split(",")
        cure = "Clerk's JavaScript SDK is not installed: run tests/conformance/install.sh"
        (pytest.fail if required else pytest.skip)(cure)
    report = run(node, SAMPLE)
    assert sum(report.verdicts.values()) == len(SAMPLE)
    assert not report.problems, sorted(report.problems)
