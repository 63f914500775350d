"""Ids on their way into a path: each one segment of it, or none at all."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

from clerk_fastapi.errors import ResourceNotFound

__all__ = ["path_segment"]

_LONGEST: Final = 256
_ELSEWHERE: Final = re.compile(r"[/\\\x00-\x1f\x7f]")


def path_segment(text: object) -> str:
    """Encode an id as one segment of a path.

    Ids come from anywhere, also from URLs that somebody made up. One that leads to another path,
    even if it does so only once it is decoded, and decoded again, is the id of nothing.

    :raises ResourceNotFound: if it is not a text, empty, too long, or leads elsewhere.
    """
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST:
        raise ResourceNotFound
    decoded, encoded = unquote(text), text
    while decoded != encoded:
        decoded, encoded = unquote(decoded), decoded
    if decoded.strip() in ("", ".", "..") or _ELSEWHERE.search(decoded):
        raise ResourceNotFound
    return quote(text, safe="", errors="replace")
