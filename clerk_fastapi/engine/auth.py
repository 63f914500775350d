"""Who is asking: what a handler gets to know of a signed-in session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, cast

from clerk_fastapi.engine.judgement import enforce
from clerk_fastapi.engine.session_tokens import SessionTokens
from clerk_fastapi.errors import ConfigurationError
from clerk_fastapi.protocol.authorization import (
    Feature,
    Permission,
    Plan,
    Preset,
    Requirement,
    Reverified,
    Role,
    missing,
)
from clerk_fastapi.protocol.claims import Actor
from clerk_fastapi.protocol.identity import Identity
from clerk_fastapi.protocol.reading import ClaimsReader, ClaimsT
from clerk_fastapi.protocol.verify import VerifiedToken

__all__ = ["Auth"]

_NOT_ASKED: Final[Any] = object()


class Auth(Generic[ClaimsT]):
    """A verified session: who is signed in, in which organization, and what they may do.

    Made by the guards; ``Auth[Claims]`` tells type checkers which custom claims there are. Names
    are those of Clerk's auth object, https://clerk.com/docs/reference/backend/types/auth-object
    """

    __slots__ = ("_claims", "_clock", "_reader", "_token", "_tokens", "_verified")

    token_type: Literal["session_token"] = "session_token"

    def __init__(
        self,
        token: bytes,
        verified: VerifiedToken,
        reader: ClaimsReader[ClaimsT],
        clock: Callable[[], float],
        tokens: SessionTokens,
    ) -> None:
        self._token = token
        self._tokens = tokens
        self._verified = verified
        self._reader = reader
        self._clock = clock
        self._claims: ClaimsT | None = None

    @property
    def identity(self) -> Identity:
        """What decisions rest on: Clerk's own claims, immutable."""
        return self._verified.identity

    @property
    def user_id(self) -> str:
        """The user's id: the ``sub`` claim."""
        return self.identity.user_id

    @property
    def session_id(self) -> str:
        """The session's id: the ``sid`` claim."""
        return self.identity.session_id

    @property
    def session_status(self) -> str | None:
        """``active``, or ``pending`` while tasks remain; ``None`` in tokens that do not say."""
        return self.identity.session_status

    @property
    def is_pending(self) -> bool:
        """Whether the user still has tasks, such as choosing an organization."""
        return self.identity.is_pending

    @property
    def org_id(self) -> str | None:
        """The active organization's id, or ``None`` in a personal account."""
        return self.identity.org_id

    @property
    def org_role(self) -> str | None:
        """The user's role in the active organization, such as ``org:admin``."""
        return self.identity.org_role

    @property
    def org_slug(self) -> str | None:
        """The active organization's slug."""
        return self.identity.org_slug

    @property
    def org_permissions(self) -> tuple[str, ...] | None:
        """The user's custom permissions in the active organization."""
        return self.identity.org_permissions

    @property
    def factor_verification_age(self) -> tuple[float, ...] | None:
        """Minutes since the first and second factor were verified; -1 stands for never."""
        return self.identity.factor_verification_age

    @property
    def actor(self) -> Actor | None:
        """Who is really acting, if the session is impersonated."""
        return self.claims.act

    @property
    def claims(self) -> ClaimsT:
        """All claims, read by the application's model: a copy that belongs to this request."""
        if self._claims is None:
            self._claims = self._reader.read(self._verified.payload)
        return self._claims

    def has(
        self,
        *,
        role: str = _NOT_ASKED,
        permission: str = _NOT_ASKED,
        feature: str = _NOT_ASKED,
        plan: str = _NOT_ASKED,
        reverification: Preset | Reverified | Mapping[str, object] = _NOT_ASKED,
    ) -> bool:
        """Whether the session holds everything that is asked; asking nothing is answered with no.

        Whatever cannot be decided counts as not held: a ``None``, a malformed claim, no
        organization.

        :param role: a role in the active organization, ``org:admin`` or ``admin``.
        :param permission: a custom permission in it, ``org:data:read`` or ``data:read``.
        :param feature: a feature's slug, with ``org:`` or ``user:`` before it to ask in one place.
        :param plan: a plan's slug, likewise.
        :param reverification: ``strict_mfa``, ``strict``, ``moderate``, ``lax``, a
            :class:`~clerk_fastapi.Reverified`, or ``{"level": ..., "afterMinutes": ...}``.

        Source: https://clerk.com/docs/guides/secure/authorization-checks
        """
        asked: dict[Callable[[Any], Requirement], object] = {
            Role: role,
            Permission: permission,
            Feature: feature,
            Plan: plan,
            _reverified: reverification,
        }
        try:
            requirements = [make(name) for make, name in asked.items() if name is not _NOT_ASKED]
        except ConfigurationError:
            return False
        # None of these requirements looks at the clock: ages are counted in the token itself.
        who = self.identity
        return bool(requirements) and all(each.met_by(who, who.issued_at) for each in requirements)

    def check_times(self, clock_skew: float, now: float) -> None:
        """Hold the token against the clock once more.

        :raises TokenError: if it has expired, or is not yet valid.
        """
        self.identity.check_times(clock_skew, now)

    def missing(self, requirement: Requirement, now: float) -> Requirement | None:
        """Say which part of ``requirement`` is not met at ``now``, or ``None`` if it all is."""
        return missing(requirement, self.identity, now)

    def protect(self, requirement: Requirement) -> None:
        """Do nothing if ``requirement`` is met, and answer like a guard if not.

        :raises SessionTooOld: 401, if the session is older than ``Fresh`` allows.
        :raises AccessDenied: 403, with the part of the requirement that is missing.
        """
        enforce(requirement, self, self._clock())

    async def get_token(
        self, template: str | None = None, expires_in_seconds: int | None = None
    ) -> str:
        """A token to be passed on to another service.

        Without arguments it is the session token that this request came with. Any other is asked
        for once, however many want it at the same time, and remembered until shortly before it
        expires, unless what the session token says changes.

        :param template: the name of a JWT template, such as ``supabase``.
        :param expires_in_seconds: how long it is good for, if not as long as Clerk would have it.
        :raises SessionEnded: if the session has ended.
        :raises TemplateNotFound: if Clerk knows no template of that name.
        :raises ConfigurationError: without a secret key, or if such a token cannot be.
        :raises BackendError: the leaf names what else went wrong.

        Source: https://clerk.com/docs/guides/sessions/jwt-templates
        """
        if template is None and expires_in_seconds is None:
            self._tokens.check_ended(self._verified)
            return self._token.decode()
        return await self._tokens.get(self._verified, template, expires_in_seconds)

    def __repr__(self) -> str:
        return f"<Auth of {'a pending' if self.is_pending else 'an active'} session>"


def _reverified(asked: Any) -> Reverified:
    if isinstance(asked, Reverified):
        return asked
    if isinstance(asked, str):
        return Reverified(cast("Preset", asked))
    if isinstance(asked, Mapping):
        return Reverified(level=asked.get("level"), after_minutes=asked.get("afterMinutes"))
    raise ConfigurationError("reverification is a preset, a Reverified, or a level and an age.")
