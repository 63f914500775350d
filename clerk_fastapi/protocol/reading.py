"""From signed bytes to an identity, and to the claims that an application declares."""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import copy
from typing import Annotated, Any, Generic, NotRequired, Required, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, with_config
from pydantic_core import PydanticUndefined
from typing_extensions import TypedDict, TypeVar

from clerk_fastapi.errors import (
    CustomClaimsInvalid,
    TokenError,
    TokenTypeMismatch,
    TokenVerificationFailed,
)
from clerk_fastapi.protocol.claims import SessionClaims, check_claims_model
from clerk_fastapi.protocol.identity import Identity, StandardClaims
from clerk_fastapi.protocol.tokens import MACHINE_SUBJECT, peek_claims, refuse_machine_claims

__all__ = ["ClaimsReader", "ClaimsT"]

ClaimsT = TypeVar("ClaimsT", bound=SessionClaims, default=SessionClaims, covariant=True)

Validator = Callable[[bytes], Any]

logger = logging.getLogger("clerk_fastapi")

_MOST_LOGGED = 100


class ClaimsReader(Generic[ClaimsT]):
    """Reads the payload of tokens whose signature has been verified.

    :param model: the application's claims.
    :raises ConfigurationError: if the model rewrites what Clerk says.
    """

    def __init__(self, model: type[ClaimsT]) -> None:
        check_claims_model(model)
        self._model = model
        self._logged: set[str] = set()
        # One pass over the JSON is enough for a model that does no more than declare claims.
        plain = _is_plain(model)
        self._validate = _validator(_declared(model) if plain else {})
        self._validate_whole = None if plain else model.__pydantic_validator__.validate_json

    def identify(self, payload: bytes) -> Identity:
        """Check the presence, type and range of every standard claim, and that declared ones fit.

        :raises TokenInvalid: if the payload is not a JSON object.
        :raises TokenTypeMismatch: if the subject is a machine.
        :raises TokenVerificationFailed: if a standard claim is missing or malformed.
        :raises CustomClaimsInvalid: if only a declared claim is.
        """
        # JSON has no NaN or Infinity (RFC 8259 section 6), but validators forgive them.
        if payload.find(b"NaN") >= 0 or payload.find(b"Infinity") >= 0:
            peek_claims(payload)
        try:
            claims: StandardClaims = self._validate(payload)
            if self._validate_whole is not None:
                self._validate_whole(payload)
        except ValidationError as error:
            refusal = self._refusal(payload, error)
        else:
            if claims["sub"].startswith(MACHINE_SUBJECT):
                raise TokenTypeMismatch
            return Identity(claims)
        raise refusal  # out here, because the error in there quotes claims

    def read(self, payload: bytes) -> ClaimsT:
        """Read all claims, as the application's model has them.

        :raises CustomClaimsInvalid: if they do not fit.
        """
        try:
            return self._model.model_validate_json(payload)
        except ValidationError as error:
            refusal = self._misfit(error)
        raise refusal

    def _refusal(self, payload: bytes, error: ValidationError) -> TokenError:
        try:
            refuse_machine_claims(payload)
            _STANDARD(payload)
        except TokenError as known:
            return type(known)()
        except ValidationError:
            return TokenVerificationFailed()
        return self._misfit(error)

    def _misfit(self, error: ValidationError) -> CustomClaimsInvalid:
        problems = error.errors(include_input=False, include_context=False, include_url=False)
        fields = ", ".join(sorted({_field(self._model, problem["loc"]) for problem in problems}))
        # Once for each set of fields: tokens come by the thousand.
        if fields not in self._logged and len(self._logged) < _MOST_LOGGED:
            self._logged.add(fields)
            logger.error(
                "custom claims do not fit %s: %s; compare 'Customize session token' in the "
                "dashboard",
                self._model.__name__,
                fields,
            )
        return CustomClaimsInvalid()


def _validator(declared: dict[str, Any]) -> Validator:
    """Make a validator of the standard claims and of those that an application declares."""
    standard = get_type_hints(StandardClaims, include_extras=True)
    make: Any = TypedDict  # at run time, which no type checker follows
    claims = make("claims", {**standard, **declared}, total=False)
    configured = with_config(ConfigDict(cache_strings="keys"))(claims)  # values differ every time
    return cast("Validator", TypeAdapter(configured).validator.validate_json)


_STANDARD = _validator({})


def _declared(model: type[SessionClaims]) -> dict[str, Any]:
    declared: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        if name not in SessionClaims.model_fields:
            presence = Required if field.is_required() else NotRequired
            bare = copy(field)  # a default is for reading, and means nothing to a TypedDict
            bare.default, bare.default_factory = PydanticUndefined, None
            declared[name] = presence[Annotated[field.annotation, bare]]
    return declared


def _is_plain(model: type[SessionClaims]) -> bool:
    """Whether a model only declares claims, so that they can be validated beside Clerk's own."""
    decorators = model.__pydantic_decorators__
    return (
        decorators.model_validators.keys() == {"_unpack"}
        and not (decorators.validators or decorators.field_validators or decorators.root_validators)
        and model.model_config == SessionClaims.model_config
        and model.model_post_init is BaseModel.model_post_init
    )


def _field(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Name the declared field a problem lies in; what goes deeper may be the token's own words."""
    names: list[str] = []
    current: object = model
    for step in location:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            break
        fields = current.model_fields
        found = [name for name, field in fields.items() if step in (name, field.alias)]
        names += found
        current = fields[found[0]].annotation if found else None
    return ".".join(names) or model.__name__
