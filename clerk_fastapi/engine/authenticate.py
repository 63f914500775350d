"""One request, one direction: from facts to the kind of token, and from there to a state."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final, Generic, Literal, TypeAlias

from clerk_fastapi.engine.auth import Auth
from clerk_fastapi.engine.browser import Browsers
from clerk_fastapi.engine.facts import Scope
from clerk_fastapi.engine.machine import MachineAuth, MachineAuthenticator
from clerk_fastapi.engine.state import SignedIn, SignedOut, State
from clerk_fastapi.engine.verifier import KeyWanted, Verifier
from clerk_fastapi.errors import (
    ConfigurationError,
    MachineTokenMissing,
    TokenError,
    TokenInvalid,
    TokenTypeMismatch,
)
from clerk_fastapi.protocol.credentials import Facts, bearer_token
from clerk_fastapi.protocol.handshake import session_reason
from clerk_fastapi.protocol.machine import TokenType, classify
from clerk_fastapi.protocol.reading import ClaimsT

__all__ = ["SESSIONS", "Accepted", "AcceptsToken", "Authenticator", "accepted"]

logger = logging.getLogger("clerk_fastapi")

AcceptsToken: TypeAlias = TokenType | Literal["any"] | Iterable[TokenType]
"""The kinds of token that a route accepts: one, several, or any."""


class Accepted:
    """The kinds of token that a route accepts, read once.

    ``only`` is the one kind, where a single one was named: Clerk's SDKs tell that from a list.
    ``cure`` tells those who sent something else what to send.
    """

    __slots__ = ("cure", "kinds", "only")

    def __init__(self, accepts_token: AcceptsToken) -> None:
        named = (accepts_token,) if isinstance(accepts_token, str) else accepts_token
        kinds = tuple(named) if isinstance(named, Iterable) else ()
        if kinds == ("any",):
            kinds = _KINDS
        if not kinds or not all(kind in _KINDS for kind in kinds):
            raise ConfigurationError(f"accepts_token takes {', '.join(_KINDS)}, or 'any'.")
        self.kinds: frozenset[TokenType] = frozenset(kind for kind in _KINDS if kind in kinds)
        names = " or ".join(_NAMES[kind] for kind in _KINDS if kind in self.kinds)
        self.cure = f"Send 'Authorization: Bearer <token>' with {names}."
        self.only: TokenType | None = None
        if isinstance(accepts_token, str) and accepts_token != "any":
            self.only = accepts_token


_KINDS: Final[tuple[TokenType, ...]] = ("session_token", "api_key", "m2m_token", "oauth_token")
_NAMES: Final[dict[TokenType, str]] = {
    "session_token": "the session token of a signed-in user",
    "api_key": "an API key",
    "m2m_token": "an M2M token",
    "oauth_token": "an OAuth access token",
}
SESSIONS: Final = Accepted("session_token")


def accepted(accepts_token: AcceptsToken) -> Accepted:
    """Read which kinds of token a route accepts.

    :raises ConfigurationError: if that is none, or one that does not exist.
    """
    return SESSIONS if accepts_token == "session_token" else Accepted(accepts_token)


class Authenticator(Generic[ClaimsT]):
    """Turns facts into a state.

    :param verifier: believes session tokens in the header.
    :param browsers: decides for requests without a token in the header.
    :param machines: decides for API keys, M2M tokens and OAuth access tokens.
    """

    def __init__(
        self,
        verifier: Verifier[ClaimsT],
        browsers: Browsers[ClaimsT],
        machines: MachineAuthenticator,
    ) -> None:
        self._verifier = verifier
        self._browsers = browsers
        self._machines = machines

    def look_again(self, state: State[Any], scope: Scope) -> State[Any]:
        """Hold what was decided before against the clock: WebSockets outlive their tokens.

        :raises StoreUnavailable: if nobody can know what was revoked lately.
        """
        # What a handshake brings home was held against it already, and leads elsewhere at once.
        if isinstance(state, SignedIn) and state.location is None:
            try:
                state.auth.check_times(self._verifier.rules.clock_skew, self._verifier.clock())
                self._check_revoked(state.auth)
            except TokenError as error:
                if state.token_type != "session_token":
                    return SignedOut(type(error)(error.message), token_type=state.token_type)
                return _signed_out(error, scope.get("method"))
        return state

    def _check_revoked(self, auth: Auth[ClaimsT] | MachineAuth) -> None:
        if auth.token_type == "session_token":
            self._verifier.revocations.check(auth.identity)
        else:
            self._verifier.revocations.check_machine(auth.machine)

    def kind(self, facts: Facts, accepts: Accepted) -> TokenType | SignedOut:
        """Narrow a request to the kind of token that it carries, before anything is verified.

        :returns: the kind, which the route accepts, or why the request is refused.
        """
        if accepts is SESSIONS:
            return "session_token"
        try:
            token = bearer_token(facts.authorization)
        except TokenError as error:
            return SignedOut(type(error)(), token_type=accepts.only)
        if token is None:
            kind: TokenType = "session_token"
            if kind not in accepts.kinds:
                reason = "token-type-mismatch" if accepts.only is None else "No token in header"
                return SignedOut(MachineTokenMissing(accepts.cure), reason, token_type=accepts.only)
            return kind
        kind = classify(token)
        if kind not in accepts.kinds:
            return SignedOut(TokenTypeMismatch(accepts.cure), token_type=accepts.only)
        return kind

    async def session(self, facts: Facts, scope: Scope) -> State[Auth[ClaimsT]]:
        """Decide for a session token in the header, or for the cookies of a browser.

        :raises BackendUnavailable: if Clerk's answer is needed and cannot be had.
        """
        token = b""
        try:
            found = bearer_token(facts.authorization)
            if found is None:
                return await self._browsers.authenticate(facts, scope["headers"])
            token = found
            return SignedIn(self._verifier.auth(token, self._verifier.at_once(token)))
        except KeyWanted:
            pass
        except TokenError as error:
            if isinstance(error, TokenInvalid) and classify(token) != "session_token":
                return SignedOut(TokenInvalid(_NO_SESSION))
            return _signed_out(error, scope.get("method"))
        try:
            verified = await self._verifier.verified(token)
        except TokenError as error:
            return _signed_out(error, scope.get("method"))
        return SignedIn(self._verifier.auth(token, verified))

    async def machine(self, facts: Facts, kind: TokenType) -> State[Any]:
        """Decide for a machine's token in the header.

        :raises BackendUnavailable: if Clerk's answer is needed and cannot be had.
        """
        token = bearer_token(facts.authorization)
        assert token is not None, "narrowed before"
        assert kind != "session_token", "narrowed before"
        return await self._machines.authenticate(token, kind)


_NO_SESSION: Final = "This is a machine's token; send the session token of a signed-in user here."


def _signed_out(error: TokenError, method: str | None) -> SignedOut:
    """Turn an error into a state, by a new error: the raised one keeps the token within reach."""
    logger.debug("signed out: %s", error.code)
    why = "non-eligible-no-refresh-cookie" if method == "GET" else "non-eligible-non-get"
    return SignedOut(type(error)(error.message), session_reason(error, why))
