"""Session claims: two wire versions, one typed shape, and room for custom claims."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetPydanticSchema,
    model_validator,
)
from pydantic_core import core_schema, to_json

from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.identity import (
    Age,
    CompactOrganization,
    Date,
    Identity,
    Name,
    Scoped,
    StandardClaims,
    Text,
)

__all__ = [
    "COOKIE_LIMIT",
    "CUSTOM_CLAIMS_LIMIT",
    "Actor",
    "SessionClaims",
    "check_claims_model",
    "custom_claims_size",
]

CUSTOM_CLAIMS_LIMIT = 1_200
"""Bytes of JSON that Clerk leaves for custom claims in a session token kept in a cookie."""

COOKIE_LIMIT = 4_096
"""Bytes that browsers keep of one cookie, its name included."""

# Text on the wire, Scoped in the model: its validator turns them.
_Slugs = Annotated[
    Scoped,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.nullable_schema(
            core_schema.str_schema(strict=True),
            serialization=core_schema.to_string_ser_schema(when_used="always"),
        )
    ),
]
_NO_SLUGS: Any = ""


class Actor(BaseModel):
    """Who is really acting in an impersonated session: ``act``, RFC 8693 section 4.1."""

    model_config = ConfigDict(extra="allow", frozen=True)

    sub: Name


class SessionClaims(BaseModel):
    """The claims of a Clerk session token, versions 1 and 2 in one shape.

    Names are those on the wire. What version 2 packs into ``o``, ``fea`` and ``fpm`` is unpacked
    into ``org_id``, ``org_slug``, ``org_role`` and ``org_permissions``; ``fea`` and ``pla`` become
    the organization's and the user's slugs. Claims that nobody declared are kept.

    Subclass it to declare what "Customize session token" in the Clerk dashboard adds::

        class Metadata(BaseModel):
            plan: Literal["free", "pro"] = "free"

        class Claims(SessionClaims):
            metadata: Metadata = Metadata()

    Source: https://clerk.com/docs/guides/sessions/session-tokens
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    iss: Name
    """Issuer: the instance's Frontend API."""
    sub: Name
    """The user's id."""
    sid: Name
    """The session's id."""
    iat: Date
    """Issued at, in seconds since the epoch."""
    exp: Date
    """Expires at, in seconds since the epoch."""
    nbf: Date | None = None
    """Not valid before, in seconds since the epoch."""
    jti: Text | None = None
    """The token's own id."""
    azp: Text | None = None
    """Authorized party: the origin that the token was issued to."""
    aud: Text | tuple[Text, ...] | None = None
    """Audience, if the session token was customized to carry one."""
    sts: Text | None = None
    """``active``, or ``pending`` while tasks remain."""
    act: Actor | None = None
    """The impersonator, if there is one."""
    fva: tuple[Age, ...] | None = None
    """Minutes since the first and the second factor were verified; -1 means never."""
    v: Any = None
    """The wire version: 2, or absent for version 1."""
    fea: _Slugs = _NO_SLUGS
    """Features of the organization and of the user."""
    pla: _Slugs = _NO_SLUGS
    """Plans of the organization and of the user."""
    o: CompactOrganization | None = None
    """The active organization as version 2 writes it."""
    org_id: Text | None = None
    """The active organization's id."""
    org_slug: Text | None = None
    """The active organization's slug."""
    org_role: Text | None = None
    """The user's role in it, such as ``org:admin``."""
    org_permissions: tuple[Text, ...] | None = None
    """The user's custom permissions in it, such as ``org:data:read``."""

    @model_validator(mode="after")
    def _unpack(self) -> Self:
        # The model is frozen, so it can only be completed here, while it is being built.
        fields: Any = self.__dict__
        packed = Identity(cast("StandardClaims", fields))
        if self.v == 2:
            fields["org_id"], fields["org_slug"] = packed.org_id, packed.org_slug
            fields["org_role"], fields["org_permissions"] = packed.org_role, packed.org_permissions
        fields["fea"], fields["pla"] = packed.features, packed.plans
        return self


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

    :raises ConfigurationError: if ``model`` is not a subclass of :class:`SessionClaims`, is
        unfinished, declares a standard claim anew, or is configured to change standard claims while
        reading them.
    """
    if not (isinstance(model, type) and issubclass(model, SessionClaims)):
        raise ConfigurationError("claims must be a subclass of clerk_fastapi.SessionClaims.")
    if not model.__pydantic_complete__ and not model.model_rebuild(raise_errors=False):
        raise ConfigurationError(
            f"{model.__name__} names types that are not defined; define them before the Clerk."
        )
    for cls in model.__mro__[: model.__mro__.index(SessionClaims)]:
        for name in inspect.get_annotations(cls):
            if name in SessionClaims.model_fields:
                raise ConfigurationError(
                    f"{cls.__name__}.{name} declares a standard claim anew; "
                    "give custom claims names of their own."
                )
    for validator in model.__pydantic_decorators__.field_validators.values():
        if not SessionClaims.model_fields.keys().isdisjoint(validator.info.fields):
            raise ConfigurationError(
                f"{model.__name__}.{validator.cls_var_name} validates a standard claim, which "
                "nobody but Clerk decides on; validate custom claims only."
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
    return len(
        to_json({name: claims[name] for name in claims if name not in SessionClaims.model_fields})
    )
