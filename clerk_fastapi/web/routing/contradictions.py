"""Routes that nobody could pass: a policy wants one kind of token, and a guard there another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clerk_fastapi.engine.authenticate import accepted
from clerk_fastapi.web.routing.deciding import Decided, Rule
from clerk_fastapi.web.routing.safeguards import guards_of

__all__ = ["contradictions"]


def contradictions(decided: Iterable[Decided]) -> Iterator[str]:
    """Say of which routes policies and guards cannot both let a request pass."""
    for each in decided:
        for rule in _decisive(each):
            if rule.guard is None or rule.guard.optional:
                continue
            wanted = accepted(rule.guard.accepts_token).kinds
            for guard in guards_of(each.leaf):
                if not guard.optional and wanted.isdisjoint(guard.accepts_token):
                    takes = " or ".join(guard.accepts_token) or guard.demand
                    cure = "demands the same guard" if guard.accepts_token else "says 'public'"
                    yield (
                        f"Nobody could pass {each.leaf}: a guard there takes {takes}, and "
                        f"{_whose(rule)} {' or '.join(sorted(wanted))}; give the route a policy "
                        f"that {cure}."
                    )


def _decisive(decided: Decided) -> list[Rule]:
    """The rules that decide for a method which the route serves."""
    methods: set[str | None] = {*(decided.leaf.methods or ())}
    if not methods:
        methods = {None}.union(*(rule.methods or () for rule in decided.rules))
    rules = [decided.rule(method) for method in methods]
    return [rule for rule in decided.rules if rule in rules]


def _whose(rule: Rule) -> str:
    return "the default" if rule.policy is None else "a policy"
