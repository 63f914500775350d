"""Session claims: two wire versions, one typed shape, and room for custom claims."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    model_validator,
)
from pydantic_core import core_schema, to_json

from clerk_fastapi.errors import ConfigurationError

__all__ = [
    "COOKIE_LIMIT",
    "CUSTOM_CLAIMS_LIMIT",
    "Actor",
    "CompactOrganization",
    "Scoped",
    "SessionClaims",
    "check_claims_model",
    "custom_claims_size",
    "is_pending",
]

CUSTOM_CLAIMS_LIMIT = 1_200
"""Bytes of JSON that Clerk leaves for custom claims in a session token kept in a cookie."""

COOKIE_LIMIT = 4_096
"""Bytes that browsers keep of one cookie, its name included."""

# What JavaScript's trim() removes; Python's strip() differs in both directions.
_BLANK = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_MASK = re.compile(r"[0-9]{1,4300}", re.ASCII)  # int() takes 4,300 digits; no token holds more


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


@lru_cache(maxsize=1024)
def _parse_scoped(claim: str) -> Scoped:
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
    """Name every set bit: entry *i* of ``fpm`` is for the *i*-th organization feature."""
    if not per or not fpm:
        return ()
    names = [name.strip(_BLANK) for name in per.split(",")]
    granted: list[str] = []
    for feature, entry in zip(features.org, fpm.split(","), strict=False):
        digits = entry.strip(_BLANK)
        mask = int(digits) if _MASK.fullmatch(digits) else 0
        granted += [f"org:{feature}:{name}" for bit, name in enumerate(names) if mask >> bit & 1]
    return tuple(granted)


_Text = Annotated[str, Field(strict=True)]
_Name = Annotated[str, Field(strict=True, min_length=1)]
# Whole seconds, and no later than year 9999: beyond it clocks of other languages overflow, and an
# expiry that overflows never comes.
_Date = Annotated[int, Field(strict=True, ge=0, le=253_402_300_799)]
_Age = Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True, allow_inf_nan=False)]
# Text on the wire, kept as Scoped: the model's one validator turns all of them at once, because a
# validator for each would be the dearest part of reading a token.
_Slugs = Annotated[
    Scoped,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.str_schema(
            strict=True, serialization=core_schema.to_string_ser_schema(when_used="always")
        )
    ),
]


class Actor(BaseModel):
    """Who is really acting when a session is impersonated: the ``act`` claim (RFC 8693 section 4.1)."""

    model_config = ConfigDict(extra="allow", frozen=True)

    sub: _Name


class CompactOrganization(BaseModel):
    """The ``o`` claim of version 2: the active organization as it travels."""

    model_config = ConfigDict(frozen=True)

    id: _Text | None = None
    slg: _Text | None = None
    rol: _Text | None = None
    per: _Text | None = None
    fpm: _Text | None = None


class SessionClaims(BaseModel):
    """The claims of a Clerk session token, versions 1 and 2 in one shape.

    Names are those on the wire. What version 2 packs into ``o``, ``fea`` and ``fpm`` is unpacked into
    ``org_id``, ``org_slug``, ``org_role`` and ``org_permissions``; ``fea`` and ``pla`` become the
    organization's and the user's slugs. Claims that nobody declared are kept.

    Subclass it to declare what "Customize session token" in the Clerk dashboard adds::

        class Metadata(BaseModel):
            plan: Literal["free", "pro"] = "free"

        class Claims(SessionClaims):
            metadata: Metadata = Metadata()

    Source: https://clerk.com/docs/guides/sessions/session-tokens
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    iss: _Name
    """Issuer: the instance's Frontend API."""
    sub: _Name
    """The user's id."""
    sid: _Name
    """The session's id."""
    iat: _Date
    """Issued at, in seconds since the epoch."""
    exp: _Date
    """Expires at, in seconds since the epoch."""
    nbf: _Date | None = None
    """Not valid before, in seconds since the epoch."""
    jti: _Text | None = None
    """The token's own id."""
    azp: _Text | None = None
    """Authorized party: the origin that the token was issued to."""
    aud: _Text | tuple[_Text, ...] | None = None
    """Audience, if the session token was customized to carry one."""
    sts: _Text | None = None
    """``active``, or ``pending`` while tasks remain."""
    act: Actor | None = None
    """The impersonator, if there is one."""
    fva: tuple[_Age, ...] | None = None
    """Minutes since the first and the second factor were verified; -1 means never."""
    v: Any = None
    """The wire version: 2, or absent for version 1."""
    fea: _Slugs = Scoped()
    """Features of the organization and of the user."""
    pla: _Slugs = Scoped()
    """Plans of the organization and of the user."""
    o: CompactOrganization | None = None
    """The active organization as version 2 writes it."""
    org_id: _Text | None = None
    """The active organization's id."""
    org_slug: _Text | None = None
    """The active organization's slug."""
    org_role: _Text | None = None
    """The user's role in it, such as ``org:admin``."""
    org_permissions: tuple[_Text, ...] | None = None
    """The user's custom permissions in it, such as ``org:data:read``."""

    @model_validator(mode="after")
    def _unpack(self) -> Self:
        fields = self.__dict__  # frozen, so it can only be completed here, while it is being built
        features = fields["fea"]
        if features.__class__ is str:
            features = fields["fea"] = _parse_scoped(features)
        if fields["pla"].__class__ is str:
            fields["pla"] = _parse_scoped(fields["pla"])
        # The number 2: the text "2" and true are version 1, as in Clerk's SDK.
        if fields["v"] == 2:
            o = fields["o"]
            if o is None:
                fields["org_id"] = fields["org_slug"] = None
                fields["org_role"] = fields["org_permissions"] = None
            else:
                fields["org_id"] = o.id
                fields["org_slug"] = o.slg
                fields["org_role"] = f"org:{o.rol}" if o.rol else None
                fields["org_permissions"] = _decode_permissions(features, o.per, o.fpm)
        return self


