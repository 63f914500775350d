"""Path patterns as Clerk writes them, such as ``/orgs/:slug`` and ``/orgs/:id/(.*)``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from clerk_fastapi.errors import ConfigurationError

__all__ = ["PathPattern"]

# What can stand in a pattern: a parameter, with what may follow it; the wildcard; or plain text.
_PART: Final = re.compile(
    r"(?P<slash>/)?(?::(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<many>[?*+])?|(?P<wildcard>\(\.\*\)))"
    r"|(?P<text>[^:(){}\\?*+\[\]|^$]+?(?=/?[:(]|$))",
    re.ASCII,
)
_ENDLESS: Final = re.compile(r"\(\.\*\)|:\w+[*+]", re.ASCII)
_TWO_IN_A_SEGMENT: Final = re.compile(r":[^/(]*:|\(\.\*\)[^/]*:|:[^/]*\(\.\*\)", re.ASCII)
_LONGEST_PATH: Final = 2_048
_VISIBLE: Final = re.compile(r"[!-~]+", re.ASCII)
_SEGMENT: Final = r"[^/#?]+?"
_END: Final = r"[/#?]?\Z"


class PathPattern:
    """One pattern, compiled: ``:name`` takes a segment, ``(.*)`` anything; letters in any case.

    A parameter may be optional (``:name?``) or take several segments (``:name*``, ``:name+``). A
    slash at the end is forgiven. What is taken is not decoded. Only one part may be of any length,
    and only one parameter stands in a segment, because strangers choose the paths: finding out how
    to divide them among several takes too long.

    :raises ConfigurationError: for any other syntax, so that nothing means less than it seems to.
    """

    __slots__ = ("_regex", "names", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._regex = re.compile(_translated(text) + _END, re.ASCII | re.IGNORECASE)
        except re.error:
            raise ConfigurationError(
                f"The path pattern {text!r} gives one name to two parameters."
            ) from None
        self.names = frozenset(self._regex.groupindex)

    def match(self, path: str) -> Mapping[str, str] | None:
        """The parameters of a path that fits, without those that are left out."""
        found = self._regex.match(path) if len(path) <= _LONGEST_PATH else None
        if found is None:
            return None
        return {name: value for name, value in found.groupdict().items() if value}


def _check_cost(text: str) -> None:
    endless = len(_ENDLESS.findall(text))
    if endless > 1 or _TWO_IN_A_SEGMENT.search(text):
        raise ConfigurationError(
            f"The path pattern {text!r} can be matched in too many ways: write (.*), :name* or "
            ":name+ once, and one parameter in a segment."
        )


def _translated(text: str) -> str:
    if not isinstance(text, str) or not text.startswith("/") or not _VISIBLE.fullmatch(text):
        raise ConfigurationError(
            "A path pattern begins with a slash, and is written as in the address bar: /caf%C3%A9."
        )
    _check_cost(text)
    regex, at = "", 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ConfigurationError(
                f"The path pattern {text!r} has syntax that is not known here: write :name for a "
                "segment and (.*) for anything."
            )
        regex += re.escape(part["text"]) if part["text"] else _taking(part)
        at = part.end()
    return regex


def _taking(part: re.Match[str]) -> str:
    slash, many = part["slash"] or "", part["many"]
    if part["wildcard"]:
        return f"{slash}.*"
    taken = _SEGMENT
    if many in ("*", "+") and slash:
        taken = f"{_SEGMENT}(?:/{_SEGMENT})*"
    named = f"{slash}(?P<{part['name']}>{taken})"
    return f"(?:{named})?" if many in ("?", "*") else named
