"""The claims that an application declares: whether they fit, and reading them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from typing_extensions import TypeVar

from clerk_fastapi.errors import CustomClaimsInvalid
from clerk_fastapi.protocol.claims import SessionClaims, check_claims_model
from clerk_fastapi.protocol.tokens import peek_claims

__all__ = ["ClaimsReader", "ClaimsT"]

ClaimsT = TypeVar("ClaimsT", bound=SessionClaims, default=SessionClaims, covariant=True)

logger = logging.getLogger("clerk_fastapi")


class ClaimsReader(Generic[ClaimsT]):
    """Reads the payload of verified tokens as one application's claims.

    :param model: the type of the claims, checked by :func:`check_claims_model`.
    :raises ConfigurationError: if the model rewrites what Clerk says.
    """

    def __init__(self, model: type[ClaimsT]) -> None:
        check_claims_model(model)
        self._model = model
        self._validate = _declared_only(model)

    def check(self, payload: bytes) -> None:
        """Make sure that a verified token fits, before anyone relies on it.

        :raises TokenInvalid: if it is not JSON.
        :raises CustomClaimsInvalid: if a declared claim is missing or malformed.
        """
        # JSON has no NaN or Infinity (RFC 8259 section 6), but the validator forgives them.
        if payload.find(b"NaN") >= 0 or payload.find(b"Infinity") >= 0:
            peek_claims(payload)
        try:
            self._validate(payload)
        except ValidationError as error:
            raise self._refusal(error) from None

    def read(self, payload: bytes) -> ClaimsT:
        """Read a verified token.

        :raises CustomClaimsInvalid: if it does not fit; the log names the fields, never the values.
        """
        try:
            return self._model.model_validate_json(payload)
        except ValidationError as error:
            raise self._refusal(error) from None

    def _refusal(self, error: ValidationError) -> CustomClaimsInvalid:
        problems = error.errors(include_input=False, include_context=False, include_url=False)
        logger.error(
            "custom claims do not fit %s: %s; compare 'Customize session token' in the dashboard",
            self._model.__name__,
            ", ".join(sorted({_field(self._model, problem["loc"]) for problem in problems})),
        )
        return CustomClaimsInvalid()


def _declared_only(model: type[SessionClaims]) -> Callable[[bytes], object]:
    """Leave out the standard claims, which have been checked already and are the dearest part.

    A model that does more than declare fields is taken whole.
    """
    if not _is_plain(model):
        return model.__pydantic_validator__.validate_json
    declared = {
        name: (field.annotation, field)
        for name, field in model.model_fields.items()
        if name not in SessionClaims.model_fields
    }
    config = ConfigDict(**{**model.model_config, "extra": "ignore", "cache_strings": "keys"})
    reduced = create_model(model.__name__, __config__=config, **declared)  # type: ignore[call-overload]
    validate: Callable[[bytes], object] = reduced.__pydantic_validator__.validate_json
    return validate


def _is_plain(model: type[SessionClaims]) -> bool:
    """Whether a model only declares fields, so that they can be validated by themselves."""
    decorators = model.__pydantic_decorators__
    return (
        model.__pydantic_complete__
        and decorators.model_validators.keys() == {"_unpack"}
        and not (decorators.validators or decorators.field_validators or decorators.root_validators)
        and model.model_config.get("extra") != "forbid"
        and model.model_post_init is BaseModel.model_post_init
    )


def _field(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Name the declared field a problem lies in; what goes deeper may be the token's own words."""
    names: list[str] = []
    current: object = model
    for step in location:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            break
        found = [
            name for name, field in current.model_fields.items() if step in (name, field.alias)
        ]
        names += found
        current = current.model_fields[found[0]].annotation if found else None
    return ".".join(names) or model.__name__
