"""What a verified session token says of its bearer: all that decisions rest on, and immutable."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Final, NamedTuple, Required

from pydantic import Field
from typing_extensions import TypedDict

from clerk_fastapi.errors import (
    TokenExpired,
    TokenIssuedInFuture,
    TokenNotActiveYet,
)

__all__ = [
    "Age",
    "CompactOrganization",
    "Date",
    "Identity",
    "Name",
    "Scoped",
    "StandardClaims",
    "Text",
]

_LATEST_DATE: Final = 253_402_300_799
"""The end of the year 9999: beyond it clocks overflow, and an expiry that overflows never comes."""

# What JavaScript's trim() removes; Python's strip() differs in both directions.
_BLANK = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_MASK = re.compile(r"[0-9]{1,4300}", re.ASCII)  # int() takes no more digits than these

Text = Annotated[str, Field(strict=True)]
Name = Annotated[str, Field(strict=True, min_length=1)]
Date = Annotated[int, Field(strict=True, ge=0, le=_LATEST_DATE)]
Age = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]


class _Actor(TypedDict):
    sub: Name


class CompactOrganization(TypedDict, total=False):
    """The ``o`` claim: the active organization, as version 2 packs it."""

    id: Text | None
    slg: Text | None
    rol: Text | None
    per: Text | None
    fpm: Text | None


class StandardClaims(TypedDict, total=False):
    """The claims that Clerk defines, as they are on the wire; others do not matter here."""

    iss: Required[Name]
    sub: Required[Name]
    sid: Required[Name]
    iat: Required[Date]
    exp: Required[Date]
    nbf: Date
    jti: Text | None
    azp: Text | None
    aud: Text | tuple[Text, ...] | None
    sts: Text | None
    act: _Actor | None
    fva: tuple[Age, ...] | None
    v: Any
    fea: Text | None
    pla: Text | None
    o: CompactOrganization | None
    org_id: Text | None
    org_slug: Text | None
    org_role: Text | None
    org_permissions: tuple[Text, ...] | None


class Scoped(NamedTuple):
    """Slugs of features or plans, by who holds them: the active organization or the user."""

    org: tuple[str, ...] = ()
    user: tuple[str, ...] = ()

    @classmethod
    def parse(cls, claim: str) -> Scoped:
        """Read ``o:dashboard,u:beta,ou:both``; a malformed element empties the whole claim."""
        return _parse_scoped(claim)

    def __str__(self) -> str:
        both = set(self.org) & set(self.user)
        parts = [f"{'ou' if slug in both else 'o'}:{slug}" for slug in self.org]
        parts += [f"u:{slug}" for slug in self.user if slug not in both]
        return ",".join(parts)


class Identity:
    """A session as Clerk itself describes it, whatever an application adds to its claims.

    A read-only view of the standard claims of a verified token, version 1 or 2: immutable, so that
    requests can share it, and unpacked only where somebody looks.
    """

    __slots__ = ("_claims", "_permissions")

    def __init__(self, claims: StandardClaims) -> None:
        self._claims = claims
        self._permissions: tuple[str, ...] | None = None

    @property
    def user_id(self) -> str:
        """The ``sub`` claim."""
        return self._claims["sub"]

    @property
    def actor_id(self) -> str | None:
        """Who is really acting, if the session is impersonated: ``sub`` of the ``act`` claim."""
        actor = self._claims.get("act")
        return None if actor is None else actor["sub"]

    @property
    def session_id(self) -> str:
        """The ``sid`` claim."""
        return self._claims["sid"]

    @property
    def session_status(self) -> str | None:
        """``active`` or ``pending``; ``None`` in tokens that do not say."""
        return self._claims.get("sts")

    @property
    def is_pending(self) -> bool:
        """Whether tasks remain; any status but ``active`` counts, should Clerk ever add one."""
        return self._claims.get("sts") not in (None, "active")

    @property
    def issuer(self) -> str:
        """The ``iss`` claim."""
        return self._claims["iss"]

    @property
    def authorized_party(self) -> str | None:
        """The ``azp`` claim: the origin that the token was issued to."""
        return self._claims.get("azp")

    @property
    def audience(self) -> tuple[str, ...]:
        """The ``aud`` claim, one or many."""
        audience = self._claims.get("aud")
        return (audience,) if isinstance(audience, str) else audience or ()

    @property
    def issued_at(self) -> int:
        """The ``iat`` claim, in seconds since the epoch."""
        return self._claims["iat"]

    @property
    def not_before(self) -> int | None:
        """The ``nbf`` claim, in seconds since the epoch."""
        return self._claims.get("nbf")

    @property
    def expires_at(self) -> int:
        """The ``exp`` claim, in seconds since the epoch."""
        return self._claims["exp"]

    def check_times(self, clock_skew: float, now: float) -> None:
        """Hold ``exp``, ``nbf`` and ``iat`` against the clock; done at every use of a token.

        :param clock_skew: seconds by which clocks may differ.
        :param now: seconds since the epoch.
        :raises TokenExpired: if ``exp`` is ``now - clock_skew`` or earlier.
        :raises TokenNotActiveYet: if ``nbf`` is later than ``now + clock_skew``.
        :raises TokenIssuedInFuture: if ``iat`` is later than ``now + clock_skew``.
        """
        claims, latest = self._claims, now + clock_skew
        if claims["exp"] <= now - clock_skew:
            raise TokenExpired
        if claims.get("nbf", 0) > latest:
            raise TokenNotActiveYet
        if claims["iat"] > latest:
            raise TokenIssuedInFuture

    @property
    def org_id(self) -> str | None:
        """The active organization's id."""
        return self._packed.get("id") if self._is_packed else self._claims.get("org_id")

    @property
    def org_slug(self) -> str | None:
        """The active organization's slug."""
        return self._packed.get("slg") if self._is_packed else self._claims.get("org_slug")

    @property
    def org_role(self) -> str | None:
        """The role in it, such as ``org:admin``."""
        if not self._is_packed:
            return self._claims.get("org_role")
        role = self._packed.get("rol")
        return f"org:{role}" if role else None

    @property
    def org_permissions(self) -> tuple[str, ...] | None:
        """The custom permissions in it, such as ``org:data:read``; ``None`` outside of one."""
        if not self._is_packed:
            return self._claims.get("org_permissions")
        if self._permissions is None and self._claims.get("o") is not None:
            packed = self._packed
            self._permissions = _decode_permissions(
                self.features, packed.get("per"), packed.get("fpm")
            )
        return self._permissions

    @property
    def features(self) -> Scoped:
        """The ``fea`` claim."""
        return _parse_scoped(self._claims.get("fea"))

    @property
    def plans(self) -> Scoped:
        """The ``pla`` claim."""
        return _parse_scoped(self._claims.get("pla"))

    @property
    def factor_verification_age(self) -> tuple[float, ...] | None:
        """The ``fva`` claim: minutes since the first and the second factor were verified."""
        return self._claims.get("fva")

    @property
    def _is_packed(self) -> bool:
        # The number 2: "2" and true are version 1, as in Clerk's SDK.
        return bool(self._claims.get("v") == 2)

    @property
    def _packed(self) -> CompactOrganization:
        return self._claims.get("o") or {}


