"""Headers that tell handlers and upstreams who is asking, and that no client can set."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.errors import ConfigurationError

__all__ = ["IdentityHeaders", "Told"]

Told: TypeAlias = str | Callable[[Auth[Any]], str | None]
"""What a header tells: the name of an attribute of ``Auth``, or a function of it."""

Headers: TypeAlias = list[tuple[bytes, bytes]]

_NAME: Final = re.compile(r"x-[a-z0-9-]*[a-z0-9]")
_OURS: Final = b"x-clerk-"
_OTHERS: Final = frozenset({"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"})
_ATTRIBUTES: Final = ("user_id", "session_id", "org_id", "org_role", "org_slug", "session_status")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_:.-]+")
_VISIBLE: Final = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"


class IdentityHeaders:
    """The names that clients cannot use, and what some of them tell.

    ``x-clerk-*`` is among them always: Clerk's own SDKs pass identity on in such headers.

    :param told: what each header tells, by its name.
    :raises ConfigurationError: if a name or what it tells is malformed.
    """

    def __init__(self, told: Mapping[str, Told]) -> None:
        if not isinstance(told, Mapping):
            raise ConfigurationError(
                'identity_headers is a mapping, such as {"x-user-id": "user_id"}.'
            )
        self._told = {_name(name): _teller(teller) for name, teller in told.items()}

    def stripped(self, headers: Headers) -> Headers:
        """What a client sent, without these headers, in whatever spelling servers take for them."""
        for name, _ in headers:
            if name[:1] in b"xX" and self._is_ours(name):
                return [pair for pair in headers if not self._is_ours(pair[0])]
        return headers

    def of(self, auth: Auth[Any]) -> Headers:
        """The headers that tell who is asking; what there is not has no header.

        Values are written in visible ASCII; other characters and ``%`` are percent-encoded (UTF-8).
        """
        found = ((name, tell(auth)) for name, tell in self._told.items())
        return [(name, _written(_text(text))) for name, text in found if text]

    def __bool__(self) -> bool:
        return bool(self._told)

    def _is_ours(self, name: bytes) -> bool:
        plain = name.lower().replace(b"_", b"-")
        return plain.startswith(_OURS) or plain in self._told


def _written(text: str) -> bytes:
    # What ids are made of needs no quoting, which takes its time.
    return (text if _PLAIN.fullmatch(text) else quote(text, _VISIBLE)).encode()


def _text(told: object) -> str:
    if not isinstance(told, str):
        raise ConfigurationError("A function for an identity header returns text, or None.")
    return told


def _name(name: str) -> bytes:
    known = isinstance(name, str) and _NAME.fullmatch(name.lower()) is not None
    if not known or name.lower() in _OTHERS or name.lower().startswith(_OURS.decode()):
        raise ConfigurationError(
            "An identity header has a name of its own that begins with x-, such as x-user-id."
        )
    return name.lower().encode()


def _teller(told: Told) -> Callable[[Auth[Any]], str | None]:
    if callable(told):
        return told
    if told not in _ATTRIBUTES:
        raise ConfigurationError(
            f"An identity header tells one of {', '.join(_ATTRIBUTES)}, or what a function of the "
            "Auth object returns."
        )

    def attribute(auth: Auth[Any]) -> str | None:
        value: str | None = getattr(auth, told)
        return value

    return attribute
