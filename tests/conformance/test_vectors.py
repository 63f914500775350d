"""Fresh cases and the vector files themselves, held against Clerk's JavaScript SDK."""

import asyncio
import json
import os
from collections.abc import Callable
from random import Random

import pytest

from tests.conformance import ours, sdk
from tests.conformance.case import answer_all
from tests.conformance.vectors import FAMILIES, path, render

CASES = 600
SEEDS = (11, 12)


@pytest.fixture(scope="module")
def node(require_tool: Callable[[str], str]) -> str:
    """Node.js, with the SDK installed beside the oracle."""
    program = require_tool("node")
    if not sdk.installed(program):
        required = "node" in os.environ.get("SUITE_REQUIRES", "").split(",")
        cure = "Clerk's JavaScript SDK is not installed: run tests/conformance/install.sh"
        (pytest.fail if required else pytest.skip)(cure)
    return program


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_random_cases_are_answered_like_the_sdk(family: str, seed: int, node: str) -> None:
    """On cases that nobody chose, both sides agree wherever no deviation is declared."""
    module, _ = FAMILIES[family]
    answered = answer_all(node, module.random_cases(Random(seed), CASES))
    answers = asyncio.run(ours.answer_all(each.case.question for each in answered))
    different = [
        {"case": each.case.question, "sdk": each.theirs, "expected": each.ours, "got": answer}
        for each, answer in zip(answered, answers, strict=True)
        if answer != each.ours
    ]
    assert not different, json.dumps(different[:10], indent=1, default=repr)


@pytest.mark.parametrize("family", FAMILIES)
def test_vector_file_says_what_the_sdk_says(family: str, node: str) -> None:
    """A vector file is what the generator makes of the pinned SDK."""
    assert path(family).read_text(encoding="utf-8") == render(family, node)
