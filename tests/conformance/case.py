"""A question both sides are asked, and where this package is meant to answer otherwise."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance import sdk
from tests.conformance.tokens import NOW, Token, jwk, pem, sign

__all__ = ["Answered", "Case", "Question", "answer_all", "key_set", "label", "pem_text"]

Question = Mapping[str, Any]
"""What is asked, in JSON: ``op`` and its input, tokens and keys only described."""


@dataclass(frozen=True)
class Case:
    """One question, with the reason why this package answers otherwise, if it does.

    Its answer is then ``ours``, or what the SDK says to the ``amended`` question. Without a reason,
    ``ours`` is what the SDK is expected to say.
    """

    id: str
    question: Question
    why: str | None = None
    ours: object = None
    amended: Question | None = None


@dataclass(frozen=True)
class Answered:
    """A case with the SDK's answer."""

    case: Case
    theirs: object
    ours: object

    @property
    def vector(self) -> dict[str, object]:
        """The line of the vector file."""
        vector: dict[str, object] = {
            "id": self.case.id,
            **self.case.question,
            "answer": self.theirs,
        }
        if self.ours != self.theirs:
            vector["deviation"] = {"why": self.case.why, "ours": self.ours}
        return vector


def answer_all(node: str, cases: Iterable[Case]) -> list[Answered]:
    """Ask the SDK every question of every case."""
    cases = list(cases)
    amended = [case for case in cases if case.amended is not None]
    questions = [case.question for case in cases]
    questions += [case.amended for case in amended if case.amended is not None]
    answers = sdk.ask(node, map(_for_sdk, questions))
    theirs, after = answers[: len(cases)], answers[len(cases) :]
    instead = {id(case): answer for case, answer in zip(amended, after, strict=True)}
    return [
        Answered(case, answer, _ours(case, answer, instead.get(id(case))))
        for case, answer in zip(cases, theirs, strict=True)
    ]


def pem_text(name: str) -> str:
    """The ways in which an operator may write a PEM into a variable."""
    match name:
        case "one-line":
            return pem().replace("\n", "")
        case "bare":
            return "".join(line for line in pem().splitlines() if "-----" not in line)
        case "escaped":
            return pem().replace("\n", "\\n")
        case "carriage-returns":
            return pem().replace("\n", "\r\n")
        case _:
            return pem(name)


def key_set(described: Iterable[Mapping[str, Any]]) -> dict[str, object]:
    """The JWKS document made of the described keys."""
    keys = []
    for entry in described:
        members = jwk(entry.get("key", "instance")) | entry.get("set", {})
        keys.append(
            {name: members[name] for name in members if name not in entry.get("without", [])}
        )
    return {"keys": keys}


def _ours(case: Case, theirs: object, instead: object) -> object:
    if case.why is None:
        if case.ours not in (None, theirs):
            raise AssertionError(f"{case.id}: the SDK says {theirs}, and no deviation is declared")
        return theirs
    return case.ours if case.amended is None else instead


def _for_sdk(question: Question) -> Mapping[str, object]:
    asked = dict(question)
    if "token" in asked:
        token: Token = asked.pop("token")
        asked |= {"token": sign(token), "now": asked.get("now", NOW)}
        keys = asked.pop("keys", {"pem": "instance"})
        if "pem" in keys:
            asked["jwt_key"] = pem_text(keys["pem"])
        else:
            asked["jwks"] = key_set(keys["jwks"])
    if "options" in asked:
        asked["options"] = {OPTIONS[name]: value for name, value in asked["options"].items()}
    return asked


OPTIONS = {
    "audience": "audience",
    "authorized_parties": "authorizedParties",
    "clock_skew_in_ms": "clockSkewInMs",
    "issuer": "issuer",
}


def label(value: object) -> str:
    """Name a JSON value in the id of a case."""
    if isinstance(value, dict):
        return "-".join(f"{name}-{label(member)}" for name, member in value.items()) or "object"
    if isinstance(value, list):
        return "list" + "".join(f"-{label(member)}" for member in value)
    if isinstance(value, str):
        return "".join(map(_readable, value)) or "empty"
    return json.dumps(value)


def _readable(character: str) -> str:
    plain = character.isascii() and (character.isalnum() or character in ".:,;+-_/@")
    return character if plain else f"<{ord(character):02x}>"
