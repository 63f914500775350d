"""What a route can demand: requirements, joined by and and or."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NoReturn

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.machine import MachineToken
from clerk_fastapi.protocol.uncalled import UNCALLED

__all__ = ["AllOf", "AnyOf", "Requirement"]


class Requirement(ABC):
    """What a route demands of whoever is believed; join them with ``&`` and ``|``.

    The same value is judged by ``auth.has``, enforced by a guard, printed into OpenAPI and carried
    by the 403 as what was missing.

    A requirement speaks of sessions, and no machine meets it unless it says so in
    :meth:`met_by_machine`: an API key is not an admin because its owner is one.
    """

    __slots__ = ()
    __signature__ = UNCALLED

    def __bool__(self) -> NoReturn:
        # "Role(...) and Permission(...)" would silently demand the last one only.
        raise ConfigurationError("Join requirements with & and |, not with 'and' and 'or'.")

    def __and__(self, other: Requirement) -> AllOf:
        return AllOf((*_parts(self, AllOf), *_parts(other, AllOf)))

    def __or__(self, other: Requirement) -> AnyOf:
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))

    @abstractmethod
    def met_by(self, identity: Identity, now: float) -> bool:
        """Whether an identity meets it at ``now``, in epoch seconds; the unknown is not met."""

    def met_by_machine(self, token: MachineToken, now: float) -> bool:
        """Whether a machine's token meets it; it does not, unless a requirement says otherwise."""
        return False

    @abstractmethod
    def describe(self) -> str:
        """Say it in words, fit for "This needs ..."."""

    @abstractmethod
    def to_json(self) -> dict[str, object]:
        """Say it to programs, as ``x-clerk-requirement`` in OpenAPI and ``missing`` in a 403 do."""


@dataclass(frozen=True, slots=True)
class AllOf(Requirement):
    """Every one of several requirements: what ``&`` makes."""

    parts: tuple[Requirement, ...]

    def met_by(self, identity: Identity, now: float) -> bool:
        return bool(self.parts) and all(part.met_by(identity, now) for part in self.parts)

    def met_by_machine(self, token: MachineToken, now: float) -> bool:
        return bool(self.parts) and all(part.met_by_machine(token, now) for part in self.parts)

    def describe(self) -> str:
        return " and ".join(_grouped(part) for part in self.parts)

    def to_json(self) -> dict[str, object]:
        return {"all_of": [part.to_json() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class AnyOf(Requirement):
    """At least one of several requirements: what ``|`` makes."""

    parts: tuple[Requirement, ...]

    def met_by(self, identity: Identity, now: float) -> bool:
        return any(part.met_by(identity, now) for part in self.parts)

    def met_by_machine(self, token: MachineToken, now: float) -> bool:
        return any(part.met_by_machine(token, now) for part in self.parts)

    def describe(self) -> str:
        return " or ".join(_grouped(part) for part in self.parts)

    def to_json(self) -> dict[str, object]:
        return {"any_of": [part.to_json() for part in self.parts]}


def _parts(requirement: Requirement, joined: type[AllOf] | type[AnyOf]) -> tuple[Requirement, ...]:
    if not isinstance(requirement, Requirement):
        raise ConfigurationError("Only requirements can be joined, such as Role and Permission.")
    return requirement.parts if isinstance(requirement, joined) else (requirement,)


def _grouped(part: Requirement) -> str:
    text = part.describe()
    return f"({text})" if isinstance(part, AllOf | AnyOf) else text
