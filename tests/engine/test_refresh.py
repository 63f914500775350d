"""Expired sessions are made fresh without a redirect where that is possible, and safely."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clerk_fastapi import BackendUnavailable, Clerk
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.clock import NOW, Clock
from tests.engine.connections import HOST, auth_of
from tests.engine.pages import DOCUMENT, FETCH, page, parameter, told

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]
Jar = dict[str, str]
HANDSHAKE = "https://local-clerk-0.clerk.accounts.dev/v1/client/handshake"
REASON = "session-token-expired-refresh-{}"


@pytest.fixture
def expired(local: LocalClerk, session: Session, clock: Clock) -> Jar:
    """The cookies of a browser that has slept for an hour."""
    jar = local.cookies(session, refresh=True)
    clock.now += 3_600
    return jar


def plain(local: LocalClerk, jar: Jar) -> Jar:
    """Without the suffixed cookies but the refresh token."""
    return {
        name: value
        for name, value in jar.items()
        if local.cookie_suffix not in name or name.startswith("__refresh")
    }


def answering(local: LocalClerk, answer: httpx.Response | Exception) -> Clerk[Any]:
    """A Clerk whose keys are known, and whose Backend API answers so."""

    def respond(request: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx.MockTransport(respond)
    return Clerk(**local.settings() | {"transport": transport}, jwt_key=local.jwt_key)


@pytest.mark.parametrize("destination", [DOCUMENT, FETCH, ("accept", "*/*")])
async def test_expired_session_is_made_fresh(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar, destination: Any
) -> None:
    """Any GET will do, since nobody is redirected; the answer carries the new cookies."""
    state = await clerk.authenticate(page("/", expired, destination))
    assert auth_of(state).session_id == session.id
    assert state.location is None
    names = [cookie.partition("=")[0] for cookie in state.cookies]
    suffix = local.cookie_suffix
    assert names == ["__session", f"__refresh_{suffix}", f"__session_{suffix}"]
    token = await auth_of(state).get_token()
    assert token == state.cookies[-1].partition("=")[2].partition(";")[0]
    assert token not in expired.values()


async def test_refresh_tells_clerk_what_it_needs_and_no_more(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar
) -> None:
    """What users see in the list of their devices; neither cookies nor passwords."""
    told_headers = {
        "user-agent": "Browser",
        "accept-language": "de",
        "referer": f"https://{HOST}/a",
        "origin": f"https://{HOST}",
        "x-forwarded-for": "203.0.113.9",
        "sec-ch-ua": "x",
        "sec-ch-ua-mobile": "?0",
        "sec-fetch-dest": "document",
    }
    secret = {
        "authorization": "Basic dXNlcjpwYXNz",
        "x-api-key": "secret",
        "proxy-authorization": "a",
    }
    headers = list((told_headers | secret).items())
    assert auth_of(await clerk.authenticate(page("/a?b", expired, *headers)))
    (seen,) = local.requests_to(f"/sessions/{session.id}/refresh")
    assert (seen.method, seen.query) == ("POST", "suffixed_cookies=true")
    assert seen.headers["authorization"] == f"Bearer {local.secret_key}"
    suffix = local.cookie_suffix
    assert json.loads(seen.body) == {
        "format": "cookie",
        "expired_token": expired[f"__session_{suffix}"],
        "refresh_token": expired[f"__refresh_{suffix}"],
        "request_origin": f"https://{HOST}",
        "request_headers": {
            name: [value] for name, value in ({"host": HOST} | told_headers).items()
        },
    }


async def test_plain_cookies_are_made_fresh_as_plain_ones(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar
) -> None:
    """Whoever has no suffixed cookies gets none."""
    state = await clerk.authenticate(page("/", plain(local, expired)))
    assert auth_of(state).session_id == session.id
    (seen,) = local.requests_to(f"/sessions/{session.id}/refresh")
    assert seen.query == ""


async def test_session_is_made_fresh_once_a_request(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar
) -> None:
    """Several guards ask, and a refresh token may be good for one time."""
    connection = page("/", expired)
    first = await clerk.authenticate(connection)
    assert await clerk.authenticate(connection) is first
    assert len(local.requests_to(f"/sessions/{session.id}/refresh")) == 1


# --- why not --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_only_gets_are_made_fresh(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar, method: str
) -> None:
    """As in Clerk's SDKs: others are told to fetch a token themselves."""
    state = await clerk.authenticate(page("/", expired, method=method))
    assert told(state) == "signed-out " + REASON.format("non-eligible-non-get")
    assert local.requests_to(f"/sessions/{session.id}/refresh") == []


