"""What limits a route: limits anywhere among its dependencies, and rules of ClerkMiddleware."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from clerk_fastapi.web.ratelimit import RateLimit, WithoutStore
from clerk_fastapi.web.routing.routes import Leaf
from clerk_fastapi.web.routing.safeguards import called_from

__all__ = ["AuditedLimit", "LimitSource", "limits_of"]

LimitSource: TypeAlias = Literal["guard", "router", "application", "rule"]
"""Where it was written: at a route or among what its dependencies depend on, for all routes of a
router or an application, or among the ``rate_limits`` of ClerkMiddleware."""


@dataclass(frozen=True)
class AuditedLimit:
    """So many requests in ``per`` seconds; ``by`` can be the name of a function."""

    source: LimitSource
    name: str | None
    limit: int
    per: int
    by: str
    on_outage: WithoutStore

    def __str__(self) -> str:
        words = f"{self.limit} per {self.per} s by {self.by}"
        return f"limit: {words}" if self.name is None else f"limit: {self.name}, {words}"


def limits_of(leaf: Leaf, ruled: Iterable[RateLimit]) -> tuple[AuditedLimit, ...]:
    """List the limits of a route in the order in which they count, each once.

    :param ruled: those of the rules that are in force for it.
    """
    found: list[tuple[LimitSource, RateLimit]] = [("rule", limit) for limit in ruled]
    for source, called, _ in called_from(leaf):
        if isinstance(called, RateLimit):
            found.append((source, called))
    return tuple(
        _audited(source, limit)
        for at, (source, limit) in enumerate(found)
        if not any(limit.is_the_same_as(before) for _, before in found[:at])
    )


def _audited(source: LimitSource, limit: RateLimit) -> AuditedLimit:
    by: Any = limit.by
    while isinstance(by, functools.partial):
        by = by.func
    name = by if isinstance(by, str) else getattr(by, "__name__", type(by).__name__)
    return AuditedLimit(source, limit.name, limit.limit, limit.per, name, limit.on_outage)
