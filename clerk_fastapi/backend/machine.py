"""Opaque tokens of machines: what the Backend API says of one, within bounded time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic import SecretStr

from clerk_fastapi.backend.problems import (
    key_refused,
    log_other_words,
    problems_in,
    read_object,
)
from clerk_fastapi.backend.transport import Answer, Transport
from clerk_fastapi.errors import (
    BackendUnavailable,
    ClerkError,
    ConfigurationError,
    Problem,
    TokenInvalid,
    TokenNotUnderstood,
)
from clerk_fastapi.protocol.machine import MachineTokenType

__all__ = ["VerifyEndpoints"]

logger = logging.getLogger("clerk_fastapi")

_KEYS: Final = "CLERK_SECRET_KEY, and CLERK_MACHINE_SECRET_KEY if it is set"


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

        That a token is none is believed of Clerk alone, which says so in its own words.

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
        url = f"{self.api_url}{path}"
        answer = await self.transport.post(
            url,
            {field: token.decode("ascii")},
            bearer=key,
            retry=True,
        )
        said = read_object(answer.body)
        if answer.status == 200 and _is_of_a_token(said):
            return said
        raise _failure(answer, problems_in(said), url)


def _is_of_a_token(said: Mapping[str, object]) -> bool:
    # Of what kind, or whose it is. Of tokens that are none Clerk may say only that.
    return "object" in said or "subject" in said or said.get("active") is False


def _failure(answer: Answer, problems: tuple[Problem, ...], url: str) -> ClerkError:
    status = answer.status
    if refused := key_refused(status, problems, variables=_KEYS):
        return refused
    if problems and status == 404:
        return TokenInvalid("Clerk does not know this token; get a new one.")
    if problems and status in (400, 422):
        return TokenNotUnderstood()
    if problems:
        logger.warning("%s was answered with %d", url, status)
    else:
        log_other_words(url, status)
    return BackendUnavailable(retry_after=answer.retry_after or 1)
