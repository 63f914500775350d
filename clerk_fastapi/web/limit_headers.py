"""What answers say about rate limits: the fields of the IETF's draft, and those that came before.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    return {
        "RateLimit-Policy": ", ".join(
            f"{_quoted(each.label)};q={each.limit};w={each.seconds}" for each in standings
        ),
        "RateLimit": ", ".join(
            f"{_quoted(each.label)};r={each.hit.remaining};t={whole_seconds(each.hit)}"
            for each in standings
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


def _quoted(text: str) -> str:
    """Write a String of a structured field (RFC 9651 section 3.3.3)."""
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))
