"""The vector files: cases with the SDK's answers, which need no Node.js to be replayed."""

import json
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

from tests.conformance import claims_cases, has_cases, key_cases, verify_cases
from tests.conformance.case import Case, answer_all

__all__ = ["FAMILIES", "Vector", "load", "path", "render"]

Vector = dict[str, Any]
"""A question with its ``id``, the SDK's ``answer``, and ``deviation`` where ours is another."""

SDK = json.loads((Path(__file__).parent / "package.json").read_text())["dependencies"]
SEED = 2
FAMILIES: dict[str, tuple[ModuleType, int]] = {
    "claims": (claims_cases, 200),
    "has": (has_cases, 200),
    "keys": (key_cases, 50),
    "verify": (verify_cases, 300),
}
"""What the cases of each file are made by, and how many of them at random."""


def path(family: str) -> Path:
    """Where the file of a family is."""
    return Path(__file__).parent.parent / "vectors" / f"{family}.json"


def load(family: str) -> list[Vector]:
    """Read the vectors of a family."""
    document = json.loads(path(family).read_text(encoding="utf-8"))
    tokens, vectors = document["tokens"], document["vectors"]
    for vector in vectors:
        if isinstance(vector.get("token"), str):
            vector["token"] = tokens[vector["token"]]
    found: list[Vector] = vectors
    return found


def render(family: str, node: str) -> str:
    """Write the file of a family anew, with what the SDK says now."""
    module, count = FAMILIES[family]
    cases: list[Case] = [*module.written_cases(), *module.random_cases(Random(SEED), count)]
    names = [case.id for case in cases]
    assert len(set(names)) == len(names), "two cases have one id"
    vectors = [answered.vector for answered in answer_all(node, cases)]
    tokens: dict[str, object] = {}
    if family == "has":
        tokens = {name: {"claims": claims} for name, claims in has_cases.BEARERS.items()}
    named = {json.dumps(token): name for name, token in tokens.items()}
    for vector in vectors:
        if name := named.get(json.dumps(vector.get("token"))):
            vector["token"] = name
    return (
        f'{{\n"sdk": {json.dumps(SDK)},\n"tokens": {{\n{_lines(tokens)}\n}},\n'
        f'"vectors": [\n' + ",\n".join(map(json.dumps, vectors)) + "\n]\n}\n"
    )


def _lines(members: dict[str, object]) -> str:
    return ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members.items())
