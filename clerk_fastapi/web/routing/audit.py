"""The route audit: every route, what guards and limits it, and where it is defined."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from starlette.applications import Starlette
from starlette.routing import Router

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.web.ratelimit import RateLimit
from clerk_fastapi.web.routing.contradictions import kept_out
from clerk_fastapi.web.routing.deciding import Rule
from clerk_fastapi.web.routing.force import Ruled, rules_in_force
from clerk_fastapi.web.routing.limits import AuditedLimit, limits_of
from clerk_fastapi.web.routing.origin import origin_of
from clerk_fastapi.web.routing.routes import Kind, Leaf
from clerk_fastapi.web.routing.safeguards import Safeguard, guards_of, safeguard_of

__all__ = ["AuditedRoute", "Verdict", "audit_routes"]

Verdict: TypeAlias = Literal["guarded", "public", "unguarded"]

_ORDER: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True)
class AuditedRoute:
    """A route, for those of its methods for which the same holds.

    ``methods`` is ``None`` for WebSockets, for mounts, and for whatever else asks for no method or
    is left over when others have been told. ``path`` is a template from the root of the application
    on. ``defined_at`` is a file and line, or module and name for what is defined elsewhere.
    """

    methods: tuple[str, ...] | None
    path: str
    name: str
    kind: Kind
    defined_at: str
    guarded_by: tuple[Safeguard, ...]
    limits: tuple[AuditedLimit, ...]

    @property
    def verdict(self) -> Verdict:
        """``public`` if a policy says so, ``unguarded`` if nobody has decided."""
        if not all(safeguard.optional for safeguard in self.guarded_by):
            return "guarded"
        decided = any(safeguard.source == "policy" for safeguard in self.guarded_by)
        return "public" if decided else "unguarded"

    def __str__(self) -> str:
        return f"{self.asked_with} {self.path}".lstrip()

    @property
    def asked_with(self) -> str:
        """Its methods as they are usually written: where GET is, HEAD goes without saying."""
        if self.methods is None:
            return "WEBSOCKET" if self.kind == "websocket" else ""
        unsaid = "HEAD" if "GET" in self.methods else ""
        return " ".join(method for method in self.methods if method != unsaid)

    def to_json(self) -> dict[str, Any]:
        """Say it to programs."""
        return {**asdict(self), "verdict": self.verdict}


def audit_routes(app: Starlette) -> list[AuditedRoute]:
    """List all routes that an application and those mounted in it serve, in the router's order.

    It need not run. Guards are found wherever they are among a route's dependencies, and policies
    are decided as :class:`~clerk_fastapi.ClerkMiddleware` will; so are limits. What is done by hand
    inside of handlers, and what other middleware answers, is not seen.

    :raises ConfigurationError: if a policy or guard is wrong in a way that would stop the start-up.
    """
    every, wrong = rules_in_force(app)
    wrong += kept_out(ruled.leaf for ruled in every)
    if wrong:
        raise ConfigurationError(" ".join(wrong))
    folder = Path.cwd().resolve()
    return [route for ruled in every for route in _audited(ruled, folder)]


def _audited(ruled: Ruled, folder: Path) -> Iterator[AuditedRoute]:
    leaf = ruled.leaf
    guards = list(guards_of(leaf))
    for path, endpoint in _served(leaf):
        for methods, said in _by_methods(ruled):
            found = [*guards, *filter(None, map(safeguard_of, said.rules))]
            once = tuple(each for at, each in enumerate(found) if each not in found[:at])
            limits = limits_of(leaf, said.limits)
            defined_at = origin_of(endpoint, folder)
            yield AuditedRoute(methods, path, leaf.name, leaf.kind, defined_at, once, limits)


def _served(leaf: Leaf) -> Iterable[tuple[str, object]]:
    """The paths of a leaf, with the code that serves each."""
    if isinstance(leaf.route, Router):
        return [(leaf.path, leaf.route.default)]
    if leaf.kind == "fallback":
        return [(path, each.app) for path, each in zip(leaf.paths, leaf.route.routes, strict=True)]
    return [(leaf.path, leaf.endpoint)]


class _Said(NamedTuple):
    """What each ClerkMiddleware says of a route and some of its methods."""

    rules: tuple[Rule, ...]
    limits: tuple[RateLimit, ...]


def _by_methods(ruled: Ruled) -> Iterable[tuple[tuple[str, ...] | None, _Said]]:
    """Put together the methods for which the same rules and limits hold."""
    leaf = ruled.leaf
    named = leaf.methods
    if named is None:
        rules = [rule.methods for decided in ruled.decisions for rule in decided.rules]
        limits = [rule.methods for decided in ruled.decisions for rule in decided.limits]
        named = frozenset().union(*filter(None, [*rules, *limits]))
    grouped: dict[_Said, list[str]] = {}
    for method in sorted(named or (), key=_rank):
        grouped.setdefault(_said(ruled, method), []).append(method)
    found: dict[_Said, tuple[str, ...] | None]
    found = {said: tuple(methods) for said, methods in grouped.items()}
    if leaf.methods is None:
        found[_said(ruled, None)] = None
    return [(methods, said) for said, methods in found.items()]


def _said(ruled: Ruled, method: str | None) -> _Said:
    rules = tuple(decided.rule(method) for decided in ruled.decisions)
    limits = (limit for decided in ruled.decisions for limit in decided.rate_limits(method))
    return _Said(rules, tuple(limits))


def _rank(method: str) -> tuple[int, str]:
    return (_ORDER.index(method) if method in _ORDER else len(_ORDER), method)
