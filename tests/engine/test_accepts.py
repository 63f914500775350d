"""A route takes the kinds of token that it names; others are refused before anything is done."""

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from clerk_fastapi import (
    ApiKeyAuth,
    Auth,
    BackendUnavailable,
    Clerk,
    ConfigurationError,
    Handshake,
    M2MAuth,
    OAuthAuth,
    SignedIn,
    SignedOut,
    TokenType,
)
from clerk_fastapi.engine.authenticate import SESSIONS, accepted
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.signing import base64url
from tests.engine.clock import Clock
from tests.engine.connections import bearer, browser, request
from tests.engine.pages import DOCUMENT, page, told

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]
KINDS = ["session_token", "api_key", "m2m_token", "oauth_token"]
AUTHS = {
    "session_token": Auth,
    "api_key": ApiKeyAuth,
    "m2m_token": M2MAuth,
    "oauth_token": OAuthAuth,
}


@pytest.fixture
def tokens(local: LocalClerk, session: Session) -> dict[str, str]:
    """Good tokens of every kind, opaque and not."""
    billing = local.add_machine("billing")
    mail = local.create_oauth_token(session.user, client_id="mail")
    m2m = local.create_m2m_token(billing)
    return {
        "session_token": local.token(session),
        "api_key": local.create_api_key(session.user).token,
        "m2m_token": m2m.token,
        "m2m_token JWT": local.as_jwt(m2m),
        "oauth_token": mail.token,
        "oauth_token JWT": local.as_jwt(mail),
    }


def kind_of(name: str) -> str:
    """The kind of one of those tokens."""
    return name.partition(" ")[0]


# --- what may be named ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepts", "kinds", "only"),
    [
        ("session_token", {"session_token"}, "session_token"),
        ("api_key", {"api_key"}, "api_key"),
        ("any", set(KINDS), None),
        (["api_key"], {"api_key"}, None),
        (["session_token"], {"session_token"}, None),
        (("session_token", "api_key", "api_key"), {"session_token", "api_key"}, None),
        ({"m2m_token", "oauth_token"}, {"m2m_token", "oauth_token"}, None),
        (iter(["m2m_token"]), {"m2m_token"}, None),
        (["any"], set(KINDS), None),
    ],
)
def test_kinds_are_named_alone_in_a_list_or_all(
    accepts: Any, kinds: set[str], only: str | None
) -> None:
    """One alone is told from a list of one, as in Clerk's SDKs."""
    named = accepted(accepts)
    assert (named.kinds, named.only) == (kinds, only)


@pytest.mark.parametrize(
    "accepts",
    [
        "",
        "session",
        "SESSION_TOKEN",
        "session_token,api_key",
        [],
        (),
        ["session_token", "any"],
        ["api_key", "junk"],
        [None],
        [["api_key"]],
        None,
        5,
        b"api_key",
        {"": "api_key"},
    ],
)
async def test_kind_that_does_not_exist_is_a_mistake(clerk: Clerk[Any], accepts: Any) -> None:
    """A route that accepts nothing was not meant."""
    with pytest.raises(ConfigurationError, match="accepts_token takes session_token"):
        accepted(accepts)
    with pytest.raises(ConfigurationError, match="accepts_token"):
        await clerk.authenticate(request(), accepts_token=accepts)


# --- who is accepted ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["session_token", "api_key", "m2m_token", "oauth_token"])
@pytest.mark.parametrize("listed", [False, True])
async def test_accepted_token_signs_in(
    clerk: Clerk[Any], tokens: dict[str, str], name: str, listed: bool
) -> None:
    """As the auth object of its kind, alone, in a list, and where all are accepted."""
    for each in (name, f"{name} JWT"):
        if each in tokens:
            for accepts in ([name, "api_key"] if listed else name, "any"):
                state = await clerk.authenticate(bearer(tokens[each]), accepts_token=accepts)
                assert isinstance(state, SignedIn)
                assert isinstance(state.auth, AUTHS[name])
                assert state.token_type == state.auth.token_type == name


def others(name: str) -> Iterable[Any]:
    """What a route may accept that does not accept this kind."""
    rest = [kind for kind in KINDS if kind != kind_of(name)]
    return [*rest, rest, rest[:1]]


