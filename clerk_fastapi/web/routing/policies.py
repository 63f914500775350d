"""Route policies: what is demanded of whom, and of which routes."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from starlette.applications import Starlette
from starlette.routing import Router

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.patterns import PathPattern, PathTemplate
from clerk_fastapi.protocol.requirement import Requirement
from clerk_fastapi.web.guards import Guard, require_auth
from clerk_fastapi.web.routing.routes import Leaf

__all__ = ["Decided", "Demand", "Policy", "Rule", "decide", "guard_of", "plain"]

logger = logging.getLogger("clerk_fastapi")

Demand: TypeAlias = Literal["public", "signed_in"] | Requirement | Guard
"""What a policy demands: nothing, a signed-in user, a requirement, or what a guard demands."""

_EXAMPLES: Final = {
    "paths": "'/items/{id}', '/admin(.*)'",
    "names": "['read_item']",
    "tags": "['items']",
    "routers": "[items.router]",
    "methods": "['GET', 'POST']",
}
_CONVERTOR: Final = re.compile(r":\w+\}")
_METHOD: Final = re.compile(r"[A-Z]+(-[A-Z]+)*")


class Policy:
    """What is demanded of those who ask for certain routes: ``Policy("public", "/docs(.*)")``.

    Routes are chosen once, when the application starts, and whatever the router picks is judged by
    what was decided for it: no spelling of a path leads around that. A route is chosen if every
    selector that is given fits it, and of several in a list one is enough. The first policy in the
    list that chooses a route decides.

    :param demand: ``public``, ``signed_in``, a requirement such as ``Role("org:admin")``, or a
        guard such as ``require_api_key``.
    :param paths: templates of routes, ``/items/{id}``, or patterns as Clerk writes them,
        ``/admin(.*)`` and ``/api/:path*``. A pattern chooses routes all of whose paths fit it.
    :param names: names of routes; those below a mount with a name begin with it: ``shop:cart``.
    :param tags: tags of routes.
    :param routers: routers that were included, and applications that are mounted.
    :param methods: HTTP methods to which the policy is limited; ``GET`` stands for ``HEAD``, too.
    :raises ConfigurationError: if a demand or a selector is malformed, or none is given.
    """

    __slots__ = ("demand", "guard", "methods", "names", "paths", "routers", "tags")

    def __init__(
        self,
        demand: Demand,
        *paths: str,
        names: Iterable[str] = (),
        tags: Iterable[str] = (),
        routers: Iterable[Router | Starlette] = (),
        methods: Iterable[str] = (),
    ) -> None:
        self.demand = demand
        self.guard = guard_of(demand)
        self.paths = _listed("paths", paths, str)
        self.names = _listed("names", names, str)
        self.tags = _listed("tags", tags, str)
        self.routers = _listed("routers", routers, (Router, Starlette))
        self.methods = frozenset(name.upper() for name in _listed("methods", methods, str))
        if not (self.paths or self.names or self.tags or self.routers or self.methods):
            raise ConfigurationError(
                "A policy chooses routes by paths, names, tags, routers or methods; what holds for "
                "all others is the default= of ClerkMiddleware."
            )
        if not all(map(_METHOD.fullmatch, self.methods)):
            raise ConfigurationError("methods takes HTTP methods, such as GET and POST.")
        if "GET" in self.methods:
            self.methods |= {"HEAD"}
        for path in self.paths:
            if "{" not in path:
                PathPattern(path)

    def __repr__(self) -> str:
        chosen = {
            "paths": self.paths,
            "names": self.names,
            "tags": self.tags,
            "routers": self.routers and f"{len(self.routers)} of them",
            "methods": sorted(self.methods),
        }
        said = [f"{name}={value}" for name, value in chosen.items() if value]
        return f"<Policy {describe(self.guard)}: {', '.join(said)}>"


class Rule(NamedTuple):
    """Part of what was decided for a route: a guard, for some methods, or ``None`` for all."""

    methods: frozenset[str] | None
    guard: Guard | None
    policy: Policy | None
    """Who said so; ``None`` stands for the default."""
    in_part: bool = False
    """Whether the policy speaks of a part of what the route serves, and nobody else of it."""

    def holds_for(self, method: str | None) -> bool:
        """Whether it is about a method, in capitals; WebSockets have none."""
        return self.methods is None or method in self.methods


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """A route, and the rules for it: the first that holds for a method decides."""

    leaf: Leaf
    rules: tuple[Rule, ...]

    def rule(self, method: str | None) -> Rule:
        """The rule for a method; the last one holds for all."""
        return next(rule for rule in self.rules if rule.holds_for(method))


def guard_of(demand: Demand) -> Guard | None:
    """The guard that enforces a demand, or ``None`` for the public.

    :raises ConfigurationError: if it is none of what a policy can demand.
    """
    if isinstance(demand, Guard):
        return demand
    if isinstance(demand, Requirement):
        return Guard(demand)
    if demand in ("public", "signed_in"):
        return None if demand == "public" else require_auth
    raise ConfigurationError(
        "A policy demands 'public', 'signed_in', a requirement such as Role(...), or a guard."
    )


def describe(guard: Guard | None) -> str:
    """Say in words what is demanded."""
    return "public" if guard is None else str(guard.model.description)


def decide(
    policies: Sequence[Policy],
    default: Guard | None,
    leaves: Sequence[Leaf],
    own_pages: Sequence[str] = (),
) -> tuple[list[Decided], list[str]]:
    """Decide for every route, and say what is wrong with the policies.

    :param own_pages: paths of the sign-in and sign-up pages, which the default leaves public.
    :returns: what was decided, and sentences about policies that choose no route, or demand
        something of a part of what a route serves.
    """
    chosen = [_choose(policy, leaves) for policy in policies]
    doors = [door for page in own_pages for door in _doors(page)]
    decided = [
        Decided(leaf, (*_rules(policies, chosen, at), _beyond(doors, default, leaf)))
        for at, leaf in enumerate(leaves)
    ]
    wrong = [problem for each in chosen for problem in each.problems]
    if not wrong:
        wrong = [
            _in_part(policy, decided[at].leaf, pattern)
            for policy, each in zip(policies, chosen, strict=True)
            for at, pattern in each.partly.items()
            if _is_left_open(policy, decided[at])
        ]
        wrong += [sentence for page in own_pages for sentence in _locked_out(page, decided)]
    if not wrong:
        _warn_of_shadows(policies, decided)
    return decided, wrong


def _doors(page: str) -> Iterator[PathPattern]:
    """A page and what is below it: Clerk's components have pages of their own there."""
    path = _path_of(page)
    yield PathPattern(path or "/")
    if path:
        yield PathPattern(f"{path}/(.*)")


