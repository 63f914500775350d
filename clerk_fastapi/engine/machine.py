"""API keys, M2M tokens and OAuth access tokens: who a handler sees, and how they are believed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Final, Literal, TypeAlias

from clerk_fastapi.backend.jwks import Keys
from clerk_fastapi.backend.machine import VerifyEndpoints
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.engine.judgement import enforce
from clerk_fastapi.engine.revocation import Revocations
from clerk_fastapi.engine.state import SignedIn, SignedOut
from clerk_fastapi.errors import TokenError, TokenExpired, TokenInvalid
from clerk_fastapi.protocol.authorization import Preset, Requirement, Reverified, missing
from clerk_fastapi.protocol.claims import Actor
from clerk_fastapi.protocol.machine import (
    MachineToken,
    MachineTokenType,
    check_audience,
    check_machine_header,
    is_opaque,
    read_answer,
    verify_machine,
)
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.settings import Settings
from clerk_fastapi.stores.tokens import OpaqueMemory

__all__ = ["ApiKeyAuth", "M2MAuth", "MachineAuth", "MachineAuthenticator", "OAuthAuth"]

logger = logging.getLogger("clerk_fastapi")

_NOT_ASKED: Final[Any] = None


class _MachineAuth:
    """A token of a machine that was believed."""

    __slots__ = ("_clock", "_machine", "_token")

    def __init__(self, token: bytes, machine: MachineToken, clock: Callable[[], float]) -> None:
        self._token = token
        self._machine = machine
        self._clock = clock

    @property
    def machine(self) -> MachineToken:
        """What decisions rest on, immutable."""
        return self._machine

    @property
    def id(self) -> str:
        """The token's own id, which is no secret; empty for one that does not say."""
        return self._machine.id

    @property
    def subject(self) -> str:
        """Whose token it is: the id of a user, an organization or a machine."""
        return self._machine.subject

    @property
    def scopes(self) -> tuple[str, ...]:
        """What the token is good for."""
        return self._machine.scopes

    @property
    def is_pending(self) -> bool:
        """No: only sessions have tasks to finish."""
        return False

    def check_times(self, clock_skew: float, now: float) -> None:
        """Hold the expiry against the clock, if there is one; done whenever somebody asks again.

        :param clock_skew: seconds by which clocks may differ.
        :param now: seconds since the epoch.
        :raises TokenExpired: if it is ``now - clock_skew`` or earlier.
        """
        expires_at = self._machine.expires_at
        if expires_at is not None and expires_at <= now - clock_skew:
            raise TokenExpired("The token has expired; get a new one.")

    def has(
        self,
        *,
        role: str = _NOT_ASKED,
        permission: str = _NOT_ASKED,
        feature: str = _NOT_ASKED,
        plan: str = _NOT_ASKED,
        reverification: Preset | Reverified | Mapping[str, object] = _NOT_ASKED,
    ) -> bool:
        """No: roles, permissions and the like are held by sessions; machines have ``scopes``."""
        return False

    def missing(self, requirement: Requirement, now: float) -> Requirement | None:
        """Say which part of ``requirement`` is not met at ``now``, or ``None`` if it all is."""
        return missing(requirement, self._machine, now)

    def protect(self, requirement: Requirement) -> None:
        """Do nothing if ``requirement`` is met, and answer like a guard if not.

        :raises AccessDenied: 403, with the part of the requirement that is missing.
        """
        enforce(requirement, self, self._clock())

    async def get_token(self) -> str:
        """The token that this request came with, to be passed on to another service."""
        return self._token.decode()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class ApiKeyAuth(_MachineAuth):
    """An API key of a user or of an organization.

    Source: https://clerk.com/docs/guides/development/machine-auth/api-keys
    """

    __slots__ = ()

    token_type: Literal["api_key"] = "api_key"

    @property
    def name(self) -> str | None:
        """What the key is called by whoever made it."""
        return self._machine.name

    @property
    def claims(self) -> dict[str, Any] | None:
        """What was attached to the key: a copy at every look."""
        return _copied(self._machine.claims)

    @property
    def user_id(self) -> str | None:
        """The user's id, if it is a user's key."""
        return self.subject if self.subject.startswith("user_") else None

    @property
    def org_id(self) -> str | None:
        """The organization's id, if it is an organization's key."""
        return self.subject if self.subject.startswith("org_") else None


