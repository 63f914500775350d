"""Routes that nobody could pass: what guards and policies want there, nobody has at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from clerk_fastapi.engine.authenticate import accepted
from clerk_fastapi.web.routing.deciding import Decided, Rule
from clerk_fastapi.web.routing.declared import called_at
from clerk_fastapi.web.routing.routes import Leaf
from clerk_fastapi.web.routing.safeguards import Source, guards_of
from clerk_fastapi.web.signed import SignedByClerk

__all__ = ["contradictions", "kept_out"]

_WHERE: Final[dict[Source, str]] = {"application": "of the application", "router": "of a router"}


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


def kept_out(leaves: Iterable[Leaf]) -> Iterator[str]:
    """Say of which routes guards keep Clerk's webhooks out, which come with no token."""
    for leaf in leaves:
        if not any(isinstance(called, SignedByClerk) for called in called_at(leaf)):
            continue
        for guard in guards_of(leaf):
            if guard.accepts_token and not guard.optional:
                yield (
                    f"Clerk could not pass {leaf}: a guard {_WHERE.get(guard.source, 'there')} "
                    f"demands {guard.demand}, and webhooks come with nothing but a signature; "
                    "guard the other routes by their routers, or all of them by "
                    "ClerkMiddleware(default=...), with a public policy for this one."
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
