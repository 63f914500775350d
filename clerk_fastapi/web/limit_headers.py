"""What answers say about rate limits: the fields of the IETF's draft, and those that came before.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clerk_fastapi.stores.store import Hit

__all__ = ["Standing", "limit_headers", "whole_seconds"]


class Standing(NamedTuple):
    """Where a request has left somebody with a limit of ``limit`` requests in ``seconds``."""

    label: str
    limit: int
    seconds: int
    hit: Hit


def limit_headers(standings: Sequence[Standing]) -> dict[str, str]:
    """Write the fields of an answer: the draft's list all limits, the others hold the tightest."""
    tightest = min(standings, key=_room)
    named = list(zip(_names(standings), standings, strict=True))
    return {
        "RateLimit-Policy": ", ".join(f"{name};q={at.limit};w={at.seconds}" for name, at in named),
        "RateLimit": ", ".join(
            f"{name};r={at.hit.remaining};t={whole_seconds(at.hit)}" for name, at in named
        ),
        "RateLimit-Limit": str(tightest.limit),
        "RateLimit-Remaining": str(tightest.hit.remaining),
        "RateLimit-Reset": str(whole_seconds(tightest.hit)),
    }


def whole_seconds(hit: Hit) -> int:
    """In how many seconds there is more room: rounded up, so that nobody comes too early."""
    return max(math.ceil(hit.reset_after), 1)


def _room(standing: Standing) -> tuple[bool, int, float]:
    hit = standing.hit
    return hit.is_allowed, hit.remaining, -hit.reset_after


def _names(standings: Sequence[Standing]) -> Iterator[str]:
    """Names that tell the limits apart, also those of the same numbers."""
    labels = [each.label for each in standings]
    for at, label in enumerate(labels):
        before = labels[:at].count(label)
        yield _quoted(f"{label} ({before + 1})" if before else label)


def _quoted(text: str) -> str:
    """Write a String of a structured field (RFC 9651 section 3.3.3)."""
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))
