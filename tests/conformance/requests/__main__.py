"""``make conformance``: generated requests, judged by both sides."""

import argparse
import json
import re
import shutil
import sys
import time

from tests.conformance.requests.compare import Outcome
from tests.conformance.requests.question import Question
from tests.conformance.requests.rule import Verdict
from tests.conformance.requests.rules import ROWS
from tests.conformance.requests.run import Name, Report, replay, run_all

SEEDS = (1, 2, 3, 4)
CASES = 5_500
SHOWN = 10
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*([\w-]{6})")


def main() -> int:
    """Run what was asked for; 0 if nothing differs but what is declared."""
    arguments = _arguments()
    node = shutil.which("node")
    if node is None:
        print("node is not installed", file=sys.stderr)
        return 2
    if arguments.case is not None:
        question, outcome = replay(node, (arguments.seed, arguments.case))
        _show((arguments.seed, arguments.case), question, outcome)
        return 1 if outcome.problem else 0
    fixed = arguments.seed is None and arguments.cases is None
    seeds = SEEDS if arguments.seed is None else (arguments.seed,)
    count = arguments.cases or CASES
    names = [(seed, number) for seed in seeds for number in range(count)]
    started = time.monotonic()
    report = run_all(node, names)
    _table(report)
    print(f"\n{len(names)} cases in {time.monotonic() - started:.0f} s")
    dead = [row for row in ROWS if not report.shown[row]] if fixed else []
    for name, (question, outcome) in sorted(report.problems.items())[:SHOWN]:
        _show(name, question, outcome)
    for row in dead:
        print(f"{row}: no case shows this deviation, so nothing holds it")
    print(f"{len(report.problems)} differences that no row of docs/deviations.md declares")
    return 1 if report.problems or dead else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--seed", type=int, help="instead of the fixed ones")
    parser.add_argument("--cases", type=int, help="how many of each seed")
    parser.add_argument("--case", type=int, help="show this one case of the seed")
    arguments = parser.parse_args()
    if arguments.case is not None and arguments.seed is None:
        parser.error("a case is known by its seed and its number")
    return arguments


def _table(report: Report) -> None:
    print("what the SDK said")
    for (status, reason), count in sorted(report.verdicts.items()):
        print(f"{count:7} {status:10} {reason}")
    print("rows of docs/deviations.md, where each had a part, and where it was needed")
    for row in ROWS:
        print(f"{report.rows[row]:7} {report.shown[row]:7} {row}")


def _show(name: Name, question: Question, outcome: Outcome) -> None:
    seed, number = name
    print(f"\nmake conformance SEED={seed} CASE={number}: {outcome.problem or 'as it should be'}")
    for part, value in question.items():
        print(f"  {part:14} {json.dumps(value)}")
    print(f"  rows           {', '.join(outcome.rows) or 'none'}")
    for part in outcome.expected | outcome.ours:
        said = [_short(each, part) for each in (outcome.theirs, outcome.expected, outcome.ours)]
        print(f"  {part}" + (" DIFFERENT" if said[1] != said[2] else ""))
        for side, text in zip(("theirs", "expected", "ours"), said, strict=True):
            print(f"    {side:12} {text}")


def _short(verdict: Verdict, part: str) -> str:
    """One part of a verdict, tokens told apart by the end of their signatures."""
    return TOKEN.sub(r"TOKEN-\1", json.dumps(verdict.get(part)))


if __name__ == "__main__":
    sys.exit(main())