def _path_of(page: str) -> str:
    return page.partition("?")[0].partition("#")[0].rstrip("/")


def _beyond(doors: Sequence[PathPattern], default: Guard | None, leaf: Leaf) -> Rule:
    """The default for a route; those who are not signed in yet have to reach the doors."""
    templates = [PathTemplate.parse(path) for path in leaf.paths]
    is_door = all(any(door.covers(template) for door in doors) for template in templates)
    return Rule(None, None if is_door else default, None)


def _locked_out(page: str, decided: Sequence[Decided]) -> Iterator[str]:
    door = PathPattern(_path_of(page) or "/")
    for each in decided:
        asked = each.leaf.methods is None or "GET" in each.leaf.methods
        if not asked or each.leaf.kind == "websocket":
            continue
        if any(door.meets(PathTemplate.parse(path)) for path in each.leaf.paths):
            guard = each.rule("GET").guard
            if guard is not None and not _is_open(guard):
                yield (
                    f"Nobody could sign in: {each.leaf} serves the page {page!r} and needs "
                    f"{describe(guard)}; give it a policy that says 'public'."
                )
            return


class _Chosen(NamedTuple):
    """What a policy chooses, which routes its patterns fit in part only, and what is wrong."""

    wholly: set[int]
    partly: dict[int, str]
    problems: list[str]


def _choose(policy: Policy, leaves: Sequence[Leaf]) -> _Chosen:
    chosen = _Chosen(set(range(len(leaves))), {}, [])
    if policy.paths:
        chosen = _by_paths(policy.paths, leaves)
    left = {at for at, leaf in enumerate(leaves) if _can_be_asked(policy, leaf)}
    selections: tuple[tuple[str, tuple[Any, ...], Callable[[Any, Leaf], bool]], ...] = (
        ("name", policy.names, lambda name, leaf: leaf.name == name),
        ("tag", policy.tags, lambda tag, leaf: tag in leaf.tags),
        ("router", policy.routers, lambda router, leaf: any(r is router for r in leaf.routers)),
    )
    for what, selectors, fits in selections:
        if not selectors:
            continue
        found: set[int] = set()
        for selector in selectors:
            fitting = {at for at, leaf in enumerate(leaves) if fits(selector, leaf)}
            if not fitting:
                chosen.problems.append(_not_found(what, selector, leaves))
            found |= fitting
        left &= found
    wholly = chosen.wholly & left
    if not wholly and not chosen.problems:
        chosen.problems.append(f"No route fits all that {policy!r} asks for.")
    partly = {at: pattern for at, pattern in chosen.partly.items() if at in left - wholly}
    return _Chosen(wholly, partly, chosen.problems)