@pytest.mark.parametrize(
    "name",
    ["session_token", "api_key", "m2m_token", "m2m_token JWT", "oauth_token", "oauth_token JWT"],
)
async def test_other_kinds_are_refused_without_a_call(
    clerk: Clerk[Any], local: LocalClerk, tokens: dict[str, str], name: str
) -> None:
    """Nothing is verified or sent, so that nobody can spend this server's calls."""
    with local.outage("unreachable"):
        for accepts in others(name):
            state = await clerk.authenticate(bearer(tokens[name]), accepts_token=accepts)
            assert isinstance(state, SignedOut)
            if accepts == "session_token" and name in ("api_key", "m2m_token", "oauth_token"):
                expected = "token-invalid"  # an opaque token is no JSON Web Token at all
            else:
                expected = "token-type-mismatch"
            assert (state.reason, state.error.code) == (expected, expected)
            alone = isinstance(accepts, str)
            assert state.token_type == (accepts if alone else None)
    assert local.requests == []


@pytest.mark.parametrize("name", ["api_key", "m2m_token", "oauth_token"])
async def test_machine_is_told_that_sessions_are_wanted(
    clerk: Clerk[Any], tokens: dict[str, str], name: str
) -> None:
    """The code is that of junk, as in Clerk's SDKs, and the sentence helps."""
    state = await clerk.authenticate(bearer(tokens[name]))
    junk = await clerk.authenticate(bearer("junk"))
    assert isinstance(state, SignedOut)
    assert isinstance(junk, SignedOut)
    assert state.error.code == junk.error.code == "token-invalid"
    assert "machine" in state.error.message
    assert "machine" not in junk.error.message


async def test_machine_token_is_read_from_the_header_only(
    clerk: Clerk[Any], tokens: dict[str, str]
) -> None:
    """Cookies travel without being asked."""
    for name in ("api_key", "m2m_token JWT"):
        jar = {"__session": tokens[name], "__client_uat": "5", "__clerk_db_jwt": "dvb_1"}
        state = await clerk.authenticate(browser(jar), accepts_token="any")
        assert isinstance(state, SignedOut)
        assert state.token_type == "session_token"


@pytest.mark.parametrize("accepts", ["api_key", "m2m_token", "oauth_token"])
async def test_missing_token_has_a_reason(
    clerk: Clerk[Any], local: LocalClerk, session: Session, accepts: Any
) -> None:
    """Even a browser that is signed in sends none, and is not redirected either."""
    for connection in (request(), page("/", local.cookies(session)), page()):
        alone = await clerk.authenticate(connection, accepts_token=accepts)
        listed = await clerk.authenticate(connection, accepts_token=[accepts])
        assert isinstance(alone, SignedOut)
        assert isinstance(listed, SignedOut)
        assert (alone.reason, alone.token_type) == ("No token in header", accepts)
        assert (listed.reason, listed.token_type) == ("token-type-mismatch", None)
        assert alone.error.code == listed.error.code == "machine-token-missing"
    assert local.requests == []


@pytest.mark.parametrize("accepts", ["api_key", ["api_key"], "any", ["session_token", "api_key"]])
@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "ak_opaque", "Bearer a, Bearer b"])
async def test_malformed_header_is_refused_for_every_kind(
    clerk: Clerk[Any], local: LocalClerk, session: Session, accepts: Any, value: str
) -> None:
    """And never falls back on cookies."""
    connection = browser(local.cookies(session), ("authorization", value))
    state = await clerk.authenticate(connection, accepts_token=accepts)
    assert isinstance(state, SignedOut)
    assert state.reason == "token-invalid"
    assert state.error.__context__ is None
    assert local.requests == []


@pytest.mark.parametrize("accepts", ["any", ["session_token", "m2m_token"], ["session_token"]])
async def test_without_a_token_browsers_are_judged_as_ever(
    clerk: Clerk[Any], local: LocalClerk, session: Session, accepts: Any
) -> None:
    """Where sessions are among what is accepted."""
    state = await clerk.authenticate(page("/", local.cookies(session)), accepts_token=accepts)
    assert told(state) == "signed-in"
    state = await clerk.authenticate(page(), accepts_token=accepts)
    assert isinstance(state, Handshake)