@lru_cache(maxsize=1024)
def _parse_scoped(claim: str | None) -> Scoped:
    org: list[str] = []
    user: list[str] = []
    for element in claim.split(",") if claim else ():
        scope, colon, slug = element.strip(_BLANK).partition(":")
        if not colon:
            return Scoped()
        if scope in ("o", "ou", "uo"):
            org.append(slug)
        if scope in ("u", "ou", "uo"):
            user.append(slug)
    return Scoped(tuple(org), tuple(user))


@lru_cache(maxsize=1024)
def _decode_permissions(features: Scoped, per: str | None, fpm: str | None) -> tuple[str, ...]:
    """Name every set bit of ``fpm``; entries that are not decimal digits grant nothing.

    Entry *i* is for the *i*-th organization feature, its bit *j* for the *j*-th name in ``per``.
    """
    if not per or not fpm:
        return ()
    names = [name.strip(_BLANK) for name in per.split(",")]
    granted: list[str] = []
    for feature, entry in zip(features.org, fpm.split(","), strict=False):
        digits = entry.strip(_BLANK)
        mask = int(digits) if _MASK.fullmatch(digits) else 0
        granted += [f"org:{feature}:{name}" for bit, name in enumerate(names) if mask >> bit & 1]
    return tuple(granted)
