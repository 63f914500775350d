"""Browsers and their cookies: who is signed in, who is sent to Clerk, and who is turned away."""

from collections.abc import Callable
from typing import Any

import pytest

from clerk_fastapi import BackendUnavailable, Clerk, SessionClaims
from clerk_fastapi.backend.jwks import PinnedKey
from clerk_fastapi.engine.browser import Browsers
from clerk_fastapi.engine.session_tokens import SessionTokens
from clerk_fastapi.engine.verifier import Verifier
from clerk_fastapi.protocol.credentials import Facts
from clerk_fastapi.protocol.reading import ClaimsReader
from clerk_fastapi.settings import KeyArguments, RuleArguments, SiteArguments, read_settings
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.clock import NOW, Clock
from tests.engine.connections import HOST, auth_of, code_of, request
from tests.engine.pages import DOCUMENT, FETCH, page, parameter, told
from tests.engine.revoking import revocations

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]
HANDSHAKE = "https://local-clerk-0.clerk.accounts.dev/v1/client/handshake"
PRODUCTION_HANDSHAKE = "https://clerk.example.com/v1/client/handshake"


# --- the page of a browser ------------------------------------------------------------------------


async def test_signed_in_browser_stays(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """Nothing is redirected or set without need."""
    state = await clerk.authenticate(page(cookies=local.cookies(session)))
    assert auth_of(state).user_id == session.user.id
    assert (state.location, state.cookies, state.reason) == (None, (), None)
    assert state.token_type == "session_token"


async def test_unknown_browser_is_introduced(clerk: Clerk) -> None:
    """The first page in development goes round by Clerk, with everything it has to know."""
    state = await clerk.authenticate(page("/welcome?x=1"))
    assert told(state) == f"handshake dev-browser-missing {HANDSHAKE}"
    assert parameter(state, "redirect_url") == f"https://{HOST}/welcome?x=1"
    assert parameter(state, "format") == "nonce"
    assert state.cookies == ("__clerk_redirect_count=1; Path=/; SameSite=Lax; HttpOnly; Max-Age=2",)
    assert state.token_type == "session_token"
    assert state.error.code == "session-token-and-uat-missing"


async def test_production_browser_without_cookies_is_signed_out(production: LocalClerk) -> None:
    """There is nothing that Clerk could tell of it."""
    clerk = Clerk(**production.settings())
    assert told(await clerk.authenticate(page())) == "signed-out session-token-and-uat-missing"


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("__client_uat", "session-token-but-no-client-uat"),
        ("__session", "client-uat-but-no-session-token"),
    ],
)
async def test_half_a_sign_in_is_asked_about(
    production: LocalClerk, visitor: Session, missing: str, reason: str
) -> None:
    """One of the two cookies says that somebody is signed in, and the other does not."""
    clerk = Clerk(**production.settings())
    jar = {
        name: value
        for name, value in production.cookies(visitor).items()
        if not name.startswith(missing)
    }
    assert told(await clerk.authenticate(page(cookies=jar))) == (
        f"handshake {reason} {PRODUCTION_HANDSHAKE}"
    )
    assert told(await clerk.authenticate(page("/", jar, FETCH))) == f"signed-out {reason}"


