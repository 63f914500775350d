"""Tokens of sessions are remembered for as long as they are good, and the session is as it was."""

import pytest

from clerk_fastapi.stores.minted import Minted, MintedTokens, SessionState, Wanted

NOW = 1_800_000_000
SUPABASE = Wanted("supabase", None)
AT_ACME, AT_HOME = b"acme", b"home"


def state(digest: bytes, issued: float = 0) -> SessionState:
    """What a token says that was issued so many seconds from now."""
    return SessionState(digest, int(NOW + issued))


def remembering(size: int = 10) -> MintedTokens:
    """A memory of one token, good for ten minutes."""
    memory = MintedTokens(size)
    put(memory)
    return memory


def put(memory: MintedTokens, session: str = "s", wanted: Wanted = SUPABASE, **more: float) -> None:
    """Remember a token of a session at ACME, called after what was wanted."""
    issued, now = more.get("issued", 0), NOW + more.get("after", 0)
    memory.put(session, state(AT_ACME, issued), wanted, minted(f"token for {wanted.template}", now))


def minted(token: str, now: float = NOW) -> Minted:
    """A token of this moment, good until ten minutes from the beginning."""
    return Minted(token, minted_at=now, since=now, expires_at=NOW + 600)


def get(memory: MintedTokens, digest: bytes = AT_ACME, *, after: float = 0, issued: float = 0):
    """Ask for it so many seconds later, with a session token that was issued so much later."""
    return memory.get("s", state(digest, issued), SUPABASE, NOW + after)


def test_token_is_remembered_until_shortly_before_it_expires() -> None:
    """Whoever gets it has ten seconds to use it."""
    memory = remembering()
    assert get(memory) == get(memory, after=589, issued=580) == "token for supabase"
    assert get(memory, after=590) is None
    assert get(memory) is None, "it was dropped"


def test_token_of_the_future_is_not_believed() -> None:
    """A clock that was set back does not know how old it is."""
    assert get(remembering(), after=-1) is None


def test_other_tokens_are_others() -> None:
    """By session, by template and by lifetime."""
    memory, now = remembering(), state(AT_ACME)
    for wanted in (Wanted("hasura", None), Wanted("supabase", 30), Wanted(None, 30)):
        assert memory.get("s", now, wanted, NOW) is None
    assert memory.get("t", now, SUPABASE, NOW) is None


def test_another_state_of_the_session_forgets_all() -> None:
    """Going to another organization and back does not bring old tokens back."""
    memory = remembering()
    assert get(memory, AT_HOME, issued=5) is None
    assert get(memory, AT_ACME, issued=9) is None


def test_state_of_the_past_forgets_nothing_and_gets_nothing() -> None:
    """A request that was on its way while the user switched."""
    memory = remembering()
    assert get(memory, AT_HOME, issued=-5) is None
    assert get(memory) == "token for supabase"


@pytest.mark.parametrize(("age", "is_certain"), [(0, True), (2, True), (3, False), (50, False)])
def test_token_asked_for_with_an_old_session_token_is_for_those_as_old(
    age: int, is_certain: bool
) -> None:
    """The user may have been elsewhere meanwhile; a newer one says that they are back."""
    memory = MintedTokens()
    put(memory, issued=0, after=age)
    assert get(memory, after=age, issued=0) == "token for supabase"
    assert get(memory, after=age, issued=age - 1) == "token for supabase"
    kept = get(memory, after=age, issued=age)
    assert (kept == "token for supabase") is is_certain
    assert (get(memory, after=age) is not None) is is_certain, "it was dropped"


def test_newest_state_is_kept_in_mind() -> None:
    """What counts is when the session was last seen so, not when that was first remembered."""
    memory = remembering()
    assert get(memory, issued=50) is not None
    assert get(memory, AT_HOME, issued=20) is None
    assert get(memory) is not None


def test_token_for_a_state_of_the_past_is_not_remembered() -> None:
    """It took long to be minted, and the user has switched meanwhile."""
    memory = MintedTokens()
    memory.put("s", state(AT_HOME, 5), SUPABASE, minted("home"))
    put(memory, issued=0)
    assert get(memory) is None
    assert get(memory, AT_HOME, issued=5) == "home"


def test_forgotten_session_has_no_tokens() -> None:
    """As when it has ended."""
    memory = remembering()
    memory.forget("s")
    memory.forget("unheard of")
    assert get(memory) is None


def test_sessions_not_used_for_longest_give_way() -> None:
    """Memory is bounded."""
    memory = remembering(size=2)
    put(memory, "t")
    assert get(memory) is not None
    put(memory, "u")
    assert memory.get("t", state(AT_ACME), SUPABASE, NOW) is None
    assert get(memory) is not None


def test_tokens_of_one_session_are_bounded() -> None:
    """Whoever makes up lifetimes fills no memory."""
    memory = remembering()
    for seconds in range(1, 33):
        put(memory, wanted=Wanted("supabase", seconds))
    assert get(memory) is None
    assert memory.get("s", state(AT_ACME), Wanted("supabase", 32), NOW) is not None