def is_pending(claims: SessionClaims) -> bool:
    """Whether the user still has tasks; any status but ``active`` counts, should Clerk ever add one."""
    return claims.sts not in (None, "active")


# Settings of a subclass that would rewrite Clerk's own claims before anyone judges them.
_REWRITING = (
    "alias_generator",
    "coerce_numbers_to_str",
    "str_strip_whitespace",
    "str_to_lower",
    "str_to_upper",
)


def check_claims_model(model: type[SessionClaims]) -> None:
    """Make sure that a claims model only adds to what Clerk says and rewrites none of it.

    :raises ConfigurationError: if ``model`` is not a subclass of :class:`SessionClaims`, declares a
        standard claim anew, or is configured to change standard claims while reading them.
    """
    if not (isinstance(model, type) and issubclass(model, SessionClaims)):
        raise ConfigurationError("claims must be a subclass of clerk_fastapi.SessionClaims.")
    for cls in model.__mro__[: model.__mro__.index(SessionClaims)]:
        for name in inspect.get_annotations(cls):
            if name in SessionClaims.model_fields:
                raise ConfigurationError(
                    f"{cls.__name__}.{name} declares a standard claim anew; "
                    "give custom claims names of their own."
                )
    for setting in _REWRITING:
        if model.model_config.get(setting):
            raise ConfigurationError(
                f"{model.__name__}.model_config sets {setting}, which would rewrite Clerk's own "
                "claims; set it on a nested model or on single fields."
            )


def custom_claims_size(claims: Mapping[str, object]) -> int:
    """Count the bytes of JSON that the custom claims of a token take.

    :param claims: the payload of a token, as it was on the wire.
    :returns: bytes; more than :data:`CUSTOM_CLAIMS_LIMIT` endangers the session cookie.
        Source: https://clerk.com/docs/guides/sessions/session-tokens#size-limitations
    """
    return len(to_json({name: claims[name] for name in claims if name not in SessionClaims.model_fields}))
