"""The body of a delivery whose signature fits, read as an event."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Never, TypeVar

from pydantic import BaseModel, ValidationError

from clerk_fastapi.errors import WebhookBodyInvalid
from clerk_fastapi.protocol.events.envelope import Event, UnknownEvent
from clerk_fastapi.protocol.events.families import EVENT_MODELS

__all__ = ["DEEPEST", "parse_event", "read_said", "type_event", "validated"]

_ModelT = TypeVar("_ModelT", bound=BaseModel)

DEEPEST: Final = 64
"""Levels of nested JSON that are read; what lies deeper is read as null."""

_MOST_DIGITS: Final = 4_300  # int() takes no more
_NESTING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def parse_event(body: bytes) -> Event[Any]:
    """Read an event; one of a type that nobody knows yet is an :class:`UnknownEvent`.

    Nothing that decides about access is guessed: what has the wrong type there is refused. What
    users write into their metadata, in whatever depth, size and repetition, keeps no event from
    being read.

    :param body: the bytes that were signed.
    :raises WebhookBodyInvalid: if it is no event, or lacks what events of its type are about.
    """
    return type_event(read_said(body))


def read_said(body: bytes) -> dict[str, Any]:
    """Read what a body says, of which only the ``type`` is known to be a text.

    :raises WebhookBodyInvalid: if it is no JSON object with a type, or ambiguous.
    """
    said = _read(body)
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise WebhookBodyInvalid
    return said


def type_event(said: Mapping[str, Any]) -> Event[Any]:
    """Make an event of what a body says.

    :raises WebhookBodyInvalid: if it lacks what events of its type are about.
    """
    return validated(EVENT_MODELS.get(said["type"], UnknownEvent), said)


def validated(model: type[_ModelT], said: Mapping[str, Any]) -> _ModelT:
    """Make a model of what a body says.

    :raises WebhookBodyInvalid: with the places that are wrong, and nothing of what they say.
    """
    try:
        return model.model_validate(said)
    except ValidationError as error:
        # Of what was said only the names that we gave it ourselves may be repeated.
        found = error.errors(include_url=False, include_context=False, include_input=False)
    places = dict.fromkeys(".".join(map(str, problem["loc"])) for problem in found[:3])
    raise WebhookBodyInvalid(
        "The body is signed, but it is no event as Clerk describes them; missing or of the wrong "
        f"type: {', '.join(places)}."
    )


def _read(body: bytes) -> object:
    repeating: list[object] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        # A name that is no text would keep the object that it is in from being one.
        found = {name.encode(errors="replace").decode(): value for name, value in pairs}
        if len(found) != len(pairs):
            repeating.append(found)
        return found

    try:
        text = body.decode()
        if text.count("[") + text.count("{") > DEEPEST:
            text = _pruned(text)
        said = json.loads(text, object_pairs_hook=keep, parse_constant=_refuse, parse_int=_integer)
    except ValueError:  # quotes what it could not read, so that nothing may be raised from it
        return None
    # Two readers of the same bytes could see two events. Further inside users can write whatever
    # they like, and nothing there decides.
    decide = (said, said.get("data")) if isinstance(said, dict) else (said,)
    return None if any(one is each for one in repeating for each in decide) else said


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


def _integer(text: str) -> float:
    return int(text) if len(text) <= _MOST_DIGITS else float(text)


def _refuse(text: str) -> Never:
    raise ValueError(f"{text} is no JSON.")
