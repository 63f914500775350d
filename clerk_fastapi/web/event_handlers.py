"""What an application does about events: its functions, and the types of event they are for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.events import EVENT_MODELS, Event

__all__ = ["EVERY", "EventHandler", "EventHandlers", "check_types"]

EVERY: Final = "*"
"""What stands for all types."""

_ALIKE: Final = 0.8
_KINDS: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class EventHandler(NamedTuple):
    """A function that takes events, and the request if it likes.

    ``name`` is what workers know it by, after it was restarted, too.
    """

    name: str
    types: frozenset[str]
    function: Callable[..., Any]
    takes_request: bool

    async def run(self, event: Event[Any], request: Request) -> None:
        """Let it handle an event: a plain function in a thread, so that it keeps nobody waiting."""
        others = {"request": request} if self.takes_request else {}
        if inspect.iscoroutinefunction(self.function):
            await self.function(event, **others)
            return
        result = await run_in_threadpool(self.function, event, **others)
        if inspect.isgenerator(result) or inspect.isasyncgen(result):  # behind a decorator
            raise _no_handler(self.name)
        if inspect.isawaitable(result):  # of a function that only passes on what another returns
            await result


class EventHandlers:
    """The handlers of one endpoint, in the order in which they were declared."""

    def __init__(self) -> None:
        self._declared: list[EventHandler] = []

    def add(self, function: Callable[..., Any], types: tuple[str, ...]) -> None:
        """Declare a handler.

        :raises ConfigurationError: if nothing could come of it, or not what is meant.
        """
        name = _name(function)
        for known in self._declared:
            if known.name == name and known.function != function:
                raise ConfigurationError(
                    f"Two handlers are called {name}; their names tell workers who is through "
                    "with an event, so that each needs one of its own."
                )
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise _no_handler(name)
        takes_request = _takes_request(function, name)
        self._declared.append(EventHandler(name, frozenset(types), function, takes_request))

    def of(self, type: str) -> dict[str, EventHandler]:
        """The handlers of a type of event, by name."""
        return {each.name: each for each in self._declared if each.types & {type, EVERY}}


def _no_handler(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"The handler {name} is a generator, whose body nobody would run; it must not yield."
    )


def _name(function: Callable[..., Any]) -> str:
    try:
        return f"{function.__module__}.{function.__qualname__}"
    except AttributeError:
        raise ConfigurationError("A handler is a function with a name of its own.") from None


def _takes_request(function: Callable[..., Any], name: str) -> bool:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    takes_request = any(parameter.name == "request" for parameter in parameters)
    known = all(each.name == "request" or each.kind in _KINDS for each in parameters)
    try:
        signature.bind(object(), **({"request": object()} if takes_request else {}))
    except TypeError:
        known = False
    if not known:
        raise ConfigurationError(
            f"The handler {name} takes the event and, if it likes, the request; dependencies are "
            "for routes."
        )
    return takes_request


def check_types(types: tuple[str, ...]) -> None:
    """Refuse what is no type of event, or looks like a slip.

    :raises ConfigurationError: with what it could be.
    """
    for type in types or ("",):
        _check_type(type)


def _check_type(type: str) -> None:
    if not isinstance(type, str) or not type:
        raise ConfigurationError('Handlers are for types of events: @webhooks.on("user.created").')
    if type == EVERY or type in EVENT_MODELS:
        return
    if EVERY in type:
        raise ConfigurationError("'*' stands for all types of events, and for no part of a type.")
    family = [known for known in EVENT_MODELS if known.startswith(type.partition(".")[0] + ".")]
    likeness, likely = max((_likeness(type, known), known) for known in family or EVENT_MODELS)
    if likeness >= _ALIKE:
        raise ConfigurationError(f"Clerk sends no event {type!r}; did you mean {likely!r}?")


def _likeness(type: str, known: str) -> float:
    """How alike two types are: as much as the less similar of their parts."""
    ours, theirs = _parts(type), _parts(known)
    if len(ours) != len(theirs):
        ours, theirs = ["".join(ours)], ["".join(theirs)]
    return min(
        1.0 if its.startswith(one) else SequenceMatcher(None, one, its).ratio()
        for one, its in zip(ours, theirs, strict=True)
    )


def _parts(type: str) -> list[str]:
    return type.lower().replace("_", "").replace("-", "").split(".")
