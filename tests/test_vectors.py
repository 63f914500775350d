"""What Clerk's JavaScript SDK answered, replayed without it."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.conformance import ours
from tests.conformance.vectors import FAMILIES, Vector, load

VECTORS = {f"{family}/{vector['id']}": vector for family in FAMILIES for vector in load(family)}


@pytest.fixture(scope="module")
def answers() -> Mapping[str, object]:
    """This package's answer to every vector."""
    return dict(zip(VECTORS, asyncio.run(ours.answer_all(VECTORS.values())), strict=True))


@pytest.mark.parametrize("name", VECTORS)
def test_vector_is_answered_like_the_sdk_unless_we_deviate(
    name: str, answers: Mapping[str, object]
) -> None:
    """Every vector gets the SDK's answer, or the one its deviation declares."""
    vector = VECTORS[name]
    assert answers[name] == vector.get("deviation", {}).get("ours", vector["answer"])


@pytest.mark.parametrize("family", FAMILIES)
def test_no_vector_holds_a_key(family: str) -> None:
    """Vectors describe tokens; keys are made at run time."""
    for vector in load(family):
        assert "PRIVATE KEY" not in str(vector)
        assert "eyJ" not in str(vector)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_deviation_says_why(family: str) -> None:
    """Where this package answers otherwise, the vector names the reason and both answers differ."""
    deviating: list[Vector] = [vector for vector in load(family) if "deviation" in vector]
    assert deviating
    for vector in deviating:
        assert vector["deviation"]["why"]
        assert vector["deviation"]["ours"] != vector["answer"]