async def test_websockets_are_not_made_fresh(clerk: Clerk, expired: Jar) -> None:
    """They could set no cookies."""
    state = await clerk.authenticate(page("/", expired, kind="websocket", scheme="wss"))
    assert told(state) == "signed-out " + REASON.format("non-eligible-non-get")


async def test_without_a_refresh_token_of_our_own_nothing_is_asked(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar
) -> None:
    """A plain ``__refresh`` is nobody's."""
    suffix = local.cookie_suffix
    without = {name: value for name, value in expired.items() if "refresh" not in name}
    for jar in (without, without | {"__refresh": "x"}, without | {f"__refresh_{suffix}": ""}):
        state = await clerk.authenticate(page("/", jar))
        reason = REASON.format("non-eligible-no-refresh-cookie")
        assert told(state) == f"handshake {reason} {HANDSHAKE}"
        assert parameter(state, "__clerk_hs_reason") == reason
        assert state.error.code == "token-expired"
    assert local.requests_to(f"/sessions/{session.id}/refresh") == []


@pytest.mark.parametrize("forgery", ["not-active-yet", "issued-in-the-future", "key-foreign"])
async def test_only_expired_sessions_are_made_fresh(
    clerk: Clerk, local: LocalClerk, session: Session, forgery: str
) -> None:
    """Whatever else is wrong with a token, it proves nothing."""
    jar = plain(local, local.cookies(session, refresh=True))
    jar |= {"__session": local.forge(forgery, session), "__client_uat": "5"}
    await clerk.authenticate(page("/", jar))
    assert local.requests_to(f"/sessions/{session.id}/refresh") == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.Response(401, json={"errors": [{"code": "refresh_gone"}]}), "refresh_gone"),
        (httpx.Response(400, json={"errors": [{"code": "<b>"}]}), "unexpected-bapi-error"),
        (httpx.Response(503, json={}), "unexpected-bapi-error"),
        (httpx.ConnectError("no"), "fetch-error"),
        (httpx.Response(200, text="<!doctype html>"), "fetch-error"),
        (httpx.Response(200, json={"cookies": []}), "unexpected-sdk-error"),
        (httpx.Response(200, json={"cookies": ["__client_uat=5"]}), "invalid-session-token"),
        (httpx.Response(200, json={"cookies": ["__session=a.b.c"]}), "invalid-session-token"),
        (httpx.Response(200, json={"cookies": [5, "__session="]}), "invalid-session-token"),
    ],
)
async def test_refresh_that_failed_becomes_a_handshake(
    local: LocalClerk, expired: Jar, answer: httpx.Response | Exception, why: str
) -> None:
    """Which tells Clerk why; what cannot be redirected is refused with the same reason."""
    clerk = answering(local, answer)
    state = await clerk.authenticate(page("/", expired))
    assert told(state) == f"handshake {REASON.format(why)} {HANDSHAKE}"
    assert parameter(state, "__clerk_hs_reason") == REASON.format(why)
    assert len(state.cookies) == 1
    state = await clerk.authenticate(page("/", expired, FETCH))
    assert told(state) == f"signed-out {REASON.format(why)}"
    assert state.cookies == ()


async def test_without_a_secret_key_nothing_can_be_asked(local: LocalClerk, expired: Jar) -> None:
    """Which is said, too."""
    settings = local.settings() | {"secret_key": "", "jwt_key": local.jwt_key}
    clerk: Clerk[Any] = Clerk(**settings)
    state = await clerk.authenticate(page("/", expired))
    assert told(state) == f"handshake {REASON.format('missing-api-client')} {HANDSHAKE}"


