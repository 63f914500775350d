"""Runs of cases, spread over processes, and what came of them."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.conformance.requests.answers import Answers
from tests.conformance.requests.backend import serving
from tests.conformance.requests.compare import Outcome, amended, compare
from tests.conformance.requests.generate import generate
from tests.conformance.requests.ours import Package
from tests.conformance.requests.question import Question, written
from tests.conformance.requests.theirs import Sdk, judging

__all__ = ["Name", "Report", "replay", "run", "run_all"]

Name = tuple[int, int]
"""The seed and the number of a case."""

BATCH = 500


@dataclass
class Report:
    """What came of many cases."""

    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often the SDK answered each status with each reason."""
    rows: Counter[str] = field(default_factory=Counter)
    """How often each row had a part in a difference."""
    shown: Counter[str] = field(default_factory=Counter)
    """How often there would have been another one without it."""
    problems: dict[Name, tuple[Question, Outcome]] = field(default_factory=dict)

    def add(self, name: Name, question: Question, outcome: Outcome) -> None:
        """Count one outcome."""
        self.verdicts[outcome.theirs["status"], _short(outcome.theirs["reason"])] += 1
        self.rows.update(outcome.rows)
        self.shown.update(outcome.shown)
        if outcome.problem:
            self.problems[name] = (question, outcome)

    def merge(self, other: "Report") -> None:
        """Count another report's cases, too."""
        self.verdicts += other.verdicts
        self.rows += other.rows
        self.shown += other.shown
        self.problems |= other.problems


def run(node: str, names: Sequence[Name]) -> Report:
    """Judge the named cases in this process."""
    report = Report()
    with _quiet():
        judged = asyncio.run(_judged(node, names))
    for name, (question, outcome) in judged.items():
        report.add(name, question, outcome)
    return report


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nobody log meanwhile: what operators are told is not what is judged here."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)


def run_all(node: str, names: Sequence[Name]) -> Report:
    """Judge the named cases in as many processes as there are processors."""
    workers = os.cpu_count() or 1
    report = Report()
    # Keys are made in every process, and nothing else is inherited.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        shards = [names[index::workers] for index in range(workers)]
        for part in pool.map(run, [node] * workers, shards):
            report.merge(part)
    return report


def replay(node: str, name: Name) -> tuple[Question, Outcome]:
    """Judge one case."""
    return asyncio.run(_judged(node, [name]))[name]


async def _judged(node: str, names: Sequence[Name]) -> dict[Name, tuple[Question, Outcome]]:
    answers = Answers()
    judged: dict[Name, tuple[Question, Outcome]] = {}
    async with AsyncExitStack() as stack:
        api_url = stack.enter_context(serving(answers))
        sdk = stack.enter_context(judging(node, api_url))
        package = Package(stack, api_url, answers)
        for start in range(0, len(names), BATCH):
            judged |= await _batch(names[start : start + BATCH], answers, sdk, package)
    return judged


async def _batch(
    names: Sequence[Name], answers: Answers, sdk: Sdk, package: Package
) -> dict[Name, tuple[Question, Outcome]]:
    cases = [amended(generate(*name), answers) for name in names]
    asked = [written(case.question, answers) for case in cases]
    again = [written(case.amended, answers) for case in cases if case.amended != case.question]
    verdicts = sdk.ask([*asked, *again])
    ours = [await package.judge(each) for each in asked]
    theirs = [verdicts.get() for _ in asked]
    judged = {}
    for name, case, verdict, own in zip(names, cases, theirs, ours, strict=True):
        after = verdict if case.amended == case.question else verdicts.get()
        judged[name] = (case.question, compare(case, verdict, after, own))
    return judged


def _short(reason: object) -> str:
    return str(reason).partition("\n")[0][:70]
