"""May this session or machine do this? Requirements, and Clerk's ``has()`` built from them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.identity import Identity, Scoped
from clerk_fastapi.protocol.machine import MachineToken
from clerk_fastapi.protocol.requirement import AllOf, AnyOf, Requirement

__all__ = [
    "AllOf",
    "AnyOf",
    "Feature",
    "Fresh",
    "Level",
    "Organization",
    "Permission",
    "Plan",
    "Preset",
    "Requirement",
    "Reverified",
    "Role",
    "Scope",
    "missing",
]

Level = Literal["first_factor", "second_factor", "multi_factor"]
Preset = Literal["strict_mfa", "strict", "moderate", "lax"]

_PRESETS: Final[dict[Preset, tuple[Level, int]]] = {
    "strict_mfa": ("multi_factor", 10),
    "strict": ("second_factor", 10),
    "moderate": ("second_factor", 60),
    "lax": ("second_factor", 1_440),
}
_LEVELS = ("first_factor", "second_factor", "multi_factor")
_ORG_SCOPES = frozenset({"o", "org", "organization"})
_USER_SCOPES = frozenset({"u", "user"})


@dataclass(frozen=True, slots=True)
class Role(Requirement):
    """The role in the active organization, such as ``org:admin``; the prefix may be left out."""

    name: str

    def __post_init__(self) -> None:
        _demand_text(self, self.name)

    def met_by(self, identity: Identity, now: float) -> bool:
        role = identity.org_role
        if not identity.org_id or not role:
            return False
        return _with_prefix(role) == _with_prefix(self.name)

    def describe(self) -> str:
        return f"role {_with_prefix(self.name)}"

    def to_json(self) -> dict[str, object]:
        return {"role": _with_prefix(self.name)}


@dataclass(frozen=True, slots=True)
class Permission(Requirement):
    """A custom permission in the active organization, such as ``org:data:read``."""

    name: str

    def __post_init__(self) -> None:
        _demand_text(self, self.name)

    def met_by(self, identity: Identity, now: float) -> bool:
        granted = identity.org_permissions
        return bool(identity.org_id) and granted is not None and _with_prefix(self.name) in granted

    def describe(self) -> str:
        return f"permission {_with_prefix(self.name)}"

    def to_json(self) -> dict[str, object]:
        return {"permission": _with_prefix(self.name)}


@dataclass(frozen=True, slots=True)
class Feature(Requirement):
    """A feature of the user or the active organization; ``org:<slug>``, ``user:<slug>`` for one."""

    slug: str

    def __post_init__(self) -> None:
        _demand_text(self, self.slug)

    def met_by(self, identity: Identity, now: float) -> bool:
        return _holds(identity.features, self.slug)

    def describe(self) -> str:
        return f"feature {self.slug}"

    def to_json(self) -> dict[str, object]:
        return {"feature": self.slug}


@dataclass(frozen=True, slots=True)
class Plan(Requirement):
    """A plan of the user or the active organization; ``org:<slug>``, ``user:<slug>`` for one."""

    slug: str

    def __post_init__(self) -> None:
        _demand_text(self, self.slug)

    def met_by(self, identity: Identity, now: float) -> bool:
        return _holds(identity.plans, self.slug)

    def describe(self) -> str:
        return f"plan {self.slug}"

    def to_json(self) -> dict[str, object]:
        return {"plan": self.slug}


@dataclass(frozen=True, slots=True)
class Organization(Requirement):
    """An active organization: any, or the one with this id or slug.

    An organization's API key meets it, too; by its id only, because a key knows of no slug.
    """

    id_or_slug: str | None = None

    def __post_init__(self) -> None:
        if self.id_or_slug is not None:
            _demand_text(self, self.id_or_slug)

    def met_by(self, identity: Identity, now: float) -> bool:
        if not identity.org_id:
            return False
        return self.id_or_slug is None or self.id_or_slug in (identity.org_id, identity.org_slug)

    def met_by_machine(self, token: MachineToken, now: float) -> bool:
        if token.token_type != "api_key" or not token.subject.startswith("org_"):
            return False
        return self.id_or_slug is None or self.id_or_slug == token.subject

    def describe(self) -> str:
        name = self.id_or_slug
        return "an active organization" if name is None else f"organization {name}"

    def to_json(self) -> dict[str, object]:
        return {"organization": True if self.id_or_slug is None else self.id_or_slug}


@dataclass(frozen=True, slots=True, init=False)
class Reverified(Requirement):
    """The user proved lately who they are: a preset of Clerk's, or a level and an age.

    :param preset: ``strict_mfa``, ``strict``, ``moderate`` or ``lax``.
    :param level: ``first_factor``, ``second_factor`` or ``multi_factor``.
    :param after_minutes: the age at which the proof has run out.

    Source: https://clerk.com/docs/guides/secure/reverification
    """

    preset: Preset | None
    level: Level
    after_minutes: float

    def __init__(
        self,
        preset: Preset | None = None,
        *,
        level: Level | None = None,
        after_minutes: float | None = None,
    ) -> None:
        if preset is not None and (level is not None or after_minutes is not None):
            raise ConfigurationError("Reverified takes a preset, or level and after_minutes.")
        if preset is not None:
            if not isinstance(preset, str) or preset not in _PRESETS:
                raise ConfigurationError(f"Reverified knows the presets {', '.join(_PRESETS)}.")
            level, after_minutes = _PRESETS[preset]
        if level not in _LEVELS or not _is_positive(after_minutes):
            raise ConfigurationError(
                "Reverified needs a level (first_factor, second_factor or multi_factor) "
                "and after_minutes greater than zero."
            )
        object.__setattr__(self, "preset", preset)
        object.__setattr__(self, "level", level)
        object.__setattr__(self, "after_minutes", after_minutes)

    def met_by(self, identity: Identity, now: float) -> bool:
        ages = identity.factor_verification_age
        if ages is None or len(ages) != 2 or any(age != -1 and age < 0 for age in ages):
            return False
        first, second = (age != -1 and age < self.after_minutes for age in ages)
        if self.level == "first_factor":
            return first
        if ages[1] == -1:  # no second factor is enrolled: the first one has to do
            return first
        return second if self.level == "second_factor" else first and second

    def describe(self) -> str:
        return "a recent verification of the user's identity"

    def to_json(self) -> dict[str, object]:
        return {"reverification": self.to_metadata()}

    def to_metadata(self) -> object:
        """The demand as Clerk's browser SDK reads it from a reverification error."""
        if self.preset is not None:
            return self.preset
        return {"level": self.level, "afterMinutes": self.after_minutes}


