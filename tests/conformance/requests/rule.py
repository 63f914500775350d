"""A deliberate difference as a rule: when it applies, and what this package must answer then."""

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.requests.question import Question

__all__ = [
    "NOTHING",
    "Amend",
    "Judge",
    "Rule",
    "Verdict",
    "copied",
    "directives_of",
    "masked",
    "signed_out",
    "tokens_of",
    "unmasked",
    "without",
]

Verdict = dict[str, Any]
Amend = Callable[[Question], Question | None]
Judge = Callable[[Question, Verdict], Verdict | None]


@dataclass(frozen=True)
class Rule:
    """One row of ``docs/deviations.md``.

    ``amend`` gives the question which the SDK has to be asked instead, ``judge`` what becomes of
    its answer; both give ``None`` where the row has nothing to say. ``kinder`` rows may end signed
    in where the SDK's own answer does not.
    """

    row: str
    amend: Amend | None = None
    judge: Judge | None = None
    kinder: bool = False


def copied(value: Any) -> Any:
    """A copy that may be changed: many are made, and copy.deepcopy() takes five times as long."""
    return pickle.loads(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))


def signed_out(reason: str, verdict: Verdict, **changed: object) -> Verdict:
    """The verdict, refused without a redirect."""
    refused = {"status": "signed-out", "reason": reason, "location": None, "cookies": []}
    return {**verdict, **refused, "auth": None, "token": None, **changed}


NOTHING = "not-a-token."
"""Before a value that is to be read as junk, or as just any text."""


def masked(name: str) -> str:
    """A name that means nothing to the SDK and stands for one that we are to ignore."""
    return name.replace("__", "__masked", 1)


def unmasked(text: str) -> str:
    """Put ignored names and values back, where an answer repeats them."""
    return text.replace("__masked", "__").replace(NOTHING, "")


def tokens_of(part: object) -> Iterator[dict[str, Any]]:
    """Every token in a part of a question, also in answers of the Backend API."""
    if isinstance(part, Mapping):
        if "token" in part and isinstance(part["token"], dict):
            yield part["token"]
        for value in part.values():
            yield from tokens_of(value)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for value in part:
            yield from tokens_of(value)


def without(question: Question, names: Sequence[str], carrier: str) -> Question | None:
    """Mask cookies, query parameters or headers, if there are any."""
    pairs: list[list[Any]] = question[carrier]  # type: ignore[literal-required]  # one of three
    if not any(name in names for name, _ in pairs):
        return None
    amended = copied(question)
    amended[carrier] = [[masked(name) if name in names else name, value] for name, value in pairs]
    return amended


def directives_of(part: object) -> list[list[Any]]:
    """Every list of directives in a question."""
    found: list[list[Any]] = []
    if isinstance(part, dict):
        for name, value in part.items():
            if name in ("handshake", "directives", "cookies") and _are_directives(value):
                found.append(value)
            found += directives_of(value)
    elif isinstance(part, list):
        for value in part:
            found += directives_of(value)
    return found


def _are_directives(value: object) -> bool:
    return isinstance(value, list) and all(
        not isinstance(each, list) or len(each) == 3 for each in value
    )
