"""What was decided for every route, by policies, a default and rate limits."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from clerk_fastapi.protocol.patterns import PathTemplate
from clerk_fastapi.web.guards import Guard
from clerk_fastapi.web.ratelimit import RateLimit, RateLimitRule
from clerk_fastapi.web.routing.doors import Doors
from clerk_fastapi.web.routing.policies import Policy, Selectors, describe, is_open
from clerk_fastapi.web.routing.routes import Leaf
from clerk_fastapi.web.routing.selection import Chosen, choose, in_part

__all__ = ["Decided", "Rule", "decide"]

logger = logging.getLogger("clerk_fastapi")

_VISITING: Final = frozenset({"GET", "HEAD", "POST"})
"""What it takes to sign in."""


class Rule(NamedTuple):
    """Part of what was decided for a route: a guard, for some methods, or ``None`` for all."""

    methods: frozenset[str] | None
    guard: Guard | None
    policy: Policy | None
    """Who said so; ``None`` stands for the default."""

    def holds_for(self, method: str | None) -> bool:
        """Whether it is about a method, in capitals; WebSockets have none."""
        return self.methods is None or method in self.methods


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """A route, and the rules for it: the first that holds for a method decides.

    ``in_part`` are demands on a part of what it serves, which add to the default. They stop the
    start-up, so that only routes that came later have some. Of ``limits`` all hold.
    """

    leaf: Leaf
    rules: tuple[Rule, ...]
    in_part: tuple[Rule, ...] = ()
    limits: tuple[RateLimitRule, ...] = ()

    def rule(self, method: str | None) -> Rule:
        """The rule for a method; the last one holds for all."""
        return next(rule for rule in self.rules if rule.holds_for(method))

    def guards(self, method: str | None) -> Iterator[Guard]:
        """All that a request with this method has to pass."""
        rule = self.rule(method)
        if rule.guard is not None:
            yield rule.guard
        if rule.policy is None:
            for each in self.in_part:
                if each.guard is not None and each.holds_for(method):
                    yield each.guard

    def rate_limits(self, method: str | None) -> Iterator[RateLimit]:
        """All that count a request with this method."""
        for rule in self.limits:
            if rule.holds_for(method):
                yield rule.rate_limit


def decide(
    policies: Sequence[Policy],
    default: Guard | None,
    leaves: Sequence[Leaf],
    doors: Doors | None = None,
    limits: Sequence[RateLimitRule] = (),
) -> tuple[list[Decided], list[str]]:
    """Decide for every route, and say what is wrong with the policies.

    :param doors: the sign-in and sign-up pages, which the default leaves public.
    :param limits: rate limits, of which all hold that choose a route.
    :returns: what was decided, and sentences about policies and limits that choose no route, or are
        about a part of what a route serves.
    """
    doors = doors or Doors(())
    chosen = [choose(policy, leaves) for policy in policies]
    counting = [(rule, choose(rule, leaves)) for rule in limits]
    decided = [
        replace(
            _decided(leaf, at, list(zip(policies, chosen, strict=True)), default, doors),
            limits=tuple(_limits(leaf, at, counting)),
        )
        for at, leaf in enumerate(leaves)
    ]
    wrong = [said for each in (*chosen, *(each for _, each in counting)) for said in each.problems]
    if not wrong:
        wrong = list(_left_open(policies, chosen, decided))
        wrong += _limited_in_part(counting, decided)
        wrong += [sentence for page in doors.paths for sentence in _locked_out(page, decided)]
        wrong += [said for page in doors.turned_away for said in _turned_away(page, decided)]
    if not wrong:
        _warn_of_shadows(policies, decided)
    return decided, wrong


def _decided(
    leaf: Leaf,
    at: int,
    said: list[tuple[Policy, Chosen]],
    default: Guard | None,
    doors: Doors,
) -> Decided:
    beyond = [Rule(None, default, None)]
    if doors.lead_to(leaf):
        beyond.insert(0, Rule(_VISITING, None, None))
    rules = [_rule(policy) for policy, chosen in said if at in chosen.wholly]
    partly = [_rule(policy) for policy, chosen in said if at in chosen.partly]
    demanding = tuple(rule for rule in partly if not is_open(rule.guard))
    return Decided(leaf, (*rules, *beyond), demanding)


def _rule(policy: Policy) -> Rule:
    return Rule(policy.methods or None, policy.guard, policy)


def _limits(
    leaf: Leaf, at: int, counting: Sequence[tuple[RateLimitRule, Chosen]]
) -> Iterator[RateLimitRule]:
    """The limits of a route; those of a part of it only where there is no other."""
    wholly = [rule for rule, chosen in counting if at in chosen.wholly]
    for rule, chosen in counting:
        if at in chosen.wholly or (at in chosen.partly and not _is_limited(rule, leaf, wholly)):
            yield rule


def _is_limited(rule: RateLimitRule, leaf: Leaf, others: Sequence[RateLimitRule]) -> bool:
    """Whether other limits are about all that a rule asks of a route."""
    return all(any(each.holds_for(method) for each in others) for method in _asked(rule, leaf))


def _asked(policy: Selectors, leaf: Leaf) -> frozenset[str | None]:
    """The methods of a route that a policy is about; ``None`` stands for any that has no name."""
    if leaf.methods is None:
        return frozenset(policy.methods) or frozenset({None})
    return frozenset(policy.methods & leaf.methods if policy.methods else leaf.methods)


def _left_open(
    policies: Sequence[Policy], chosen: Sequence[Chosen], decided: Sequence[Decided]
) -> Iterator[str]:
    """Say for which routes nobody decides, though a policy demands something of a part of them."""
    cure = "give that route a policy of its own, which may come after this one"
    for policy, each in zip(policies, chosen, strict=True):
        if is_open(policy.guard):
            continue
        for at, path in each.partly.items():
            methods = _asked(policy, decided[at].leaf)
            if any(decided[at].rule(method).policy is None for method in methods):
                yield in_part(policy, decided[at].leaf, path, cure)


def _limited_in_part(
    counting: Sequence[tuple[RateLimitRule, Chosen]], decided: Sequence[Decided]
) -> Iterator[str]:
    """Say which routes have no limit, though there is one for a part of them."""
    cure = "choose by tags or routers instead, or give that route a limit of its own"
    for rule, chosen in counting:
        for at, path in chosen.partly.items():
            if rule in decided[at].limits:
                yield in_part(rule, decided[at].leaf, path, cure)


def _locked_out(page: str, decided: Sequence[Decided]) -> Iterator[str]:
    for leaf, guard in _serving(page, decided):
        if not is_open(guard):
            yield (
                f"Nobody could sign in: {leaf} serves the page {page!r} and needs "
                f"{describe(guard)}; give it a policy that says 'public'."
            )


def _turned_away(page: str, decided: Sequence[Decided]) -> Iterator[str]:
    for leaf, guard in _serving(page, decided):
        if guard is not None and not is_open(guard) and guard.requirement is not None:
            yield (
                f"Nobody who is turned away could see why: {leaf} serves the page {page!r} and "
                f"needs {describe(guard)}; give it a policy that says 'signed_in' or 'public'."
            )


def _serving(page: str, decided: Sequence[Decided]) -> Iterator[tuple[Leaf, Guard | None]]:
    """The route that serves a page, and what guards it."""
    door = PathTemplate.parse(page.partition("?")[0].partition("#")[0]).language
    for each in decided:
        is_asked = each.leaf.methods is None or "GET" in each.leaf.methods
        served = [PathTemplate.parse(path).language for path in each.leaf.paths]
        if is_asked and each.leaf.kind != "websocket" and any(map(door.meets, served)):
            yield each.leaf, each.rule("GET").guard
            return


def _warn_of_shadows(policies: Sequence[Policy], decided: Sequence[Decided]) -> None:
    decisive = {
        id(each.rule(method).policy)
        for each in decided
        for rule in each.rules
        if rule.policy is not None
        for method in _asked(rule.policy, each.leaf)
    }
    for policy in policies:
        if id(policy) not in decisive:
            logger.warning("%r decides nothing: others before it choose all of its routes", policy)