async def test_request_with_a_machine_token_goes_round_by_nobody(
    clerk: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """Neither does one whose token is refused."""
    key = local.create_api_key(session.user)
    local.revoke(key)
    authorization = ("authorization", f"Bearer {key.token}")
    for accepts in ("api_key", "any", ["session_token"], "m2m_token"):
        state = await clerk.authenticate(
            page("/", None, DOCUMENT, authorization), accepts_token=accepts
        )
        assert isinstance(state, SignedOut)
        assert state.location is None


# --- one request, several questions ---------------------------------------------------------------


async def test_answers_are_kept_by_kind(
    clerk: Clerk[Any], local: LocalClerk, tokens: dict[str, str]
) -> None:
    """Guards that accept different kinds never get each other's answers."""
    connection = bearer(tokens["api_key"])
    first = await clerk.authenticate(connection, accepts_token="api_key")
    assert await clerk.authenticate(connection, accepts_token="any") is first
    again = HTTPConnection(connection.scope)
    assert await clerk.authenticate(again, accepts_token=["api_key", "m2m_token"]) is first
    assert len(local.requests_to("/api_keys/verify")) == 1
    assert isinstance(await clerk.authenticate(connection), SignedOut)
    assert isinstance(await clerk.authenticate(connection, accepts_token="m2m_token"), SignedOut)
    assert await clerk.authenticate(connection, accepts_token="api_key") is first


async def test_kept_answer_of_a_machine_is_held_against_the_clock(
    clerk: Clerk[Any], local: LocalClerk, session: Session, clock: Clock
) -> None:
    """WebSockets outlive their tokens, whatever kind they are of."""
    key = local.create_api_key(session.user, expires_in=60)
    connection = request(("authorization", f"Bearer {key.token}"), kind="websocket")
    assert isinstance(await clerk.authenticate(connection, accepts_token="any"), SignedIn)
    clock.now += 1_000
    state = await clerk.authenticate(connection, accepts_token="any")
    assert isinstance(state, SignedOut)
    assert state.error.code == "token-expired"


async def test_outage_is_no_verdict_on_a_machine(
    clerk: Clerk[Any], local: LocalClerk, tokens: dict[str, str]
) -> None:
    """503, and nothing of it is kept."""
    connection = bearer(tokens["api_key"])
    with local.outage("error", status=500), pytest.raises(BackendUnavailable):
        await clerk.authenticate(connection, accepts_token="api_key")
    state = await clerk.authenticate(connection, accepts_token="api_key")
    assert isinstance(state, SignedIn)


def jwt(header: object, claims: object) -> str:
    """Something with three parts."""
    parts = [base64url(json.dumps(part).encode()) for part in (header, claims)]
    return ".".join([*parts, "AAAA"])


@pytest.mark.parametrize(
    ("token", "accepted_by"),
    [
        ("junk", "session_token"),
        ("a.b.c", "session_token"),
        ("mt_", "m2m_token"),
        ("oat_x.y.z", "oauth_token"),
        ("AK_x", "session_token"),
        (jwt({"typ": "at+jwt"}, {"sub": "user_1"}), "oauth_token"),
        (jwt({"typ": "application/at+jwt"}, {}), "oauth_token"),
        (jwt({"typ": "at+jwt"}, {"sub": "mch_1"}), "m2m_token"),
        (jwt({}, {"sub": "mch_1"}), "m2m_token"),
        (jwt({}, {"sub": ["mch_1"]}), "session_token"),
        (jwt({}, []), "session_token"),
    ],
)
async def test_kind_is_told_by_the_look_of_a_token(
    clerk: Clerk[Any], local: LocalClerk, token: str, accepted_by: str
) -> None:
    """What accepts another kind refuses it without a look at keys."""
    for kind in KINDS[1:]:
        if kind != accepted_by:
            state = await clerk.authenticate(bearer(token), accepts_token=[kind])
            assert isinstance(state, SignedOut)
            assert (state.reason, state.token_type) == ("token-type-mismatch", None)
    assert local.requests == []


def test_sessions_alone_are_the_default() -> None:
    """However it is said, no list is made of it."""
    assert accepted("session_token") is SESSIONS


@pytest.mark.parametrize("token", ["ak_1", "mt_1", "oat_1"])
async def test_machine_on_a_session_route_is_told_what_is_wanted(
    clerk: Clerk[Any], token: str
) -> None:
    """The token is well formed, only the wrong one."""
    state = await clerk.authenticate(bearer(token))
    assert isinstance(state, SignedOut)
    assert (state.reason, state.error.code) == ("token-invalid", "token-invalid")
    assert "session token of a signed-in user" in state.error.message


async def test_refusal_says_which_token_to_send(clerk: Clerk[Any]) -> None:
    """Neither a session token to machines nor a list of all kinds."""
    kinds: tuple[TokenType, ...] = ("session_token", "api_key")
    for connection in (bearer("mt_1"), request()):
        state = await clerk.authenticate(connection, accepts_token="api_key")
        assert isinstance(state, SignedOut)
        assert state.error.message == "Send 'Authorization: Bearer <token>' with an API key."
    state = await clerk.authenticate(bearer("mt_1"), accepts_token=kinds)
    assert isinstance(state, SignedOut)
    assert "with the session token of a signed-in user or an API key." in state.error.message