class M2MAuth(_MachineAuth):
    """A token that one machine sends to another.

    Source: https://clerk.com/docs/guides/development/machine-auth/m2m-tokens
    """

    __slots__ = ()

    token_type: Literal["m2m_token"] = "m2m_token"

    @property
    def claims(self) -> dict[str, Any] | None:
        """What was attached to the token: a copy at every look."""
        return _copied(self._machine.claims)

    @property
    def machine_id(self) -> str:
        """The id of the machine that calls."""
        return self.subject


class OAuthAuth(_MachineAuth):
    """An access token with which an application acts for a user.

    Source: https://clerk.com/docs/guides/configure/auth-strategies/oauth/overview
    """

    __slots__ = ()

    token_type: Literal["oauth_token"] = "oauth_token"

    @property
    def client_id(self) -> str | None:
        """The application that acts."""
        return self._machine.client_id

    @property
    def user_id(self) -> str:
        """The user that it acts for."""
        return self.subject

    @property
    def audience(self) -> tuple[str, ...]:
        """Whom the token is meant for, if it says."""
        return self._machine.audience

    @property
    def actor(self) -> Actor | None:
        """Who is really acting, if the token was exchanged for another (RFC 8693 section 4.1)."""
        return self._machine.actor


MachineAuth: TypeAlias = ApiKeyAuth | M2MAuth | OAuthAuth
"""Any of the three; ``token_type`` tells them apart, for type checkers as well."""


_AUTHS: Final[dict[MachineTokenType, type[MachineAuth]]] = {
    "api_key": ApiKeyAuth,
    "m2m_token": M2MAuth,
    "oauth_token": OAuthAuth,
}


class MachineAuthenticator:
    """Turns a machine's token into a state: JSON Web Tokens by key, opaque ones by asking Clerk.

    :param settings: what was configured.
    :param transport: how Clerk is asked.
    :param keys: where the instance's keys come from.
    :param revocations: which users are refused, and so what is in their name.
    :param clock: tells the time in seconds since the epoch.
    :param ttl: seconds that Clerk's yes to an opaque token is remembered; 0 for not at all.
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        keys: Keys,
        revocations: Revocations,
        clock: Callable[[], float],
        ttl: float = 0.0,
    ) -> None:
        self._rules = settings.rules
        self._endpoints = VerifyEndpoints(
            transport, settings.api_url, settings.secret_key, settings.machine_secret_key
        )
        self._keys = keys
        self._revocations = revocations
        self._clock = clock
        self._memory = OpaqueMemory(ttl) if ttl > 0 else None

    async def authenticate(
        self, token: bytes, token_type: MachineTokenType
    ) -> SignedIn[MachineAuth] | SignedOut:
        """Decide whether a machine's token is believed.

        :param token_type: what :func:`~clerk_fastapi.protocol.machine.classify` took it for.
        :raises BackendUnavailable: if Clerk's answer or keys are needed and cannot be had.
        :raises ConfigurationError: if Clerk has to be asked and there is no secret key to do so.
        """
        opaque = True
        try:
            opaque = is_opaque(token)
            if opaque:
                machine = await self._ask(token, token_type)
            else:
                machine = await self._verify(token, token_type)
            self._revocations.check_machine(machine)
        except TokenError as error:
            # A new error: the raised one keeps the token within reach.
            refusal, reason = type(error)(error.message), _reason(error, opaque=opaque)
        else:
            return SignedIn(_AUTHS[machine.token_type](token, machine, self._clock))
        logger.debug("signed out: %s", refusal.code)
        return SignedOut(refusal, reason, token_type=token_type)

    async def _ask(self, token: bytes, token_type: MachineTokenType) -> MachineToken:
        known = self._memory and self._memory.get(token, self._clock())
        if known:
            return known
        answer = await self._endpoints.ask(token, token_type)
        now = self._clock()
        machine = read_answer(token_type, answer, now)
        if token_type == "oauth_token":
            check_audience(machine.audience, self._rules)
        if self._memory is not None:
            self._memory.put(token, machine, now)
        return machine

    async def _verify(self, token: bytes, token_type: MachineTokenType) -> MachineToken:
        unverified = UnverifiedToken.parse(token)
        check_machine_header(unverified.header, token_type, self._rules)
        key = await self._keys.key_for(unverified.header.kid)
        return verify_machine(unverified, token_type, key, self._rules, self._clock())


def _reason(error: TokenError, *, opaque: bool) -> str:
    """What Clerk's own backend calls it, which tells little about JSON Web Tokens."""
    if opaque or isinstance(error, TokenInvalid):
        return error.code
    return "token-verification-failed"


def _copied(claims: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if claims is None else deepcopy(dict(claims))