async def test_newer_sign_in_state_is_asked_about(
    clerk: Clerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Somebody switched organizations in another tab: the token is old news."""
    jar = local.cookies(session)
    clock.now += 10
    local.switch_organization(session, None)
    jar |= {name: value for name, value in local.cookies(session).items() if "uat" in name}
    state = await clerk.authenticate(page(cookies=jar))
    assert told(state) == f"handshake session-token-iat-before-client-uat {HANDSHAKE}"
    clock.now += 1_000  # whatever else the token lacks
    state = await clerk.authenticate(page(cookies=jar))
    assert told(state) == f"handshake session-token-iat-before-client-uat {HANDSHAKE}"


@pytest.mark.parametrize(
    ("forgery", "reason", "sent"),
    [
        ("expired", "session-token-expired-refresh-non-eligible-no-refresh-cookie", True),
        ("not-active-yet", "session-token-nbf", True),
        ("issued-in-the-future", "session-token-iat-in-the-future", True),
        ("key-foreign", "token-invalid-signature", False),
        ("kid-unknown", "jwk-kid-mismatch", False),
        ("alg-none-signed", "token-invalid-algorithm", False),
        ("iss-foreign", "token-invalid-issuer", False),
        ("template", "token-type-mismatch", False),
        ("typ-at-jwt", "token-type-mismatch", False),
        ("exp-text", "token-verification-failed", False),
        ("parts-two", "token-invalid", False),
    ],
)
async def test_only_what_time_heals_is_sent_to_clerk(
    clerk: Clerk, local: LocalClerk, session: Session, forgery: str, reason: str, sent: bool
) -> None:
    """A forged token stays forged: its bearer is turned away with the reason."""
    jar = local.cookies(session)
    jar = {name: value for name, value in jar.items() if not name.startswith("__session")}
    jar = {name: "1" if "uat" in name else value for name, value in jar.items()}
    jar[f"__session_{local.cookie_suffix}"] = local.forge(forgery, session)
    state = await clerk.authenticate(page(cookies=jar))
    assert told(state) == (f"handshake {reason} {HANDSHAKE}" if sent else f"signed-out {reason}")
    if sent:
        assert parameter(state, "__clerk_hs_reason") == reason
        assert parameter(state, "__session") == jar[f"__session_{local.cookie_suffix}"]
        assert parameter(state, "suffixed_cookies") == "true"


async def test_machine_token_in_a_cookie_is_no_session(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Tokens of machines travel in the header; a cookie full of one is not even superseded."""
    jar = local.cookies(session) | {"__session": local.forge("template", session)}
    jar = {name: value for name, value in jar.items() if local.cookie_suffix not in name}
    jar["__client_uat"] = str(NOW + 1_000)
    state = await clerk.authenticate(page(cookies=jar))
    assert told(state) == "signed-out token-type-mismatch"


# --- who is never sent anywhere -------------------------------------------------------------------

EVERY_REASON = [
    ({}, "dev-browser-missing"),
    ({"__clerk_db_jwt": "dvb_1", "__client_uat": "5"}, "client-uat-but-no-session-token"),
    ({"__clerk_db_jwt": "dvb_1", "__session": "a.b.c"}, "session-token-but-no-client-uat"),
]


@pytest.mark.parametrize(("jar", "reason"), EVERY_REASON)
@pytest.mark.parametrize(
    ("headers", "method"),
    [
        ([DOCUMENT], "POST"),
        ([DOCUMENT], "HEAD"),
        ([DOCUMENT], "PUT"),
        ([FETCH], "GET"),
        ([FETCH, ("accept", "text/html")], "GET"),
        ([("sec-fetch-dest", "image")], "GET"),
        ([("accept", "application/json")], "GET"),
        ([("accept", "*/*")], "GET"),
        ([("user-agent", "curl")], "GET"),
    ],
)
async def test_only_pages_go_round_by_clerk(
    clerk: Clerk, jar: dict[str, str], reason: str, headers: list[Any], method: str
) -> None:
    """Forms, calls of scripts, images and programs are told the truth at once."""
    state = await clerk.authenticate(page("/", jar, *headers, method=method))
    assert told(state) == f"signed-out {reason}"
    assert state.cookies == ()


@pytest.mark.parametrize(("jar", "reason"), EVERY_REASON)
async def test_websockets_go_round_by_nobody(
    clerk: Clerk, jar: dict[str, str], reason: str
) -> None:
    """Their handshake is another one."""
    state = await clerk.authenticate(page("/", jar, kind="websocket", scheme="wss"))
    assert told(state) == f"signed-out {reason}"


@pytest.mark.parametrize(
    ("forgery", "reason"),
    [
        ("expired", "session-token-expired-refresh-non-eligible-no-refresh-cookie"),
        ("not-active-yet", "session-token-nbf"),
        ("issued-in-the-future", "session-token-iat-in-the-future"),
    ],
)
async def test_token_in_the_header_goes_round_by_nobody(
    clerk: Clerk, local: LocalClerk, session: Session, forgery: str, reason: str
) -> None:
    """Whoever sends one is a program; cookies that could be refreshed do not count beside it."""
    authorization = ("authorization", f"Bearer {local.forge(forgery, session)}")
    jar = local.cookies(session, refresh=True)
    state = await clerk.authenticate(page("/", jar, DOCUMENT, authorization))
    assert told(state) == f"signed-out {reason}"
    assert local.requests_to(f"/sessions/{session.id}/refresh") == []
    posted = await clerk.authenticate(page("/", jar, DOCUMENT, authorization, method="POST"))
    assert posted.reason == reason.replace("no-refresh-cookie", "non-get")


@pytest.mark.parametrize("host", ["", "ada@app.example.com", "app.example.com/x", "a, b"])
async def test_request_without_a_usable_host_goes_round_by_nobody(clerk: Clerk, host: str) -> None:
    """There is no place to come back to."""
    assert told(await clerk.authenticate(page(host=host))) == "signed-out dev-browser-missing"


async def test_request_without_a_navigation_goes_round_by_nobody(local: LocalClerk) -> None:
    """Nobody knows what it wanted."""
    settings = KeyArguments(local.publishable_key, local.secret_key, local.jwt_key)
    found = read_settings(settings, RuleArguments(), SiteArguments())
    keys, reader = PinnedKey(found.jwt_key), ClaimsReader(SessionClaims)
    revoked = revocations(local.clock)
    tokens = SessionTokens(None, revoked, local.clock, 3_600)
    verifier = Verifier(found.rules, keys, None, revoked, tokens, reader, local.clock)
    facts = Facts("http", "https", None, b"__client_uat=5", HOST.encode(), None, None)
    state = await Browsers(found.site, verifier, None).authenticate(facts, ())
    assert told(state) == "signed-out dev-browser-missing"


async def test_absolute_target_goes_round_by_nobody(clerk: Clerk) -> None:
    """What proxies are asked is no page of this site."""
    state = await clerk.authenticate(page("http://evil.example/"))
    assert told(state) == "signed-out dev-browser-missing"


async def test_path_like_a_host_stays_a_path(clerk: Clerk) -> None:
    """``//evil.example`` is a page of this origin, and comes back to it."""
    state = await clerk.authenticate(page("//evil.example/x"))
    assert parameter(state, "redirect_url") == f"https://{HOST}//evil.example/x"


@pytest.mark.parametrize("count", ["3", "4", "1e9", "Infinity", "0x3", "3.0", "9" * 400])
async def test_broken_instance_stops_after_three_redirects(clerk: Clerk, count: str) -> None:
    """With a sentence that names what to check."""
    state = await clerk.authenticate(page("/", {"__clerk_redirect_count": count}))
    assert told(state) == "signed-out dev-browser-missing"
    assert state.cookies == ()
    assert "CLERK_SECRET_KEY" in state.error.message


@pytest.mark.parametrize(
    ("count", "next_count"), [("2", 3), ("-1", 1), ("abc", 1), ("NaN", 1), ("", 1)]
)
async def test_unreadable_counts_begin_anew(clerk: Clerk, count: str, next_count: int) -> None:
    """Below three the browser is sent once more."""
    state = await clerk.authenticate(page("/", {"__clerk_redirect_count": count}))
    assert state.cookies[0].startswith(f"__clerk_redirect_count={next_count}; Path=/;")


# --- origins --------------------------------------------------------------------------------------


async def test_production_cookie_of_another_origin_is_refused(
    production: LocalClerk, visitor: Session
) -> None:
    """With its reason, and without a redirect."""
    clerk = Clerk(**production.settings())
    jar = production.cookies(visitor)
    assert told(await clerk.authenticate(page(cookies=jar))) == "signed-in"
    state = await clerk.authenticate(page(cookies=jar, host="www.example.com"))
    assert told(state) == "signed-out token-invalid-authorized-parties"
    state = await clerk.authenticate(page(cookies=jar, host="ada@app.example.com"))
    assert told(state) == "signed-out token-invalid-authorized-parties"


async def test_websocket_of_another_origin_has_a_reason(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """It is not one of Clerk's, who knows no WebSockets."""
    connection = page(
        "/", local.cookies(session), ("origin", "https://evil.example"), kind="websocket"
    )
    assert told(await clerk.authenticate(connection)) == "signed-out websocket-origin-mismatch"


# --- outages, and what is fetched -----------------------------------------------------------------


async def test_outage_of_clerk_is_nobodys_sign_out(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Without keys there is no verdict; what needs no key is told as ever."""
    with local.outage("unreachable"):
        with pytest.raises(BackendUnavailable):
            await clerk.authenticate(page(cookies=local.cookies(session)))
        assert told(await clerk.authenticate(page())).startswith("handshake dev-browser-missing")


async def test_nothing_is_fetched_to_send_a_browser_away(clerk: Clerk, local: LocalClerk) -> None:
    """Nor for one that has nothing."""
    for connection in (page(), request(), page("/", {"__client_uat": "5"}, method="POST")):
        await clerk.authenticate(connection)
    assert local.requests == []


async def test_pending_browser_counts_as_signed_out(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """As in the header; it is sent nowhere."""
    session.status = "pending"
    connection = page(cookies=local.cookies(session))
    assert code_of(await clerk.authenticate(connection)) == "session-pending"
    pending = await clerk.authenticate(connection, treat_pending_as_signed_out=False)
    assert auth_of(pending).is_pending
