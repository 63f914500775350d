"""The body of a delivery whose signature fits, read as an event."""

from __future__ import annotations

import json
import re
from typing import Any, Final, Never

from pydantic import ValidationError

from clerk_fastapi.errors import WebhookBodyInvalid
from clerk_fastapi.protocol.events.envelope import Event, UnknownEvent
from clerk_fastapi.protocol.events.families import EVENT_MODELS

__all__ = ["DEEPEST", "parse_event"]

DEEPEST: Final = 64
"""Levels of nested JSON that are read; what lies deeper is read as null."""

_MOST_DIGITS: Final = 4_300  # int() takes no more
_NESTING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse_event(body: bytes) -> Event[Any]:
    """Read an event; one of a type that nobody knows yet is an :class:`UnknownEvent`.

    Nothing that decides about access is guessed: what has the wrong type there is refused. What
    users write into their metadata, in whatever depth and size, keeps no event from being read.

    :param body: the bytes that were signed.
    :raises WebhookBodyInvalid: if it is no event, or lacks what events of its type are about.
    """
    said = _read(body)
    name = said.get("type") if isinstance(said, dict) else None
    if not isinstance(name, str):
        raise WebhookBodyInvalid
    try:
        return EVENT_MODELS.get(name, UnknownEvent).model_validate(said)
    except ValidationError as error:
        # Of what was said only the names that we gave it ourselves may be repeated.
        found = error.errors(include_url=False, include_context=False, include_input=False)
    places = dict.fromkeys(".".join(map(str, problem["loc"])) for problem in found[:3])
    raise WebhookBodyInvalid(
        "The body is signed, but it is no event as Clerk describes them; missing or of the wrong "
        f"type: {', '.join(places)}."
    )


def _read(body: bytes) -> object:
    try:
        text = body.decode()
        if text.count("[") + text.count("{") > DEEPEST:
            text = _pruned(text)
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer
        )
    except ValueError:  # quotes what it could not read, so that nothing may be raised from it
        return None


# Users nest what they write into their unsafe metadata as deep as they like. If that kept the event
# from being read that says they are banned, they could choose not to be.
def _pruned(text: str) -> str:
    kept: list[str] = []
    depth = start = 0
    for found in _NESTING.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == DEEPEST + 1:
                kept += [text[start : found.start()], "null"]
        elif found[0] in ("]", "}"):
            if depth == DEEPEST + 1:
                start = found.end()
            depth -= 1
    return "".join([*kept, text[start:]])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers of the same bytes could see two events.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("An object has two members of one name.")
    return found


def _integer(text: str) -> float:
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


def _refuse(text: str) -> Never:
    raise ValueError(f"{text} is no JSON.")
