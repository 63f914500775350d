"""Both sides' verdicts on a case, held against each other and against the rules."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.conformance.requests.answers import Answers
from tests.conformance.requests.question import Question, text_of
from tests.conformance.requests.rows.handshakes import takes_nonces
from tests.conformance.requests.rule import Rule, Verdict, unmasked
from tests.conformance.requests.rules import RULES

__all__ = ["Case", "Outcome", "amended", "compare"]

NONCE_CALL = "GET /clients/handshake_payload?"


@dataclass
class Case:
    """A question, and what the rules make of it for the SDK."""

    question: Question
    amended: Question
    rows: list[Rule] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    """Tokens of the amended question, with those they stand for."""


@dataclass(frozen=True)
class Outcome:
    """What came of a case; ``problem`` is empty if it came as it should.

    ``shown`` are the rows among ``rows`` without which it would have come otherwise.
    """

    theirs: Verdict
    expected: Verdict
    ours: Verdict
    rows: tuple[str, ...]
    shown: tuple[str, ...]
    problem: str


def amended(question: Question, answers: Answers, rules: Sequence[Rule] = RULES) -> Case:
    """Apply every rule that amends the question."""
    case = Case(question, question)
    for rule in rules:
        if rule.amend is None:
            continue
        changed = rule.amend(case.amended)
        if changed is not None and changed != case.amended:
            pairs = _pairs(changed, case.amended, answers)
            case.texts |= {new: case.texts.get(old, old) for new, old in pairs if new != old}
            case.amended = changed
            case.rows.append(rule)
    return case


def compare(
    case: Case, theirs: Verdict, after: Verdict, ours: Verdict, rules: Sequence[Rule] = RULES
) -> Outcome:
    """Judge this package's verdict by the SDK's, and by its verdict on the amended question."""
    made = _calls(ours, {}) - _calls(theirs, {}) - _calls(after, case.texts)
    if takes_nonces(case.question):
        made = {call for call in made if not call.startswith(NONCE_CALL)}
    theirs, ours = normal(theirs, {}), normal(ours, {})
    expected = normal(after, case.texts)
    shown: list[Rule] = []
    rows = case.rows if expected != theirs else []
    if len(rows) == 1:
        shown += rows
    for rule in rules:
        changed = rule.judge(case.amended, expected) if rule.judge is not None else None
        if changed is not None and changed != expected:
            expected = changed
            shown.append(rule)
    rows = [*rows, *shown]
    problem = ""
    if ours != expected:
        differing = [name for name in expected if expected[name] != ours.get(name)]
        problem = f"different: {', '.join(differing)}"
    elif _kinder(theirs, ours) and not any(rule.kinder for rule in rows):
        problem = "kinder, and no row says so"
    elif made:
        problem = f"calls that the SDK does not make: {', '.join(sorted(made))}"
    return Outcome(theirs, expected, ours, _names(rows), _names(shown), problem)


def _names(rules: Sequence[Rule]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rule.row for rule in rules))


def normal(verdict: Mapping[str, Any], texts: Mapping[str, str]) -> Verdict:
    """A verdict as it is compared: URLs in parts, amended tokens and masked names put back."""
    found: Verdict = _replaced(verdict, texts)
    found.pop("calls", None)
    location = found.get("location")
    if isinstance(location, str):
        base, _, query = location.partition("?")
        found["location"] = [base, *map(list, parse_qsl(query, keep_blank_values=True))]
    if found["status"] == "crash":
        return {"status": "crash", "reason": found["reason"]}
    return found


def _calls(verdict: Verdict, texts: Mapping[str, str]) -> set[str]:
    """What Clerk was asked, but for keys, which are remembered, and for headers told of."""
    found = set()
    for call in _replaced(verdict.get("calls", []), texts):
        target = call["target"].removeprefix("/v1")
        if target != "/jwks":
            body = json.loads(call["body"]) if call["body"] else {}
            body.pop("request_headers", None)
            found.add(" ".join([call["method"], target, call["bearer"], json.dumps(body)]))
    return found


def _kinder(theirs: Verdict, ours: Verdict) -> bool:
    accepted = ours["status"] == "signed-in"
    return accepted and (theirs["status"] != "signed-in" or not isinstance(theirs["auth"], dict))


def _replaced(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for new, old in texts.items():
            value = value.replace(new, old)
        return unmasked(value)
    if isinstance(value, Mapping):
        return {name: _replaced(member, texts) for name, member in value.items()}
    if isinstance(value, list):
        return [_replaced(member, texts) for member in value]
    return value


def _pairs(new: object, old: object, answers: Answers) -> Iterator[tuple[str, str]]:
    """The tokens of two questions of one shape, side by side."""
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        if isinstance(new.get("token"), Mapping) and isinstance(old.get("token"), Mapping):
            yield text_of(new, answers), text_of(old, answers)
        if "asks" in new and "asks" in old:
            yield text_of(new, answers), text_of(old, answers)
        if "sid" in new and "sid" in old:
            yield answers.name("sess_", new["sid"]), answers.name("sess_", old["sid"])
        for name in new.keys() & old.keys():
            yield from _pairs(new[name], old[name], answers)
    elif isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
        for each, other in zip(new, old, strict=True):
            yield from _pairs(each, other, answers)
