"""What one process remembers of tokens that Clerk minted for sessions."""

from __future__ import annotations

from typing import NamedTuple

from cachetools import LRUCache

__all__ = ["Minted", "MintedTokens", "SessionState", "Wanted"]

_SHORTLY = 10  # seconds before its expiry a token is of no more use to those who get it
_MOST_OF_A_SESSION = 32
_STILL_SO = 2  # seconds for which what a session token says is taken to be so at Clerk


class SessionState(NamedTuple):
    """What a session token says of its session: a digest of it, and as of when."""

    digest: bytes
    issued_at: int


class Wanted(NamedTuple):
    """Which token is wanted: that of a template, or with a lifetime, or both."""

    template: str | None
    expires_in_seconds: int | None


class Minted(NamedTuple):
    """A token; ``minted_at`` is by Clerk's clock, ``since`` and ``expires_at`` by ours."""

    token: str
    minted_at: float
    since: float
    expires_at: float


class _Session:
    """The tokens of a session in the state that it is in now."""

    def __init__(self, state: SessionState) -> None:
        self.state = state
        self.tokens: dict[Wanted, tuple[Minted, SessionState]] = {}


class MintedTokens:
    """Tokens by session and by the state that it was in; another state forgets them all.

    What a token says follows from the state of its session, such as the active organization, so
    one that was minted in another state is never handed out. Clerk mints by the state that a
    session is in at that moment, and a session token may be from before the user went elsewhere.
    So what was minted for one that was not fresh is for those alone who ask with one as old: when
    the user is back, a newer session token says the same, and yet it may be another state.

    :param size: how many sessions are kept; those not used for longest give way.
    """

    def __init__(self, size: int = 4_096) -> None:
        self._sessions: LRUCache[str, _Session] = LRUCache(size)

    def get(self, session_id: str, state: SessionState, wanted: Wanted, now: float) -> str | None:
        """A token that is good for a while yet, if there is one."""
        session = self._current(session_id, state)
        kept = None if session is None else session.tokens.get(wanted)
        if session is None or kept is None:
            return None
        minted, asked_with = kept
        was_fresh = minted.minted_at - asked_with.issued_at <= _STILL_SO
        # One from the future tells of a clock that was set back: its age is unknown.
        is_good = minted.since <= now < minted.expires_at - _SHORTLY
        if is_good and (was_fresh or state.issued_at < minted.minted_at):
            return minted.token
        del session.tokens[wanted]
        return None

    def put(self, session_id: str, state: SessionState, wanted: Wanted, minted: Minted) -> None:
        """Remember a token, unless the session is known to have moved on meanwhile."""
        session = self._current(session_id, state)
        if session is None:
            if session_id in self._sessions:
                return
            session = self._sessions[session_id] = _Session(state)
        if len(session.tokens) >= _MOST_OF_A_SESSION:
            del session.tokens[next(iter(session.tokens))]
        session.tokens[wanted] = minted, state

    def forget(self, session_id: str) -> None:
        """Drop the tokens of a session that has ended."""
        self._sessions.pop(session_id, None)

    def _current(self, session_id: str, state: SessionState) -> _Session | None:
        """The session, if it is known to be in this state; a later one outdates what is known."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        if session.state.digest == state.digest:
            session.state = max(session.state, state)
            return session
        if state.issued_at >= session.state.issued_at:
            self.forget(session_id)
        return None