def _by_paths(paths: Sequence[str], leaves: Sequence[Leaf]) -> _Chosen:
    chosen = _Chosen(set(), {}, [])
    for path in paths:
        named = {
            at for at, leaf in enumerate(leaves) if path in (*leaf.paths, *map(plain, leaf.paths))
        }
        wholly, partly = (named, set[int]()) if "{" in path else _by_pattern(path, leaves)
        if named:
            # What stands behind a route of that very path is not reached by it.
            wholly, partly = wholly | named, {at for at in partly if at < max(named)}
        if not wholly and partly:
            chosen.problems.append(_in_part(None, leaves[min(partly)], path))
        elif not wholly:
            chosen.problems.append(_not_found("path", path, leaves))
        chosen.wholly.update(wholly)
        chosen.partly.update(dict.fromkeys(partly, path))
    return chosen


def _by_pattern(path: str, leaves: Sequence[Leaf]) -> tuple[set[int], set[int]]:
    """The routes all of whose paths fit a pattern, and those some of whose paths do."""
    pattern, wholly, partly = PathPattern(path), set[int](), set[int]()
    for at, leaf in enumerate(leaves):
        templates = [PathTemplate.parse(template) for template in leaf.paths]
        if all(map(pattern.covers, templates)):
            wholly.add(at)
        elif any(map(pattern.meets, templates)):
            partly.add(at)
    return wholly, partly


def _can_be_asked(policy: Policy, leaf: Leaf) -> bool:
    if not policy.methods:
        return True
    if leaf.methods is None:
        return leaf.kind != "websocket"
    return not policy.methods.isdisjoint(leaf.methods)


def _rules(policies: Sequence[Policy], chosen: Sequence[_Chosen], at: int) -> list[Rule]:
    """What the policies say of a route: those that choose it, and then what is said of a part."""
    rules: list[Rule] = []
    in_part: list[Rule] = []
    for policy, each in zip(policies, chosen, strict=True):
        if at in each.wholly:
            rules.append(Rule(policy.methods or None, policy.guard, policy))
        elif at in each.partly and not _is_open(policy.guard):
            # Only where the routes have changed: it stops the start-up.
            in_part.append(Rule(policy.methods or None, policy.guard, policy, in_part=True))
    return rules + in_part


def _is_open(guard: Guard | None) -> bool:
    """Whether guests pass."""
    return guard is None or guard.optional


def _asked(policy: Policy, leaf: Leaf) -> frozenset[str | None]:
    """The methods of a route that a policy is about; ``None`` stands for any that has no name."""
    if leaf.methods is None:
        return frozenset(policy.methods) or frozenset({None})
    return frozenset(policy.methods & leaf.methods if policy.methods else leaf.methods)


def _is_left_open(policy: Policy, decided: Decided) -> bool:
    """Whether nobody else decides for a route of which a policy demands something in part."""
    return any(decided.rule(method).in_part for method in _asked(policy, decided.leaf))


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


def _in_part(policy: Policy | None, leaf: Leaf, pattern: str) -> str:
    cure = (
        "give that route a policy of its own, which may come after this one"
        if policy
        else "choose it by its template or its name"
    )
    return f"The path {pattern!r} of a policy is only a part of what {leaf} serves: {cure}."


def _not_found(what: str, selector: object, leaves: Sequence[Leaf]) -> str:
    if not isinstance(selector, str):
        return "A router of a policy has no routes in this application: include or mount it."
    existing: set[str] = set()
    for leaf in leaves:
        existing |= {"path": {*leaf.paths}, "name": {leaf.name}, "tag": {*leaf.tags}}[what]
    likely = difflib.get_close_matches(selector.replace("(.*)", ""), sorted(existing), 1, 0.5)
    hint = f"; did you mean {likely[0]!r}?" if likely else "."
    return f"No route has the {what} {selector!r} of a policy{hint}"


def plain(template: str) -> str:
    """A template without its convertors, as OpenAPI writes it."""
    return _CONVERTOR.sub("}", template)


def _listed(name: str, values: Iterable[Any], kinds: Any) -> tuple[Any, ...]:
    if not isinstance(values, str) and isinstance(values, Iterable):
        listed = tuple(values)
        if all(isinstance(value, kinds) and value for value in listed):
            return listed
    raise ConfigurationError(f"The {name} of a policy are a list, such as {_EXAMPLES[name]}.")
