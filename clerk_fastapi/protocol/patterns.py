"""Path patterns as Clerk writes them, such as ``/orgs/:id/(.*)``, and the templates of routes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.languages import Language

__all__ = ["PathPattern", "PathTemplate"]

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

# A parameter of a template, such as {id} or {id:int}, as Starlette finds it.
_PARAMETER: Final = re.compile(r"\{[a-zA-Z_][a-zA-Z0-9_]*(?::([a-zA-Z_][a-zA-Z0-9_]*))?\}")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)

_NOTHING: Final = Language()
_SLASH: Final = Language.text("/")
_SOMETHING: Final = Language.none_of("").repeated()
_ANYTHING: Final = _SOMETHING.optional()
_ONE_SEGMENT: Final = Language.none_of("/").repeated()
_NUMBER: Final = Language.one_of("0123456789").repeated()


def _uuid() -> Language:
    digit, dash = Language.one_of("0123456789abcdef"), Language.text("-").optional()
    groups = [sum([digit] * length, _NOTHING) for length in (8, 4, 4, 4, 12)]
    return sum((dash + group for group in groups[1:]), groups[0])


_CONVERTORS: Final = {
    "str": _ONE_SEGMENT,
    "int": _NUMBER,
    "float": _NUMBER + (Language.text(".") + _NUMBER).optional(),
    "uuid": _uuid(),
}


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """The path of a route as applications write it, such as ``/items/{id}/{rest:path}``."""

    text: str
    language: Language = field(repr=False, compare=False)
    """The paths that a route with this template can serve, decoded."""

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Read a template; what is no parameter is plain text.

        A parameter takes what Starlette's convertors take, and anything at all if its convertor is
        an application's own. ``:path`` takes line feeds, too, though Starlette's does not.
        """
        language, at = _NOTHING, 0
        for parameter in _PARAMETER.finditer(text):
            taken = _CONVERTORS.get(parameter[1] or "str", _ANYTHING)
            language += Language.text(text[at : parameter.start()]) + taken
            at = parameter.end()
        return cls(text, language + Language.text(text[at:]))


class PathPattern:
    """One pattern, compiled: ``:name`` takes a segment, ``(.*)`` anything; letters in any case.

    A parameter may be optional (``:name?``) or take several segments (``:name*``, ``:name+``). A
    slash at the end is forgiven. What is taken is not decoded. Only one part may be of any length,
    and only one parameter stands in a segment, because strangers choose the paths: finding out how
    to divide them among several takes too long.

    Whatever guards pages compares it with the templates of routes, not with paths: :meth:`covers`
    and :meth:`meets` know every path that a route can serve, so that no spelling of one counts.
    There text is decoded, what is taken may hold any character, and several segments are everything
    below.

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

    def covers(self, template: PathTemplate) -> bool:
        """Whether every path that a route with this template can serve fits.

        :raises ConfigurationError: if text of the pattern cannot be decoded.
        """
        return _covers(self.text, template.text)

    def meets(self, template: PathTemplate) -> bool:
        """Whether a path that a route with this template can serve fits.

        :raises ConfigurationError: if text of the pattern cannot be decoded.
        """
        return _meets(self.text, template.text)


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
    return "".join(
        re.escape(part["text"]) if part["text"] else _taking(part) for part in _parts(text)
    )


def _parts(text: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            raise ConfigurationError(
                f"The path pattern {text!r} has syntax that is not known here: write :name for a "
                "segment and (.*) for anything."
            )
        yield part
        at = part.end()


def _taking(part: re.Match[str]) -> str:
    slash, many = part["slash"] or "", part["many"]
    if part["wildcard"]:
        return f"{slash}.*"
    taken = _SEGMENT
    if many in ("*", "+") and slash:
        taken = f"{_SEGMENT}(?:/{_SEGMENT})*"
    named = f"{slash}(?P<{part['name']}>{taken})"
    return f"(?:{named})?" if many in ("?", "*") else named


# Applications that change their routes while they run ask the same again.
@lru_cache(maxsize=16_384)
def _covers(pattern: str, template: str) -> bool:
    return _language(pattern).covers(PathTemplate.parse(template).language)


@lru_cache(maxsize=16_384)
def _meets(pattern: str, template: str) -> bool:
    return _language(pattern).meets(PathTemplate.parse(template).language)


@lru_cache(maxsize=256)
def _language(text: str) -> Language:
    """The paths that fit a pattern, decoded."""
    parts = (
        Language.text(_decoded(part["text"], text)) if part["text"] else _taken(part)
        for part in _parts(text)
    )
    return sum(parts, _NOTHING) + _SLASH.optional()


def _taken(part: re.Match[str]) -> Language:
    """What a parameter or a wildcard takes of decoded paths, as :func:`_taking` does of others."""
    slash, many = _SLASH if part["slash"] else _NOTHING, part["many"]
    if part["wildcard"]:
        return slash + _ANYTHING
    taken = slash + _ONE_SEGMENT
    if many in ("*", "+"):
        # Everything below: a route for that serves empty segments, too.
        taken = slash + _SOMETHING if part["slash"] else taken.repeated()
        if many == "*":
            taken += _SLASH.optional()
    return taken.optional() if many in ("?", "*") else taken


def _decoded(literal: str, text: str) -> str:
    try:
        if not _BAD_ESCAPE.search(literal):
            return unquote(literal, errors="strict")
    except UnicodeDecodeError:
        pass
    raise ConfigurationError(
        f"The path pattern {text!r} has escapes that stand for no text: write UTF-8, as in "
        "/caf%C3%A9, and %25 for a percent sign."
    )