async def test_without_a_usable_host_nothing_can_be_asked(clerk: Clerk, expired: Jar) -> None:
    """Clerk wants to know for which origin."""
    state = await clerk.authenticate(page("/", expired, host=""))
    assert told(state) == "signed-out " + REASON.format("missing-api-client")


@pytest.mark.parametrize("forgery", ["template", "key-foreign", "expired", "iss-foreign"])
async def test_fresh_session_is_verified_like_any_other(
    local: LocalClerk, session: Session, expired: Jar, forgery: str
) -> None:
    """Category included."""
    cookies = [f"__session={local.forge(forgery, session)}; Path=/"]
    clerk = answering(local, httpx.Response(200, json={"cookies": cookies}))
    state = await clerk.authenticate(page("/", expired, FETCH))
    assert told(state) == "signed-out " + REASON.format("invalid-session-token")


async def test_cookies_that_are_not_clerks_are_not_passed_on(
    local: LocalClerk, session: Session, expired: Jar
) -> None:
    """Here as in handshakes."""
    good = f"__session={local.token(session)}; Path=/"
    clerk = answering(local, httpx.Response(200, json={"cookies": ["admin=1", good]}))
    state = await clerk.authenticate(page("/", expired))
    assert auth_of(state)
    assert state.cookies == (good,)


async def test_superseded_session_is_not_made_fresh(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar
) -> None:
    """Somebody has signed in or out since: the handshake knows."""
    jar = {name: str(NOW + 10) if "uat" in name else value for name, value in expired.items()}
    state = await clerk.authenticate(page("/", jar))
    assert told(state) == f"handshake session-token-iat-before-client-uat {HANDSHAKE}"
    assert local.requests_to(f"/sessions/{session.id}/refresh") == []


async def test_ended_session_is_not_made_fresh(
    clerk: Clerk, local: LocalClerk, session: Session, expired: Jar
) -> None:
    """Clerk has the last word."""
    local.end_session(session)
    state = await clerk.authenticate(page("/", expired))
    assert told(state).startswith("handshake session-token-expired-refresh-")


async def test_keys_that_cannot_be_had_are_an_outage(
    make_clerk: MakeClerk, local: LocalClerk, expired: Jar
) -> None:
    """Not even the expired token can be judged."""
    with local.outage("unreachable"), pytest.raises(BackendUnavailable):
        await make_clerk().authenticate(page("/", expired))


# --- planted refresh tokens -----------------------------------------------------------------------


async def test_neighbours_session_is_not_made_fresh_here(
    production: LocalClerk, visitor: Session, clock: Clock
) -> None:
    """A neighbouring subdomain can plant all cookies of its own visitor, expired or not."""
    visitor.origin = "https://evil.example.com"
    jar = production.cookies(visitor, refresh=True)
    clock.now += 3_600
    clerk = Clerk(**production.settings())
    state = await clerk.authenticate(page("/", jar, FETCH))
    assert told(state) == "signed-out " + REASON.format("invalid-session-token")
    assert production.requests_to(f"/sessions/{visitor.id}/refresh") == []


async def test_refresh_for_another_origin_is_not_believed(
    production: LocalClerk, visitor: Session, clock: Clock
) -> None:
    """Not even if Clerk answers so."""
    jar = production.cookies(visitor, refresh=True)
    clock.now += 3_600
    foreign = production.token(visitor, azp="https://evil.example.com")
    answer = httpx.Response(200, json={"cookies": [f"__session={foreign}"]})
    state = await answering(production, answer).authenticate(page("/", jar, FETCH))
    assert told(state) == "signed-out " + REASON.format("invalid-session-token")


@pytest.mark.parametrize("azp", [None, f"https://{HOST}"])
async def test_production_session_is_made_fresh(
    production: LocalClerk, visitor: Session, clock: Clock, azp: str | None
) -> None:
    """Of this origin, or of none."""
    visitor.origin = azp
    jar = production.cookies(visitor, refresh=True)
    clock.now += 3_600
    state = await Clerk(**production.settings()).authenticate(page("/", jar))
    assert auth_of(state).session_id == visitor.id
