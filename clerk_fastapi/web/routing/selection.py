"""Which routes a policy or a rate limit chooses, and what is wrong if it chooses none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.routing import Host

from clerk_fastapi.protocol.patterns import PathPattern, PathTemplate
from clerk_fastapi.web.routing.policies import Selectors
from clerk_fastapi.web.routing.routes import Leaf

__all__ = ["Chosen", "choose", "in_part", "with_template"]

_CONVERTOR: Final = re.compile(r":\w+\}")


@dataclass(slots=True)
class Chosen:
    """What is chosen, by numbers of routes.

    ``partly`` are routes of which a pattern fits some paths, with that pattern, and ``problems``
    sentences about what it does not find.
    """

    wholly: set[int] = field(default_factory=set)
    partly: dict[int, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def choose(policy: Selectors, leaves: Sequence[Leaf]) -> Chosen:
    """Find the routes that every selector of a policy fits, or of a rate limit."""
    if policy.choose_all:
        return Chosen(set(range(len(leaves))))
    left = {at for at, leaf in enumerate(leaves) if _can_be_asked(policy, leaf)}
    chosen = Chosen(set(left))
    if policy.paths:
        chosen = _by_paths(policy, leaves)
        if policy.is_open and not policy.routers:
            # The paths of another host are not those that anybody thinks of.
            left -= {at for at, leaf in enumerate(leaves) if _is_elsewhere(leaf)}
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
                chosen.problems.append(_not_found(policy, what, selector, leaves))
            elif what == "name" and policy.is_open:
                meant = fitting & left & chosen.wholly
                chosen.problems += _ambiguous(selector, [leaves[at] for at in meant])
            found |= fitting
        left &= found
    chosen.wholly &= left
    left -= chosen.wholly
    chosen.partly = {at: path for at, path in chosen.partly.items() if at in left}
    # What is demanded of parts is held against what others decide for the whole.
    if not (chosen.wholly or chosen.problems or (chosen.partly and not policy.is_open)):
        chosen.problems.append(f"No route fits all that {policy!r} asks for.")
    return chosen


def with_template(path: str, templates: Sequence[str]) -> list[str]:
    """The templates that a path names: the very same, or one that is written with convertors."""
    return [each for each in templates if each == path] or [
        each for each in templates if _CONVERTOR.sub("}", each) == path
    ]


def in_part(policy: Selectors, leaf: Leaf, path: str, cure: str) -> str:
    """Say that a path of a policy fits a part of what a route serves."""
    return f"The path {path!r} of a {policy.what} is only a part of what {leaf} serves: {cure}."


def _by_paths(policy: Selectors, leaves: Sequence[Leaf]) -> Chosen:
    chosen = Chosen()
    covered: dict[int, set[str]] = {}
    for path in policy.paths:
        meant = set(with_template(path, [each for leaf in leaves for each in leaf.paths]))
        # A template is one, even if it looks like a pattern: /orders:cancel.
        is_template = "{" in path or (bool(meant) and not set(path).isdisjoint(":("))
        pattern = None if is_template else PathPattern(path)
        named = [leaf for leaf in leaves if not meant.isdisjoint(leaf.paths)]
        fitting: dict[int, set[str]] = {}
        met: dict[int, str] = {}
        for at, leaf in enumerate(leaves):
            for each in leaf.paths:
                template = PathTemplate.parse(each)
                if each in meant or (pattern is not None and pattern.covers(template)):
                    fitting.setdefault(at, set()).add(each)
                elif pattern is None or not pattern.meets(template):
                    continue
                elif not _is_hidden(at, leaves, named):
                    met[at] = path
        if not fitting:
            chosen.problems.append(_of_no_route(policy, path, met, leaves))
        for at, templates in fitting.items():
            covered.setdefault(at, set()).update(templates)
        chosen.partly |= met | dict.fromkeys(fitting, path)
    chosen.wholly = {at for at, templates in covered.items() if templates == {*leaves[at].paths}}
    return chosen


def _of_no_route(policy: Selectors, path: str, met: dict[int, str], leaves: Sequence[Leaf]) -> str:
    if met:
        return in_part(policy, leaves[min(met)], path, "choose it by its template or its name")
    return _not_found(policy, "path", path, leaves)


def _is_hidden(at: int, leaves: Sequence[Leaf], named: Sequence[Leaf]) -> bool:
    """Whether a route stands behind one of the very path, which takes all that this could."""
    leaf = leaves[at]
    before = [each for each in leaves[:at] if each in named and each.way == leaf.way]
    if leaf.kind == "fallback":
        return bool(before)
    alike = [each for each in before if each.kind == leaf.kind]
    if leaf.kind == "websocket" or any(each.methods is None for each in alike):
        return bool(alike)
    served = {method for each in alike for method in each.methods or ()}
    return leaf.methods is not None and leaf.methods <= served


def _can_be_asked(policy: Selectors, leaf: Leaf) -> bool:
    if not policy.methods:
        return True
    if leaf.methods is None:
        return leaf.kind != "websocket"
    return not policy.methods.isdisjoint(leaf.methods)


def _is_elsewhere(leaf: Leaf) -> bool:
    return any(isinstance(mount, Host) for mount in (*leaf.way, leaf.route))


def _ambiguous(name: str, leaves: Sequence[Leaf]) -> list[str]:
    """FastAPI calls routes after their functions, so that two can have one name by chance."""
    paths = sorted({leaf.path for leaf in leaves})
    if len(paths) < 2:
        return []
    return [
        f"The name {name!r} of a policy that lets guests pass is that of {paths[0]} and of "
        f"{paths[1]}: choose them by path."
    ]


def _not_found(policy: Selectors, what: str, selector: object, leaves: Sequence[Leaf]) -> str:
    if not isinstance(selector, str):
        return (
            f"A router of a {policy.what} has no routes in this application: include or mount it."
        )
    existing: set[str] = set()
    for leaf in leaves:
        existing |= {"path": {*leaf.paths}, "name": {leaf.name}, "tag": {*leaf.tags}}[what]
    likely = difflib.get_close_matches(selector.replace("(.*)", ""), sorted(existing), 1, 0.5)
    hint = f"; did you mean {likely[0]!r}?" if likely else "."
    return f"No route has the {what} {selector!r} of a {policy.what}{hint}"