@dataclass(frozen=True, slots=True)
class Fresh(Requirement):
    """A session no older than ``max_age`` seconds, counted from the last proof of the first factor.

    Tokens are renewed every minute, so that their own age says nothing; ``fva`` tells, in minutes,
    how long before ``iat`` the user proved who they are. Without it the age is unknown and the
    demand is not met.
    """

    max_age: float

    def __post_init__(self) -> None:
        if not _is_positive(self.max_age):
            raise ConfigurationError("Fresh needs a max_age in seconds, greater than zero.")

    def met_by(self, identity: Identity, now: float) -> bool:
        ages = identity.factor_verification_age
        if not ages or not 0 <= ages[0] * 60 <= self.max_age:
            return False
        return ages[0] * 60 + max(now - identity.issued_at, 0) <= self.max_age

    def describe(self) -> str:
        return f"a session no older than {self.max_age:g} seconds"

    def to_json(self) -> dict[str, object]:
        return {"max_age": self.max_age}


@dataclass(frozen=True, slots=True)
class Scope(Requirement):
    """A scope of an API key, M2M token or OAuth access token, letter by letter.

    Sessions have none and do not meet it: where both are welcome, say what either needs, such as
    ``Scope("data:read") | Permission("org:data:read")``.
    """

    name: str

    def __post_init__(self) -> None:
        _demand_text(self, self.name)

    def met_by(self, identity: Identity, now: float) -> bool:
        return False

    def met_by_machine(self, token: MachineToken, now: float) -> bool:
        return self.name in token.scopes

    def describe(self) -> str:
        return f"scope {self.name}"

    def to_json(self) -> dict[str, object]:
        return {"scope": self.name}


def missing(
    requirement: Requirement, bearer: Identity | MachineToken, now: float
) -> Requirement | None:
    """Say which part of a requirement a session or machine does not meet; ``None`` if it all is.

    Of several, the ones that signing in or verifying again would not bring come first: nobody is
    asked for a password only to be turned away after it.
    """
    if isinstance(bearer, MachineToken):
        is_met = requirement.met_by_machine(bearer, now)
    else:
        is_met = requirement.met_by(bearer, now)
    if is_met:
        return None
    if not isinstance(requirement, AllOf):
        return requirement
    unmet = [part for each in requirement.parts if (part := missing(each, bearer, now)) is not None]
    lasting = [part for part in unmet if not isinstance(part, Reverified | Fresh)]
    if lasting:
        return lasting[0] if len(lasting) == 1 else AllOf(tuple(lasting))
    return next(
        (part for part in unmet if isinstance(part, Fresh)), unmet[0] if unmet else requirement
    )


@lru_cache(maxsize=1024)
def _with_prefix(name: str) -> str:
    while name.startswith("org:"):
        name = name.removeprefix("org:")
    return f"org:{name}"


def _holds(held: Scoped, asked: str) -> bool:
    """Clerk reads ``scope:slug`` up to a second colon, and ``o:`` as the slug ``o``."""
    scope, *rest = asked.split(":")
    if not rest:
        return scope in held.org or scope in held.user
    slug = rest[0] or scope
    if scope in _ORG_SCOPES:
        return slug in held.org
    return scope in _USER_SCOPES and slug in held.user


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _demand_text(requirement: Requirement, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{type(requirement).__name__} needs a name, as non-empty text.")
