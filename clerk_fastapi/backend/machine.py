"""Opaque tokens of machines: what the Backend API says of one, within bounded time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import SecretStr
from pydantic_core import from_json

from clerk_fastapi.backend.transport import Answer, Transport
from clerk_fastapi.errors import (
    BackendUnavailable,
    ConfigurationError,
    SecretKeyRefused,
    TokenInvalid,
    TokenNotUnderstood,
)
from clerk_fastapi.protocol.machine import MachineTokenType

__all__ = ["VerifyEndpoints"]

logger = logging.getLogger("clerk_fastapi")

_REFUSED_KEY_WAIT: Final = 60


class _Endpoint(NamedTuple):
    path: str
    field: str


_ENDPOINTS: Final[dict[MachineTokenType, _Endpoint]] = {
    "api_key": _Endpoint("/v1/api_keys/verify", "secret"),
    "m2m_token": _Endpoint("/v1/m2m_tokens/verify", "token"),
    "oauth_token": _Endpoint("/v1/oauth_applications/access_tokens/verify", "access_token"),
}


@dataclass(frozen=True, slots=True)
class VerifyEndpoints:
    """Where the Backend API verifies tokens that only Clerk can read.

    M2M tokens are verified in the name of a machine if one is configured, everything else in that
    of the instance.
    """

    transport: Transport
    api_url: str
    secret_key: SecretStr | None
    machine_secret_key: SecretStr | None

    async def ask(self, token: bytes, token_type: MachineTokenType) -> Mapping[str, object]:
        """Ask Clerk what a token stands for; the answer is still to be examined.

        :param token: an opaque token in visible ASCII.
        :raises TokenInvalid: if Clerk does not know the token.
        :raises TokenNotUnderstood: if Clerk takes the token for malformed.
        :raises ConfigurationError: if there is no secret key to ask with.
        :raises SecretKeyRefused: if Clerk does not accept that key.
        :raises BackendUnavailable: if no usable answer can be had.
        """
        machines, key = token_type == "m2m_token", self.secret_key
        if machines and self.machine_secret_key is not None:
            key = self.machine_secret_key
        if key is None:
            names = (
                "CLERK_MACHINE_SECRET_KEY or CLERK_SECRET_KEY" if machines else "CLERK_SECRET_KEY"
            )
            raise ConfigurationError(f"{names} is missing: set it to let Clerk verify this token.")
        path, field = _ENDPOINTS[token_type]
        answer = await self.transport.post(
            f"{self.api_url}{path}",
            {field: token.decode("ascii")},
            bearer=key,
            retry=True,
        )
        _check_status(answer, path)
        body = _json_object(answer.body)
        if body is None:
            logger.warning("the answer of %s is no JSON object: check CLERK_API_URL", path)
            raise BackendUnavailable
        return body


def _check_status(answer: Answer, path: str) -> None:
    status = answer.status
    if status == 404:
        raise TokenInvalid("Clerk does not know this token; get a new one.")
    if status in (400, 422):
        raise TokenNotUnderstood
    if status in (401, 403):
        logger.error(
            "Clerk refuses the secret key at %s (%d): check CLERK_SECRET_KEY, and "
            "CLERK_MACHINE_SECRET_KEY if it is set",
            path,
            status,
        )
        raise SecretKeyRefused(retry_after=_REFUSED_KEY_WAIT)
    if status != 200:
        logger.warning("%s was answered with %d", path, status)
        raise BackendUnavailable(retry_after=answer.retry_after or 1)


def _json_object(body: bytes) -> dict[str, object] | None:
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError:  # quotes the body, so that nothing may be raised from it
        return None
    return document if isinstance(document, dict) else None
