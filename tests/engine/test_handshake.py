"""Coming home from a handshake: what is believed, what is set, and where the browser goes on."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clerk_fastapi import BackendUnavailable, Clerk
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.connections import HOST, auth_of, code_of
from tests.engine.pages import DOCUMENT, FETCH, directives, page, told, with_nonce, with_token

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]
HOME = f"https://{HOST}/page?x=1"
HANDSHAKE = "https://local-clerk-0.clerk.accounts.dev/v1/client/handshake"


# --- development: in the URL ----------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["nonce", "token"])
async def test_development_browser_is_signed_in_and_sent_on(
    clerk: Clerk, local: LocalClerk, session: Session, carrier: str
) -> None:
    """With the cookies as Clerk wrote them, and a URL without what it brought."""
    brought = directives(local, session)
    target = with_token(local.handshake_token(brought))
    if carrier == "nonce":
        target = with_nonce(local, brought)
    state = await clerk.authenticate(page(target))
    assert auth_of(state).user_id == session.user.id
    assert state.cookies == tuple(brought)
    assert state.location == HOME
    assert await auth_of(state).get_token() == brought[1].partition("=")[2].partition(";")[0]


async def test_nonce_is_turned_in_once_a_request(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Several guards ask, and Clerk hands the directives out one time only."""
    connection = page(with_nonce(local, directives(local, session)))
    states = [await clerk.authenticate(connection) for _ in range(3)]
    assert [told(state) for state in states] == [f"signed-in https://{HOST}/page"] * 3
    assert len(local.requests_to("/clients/handshake_payload")) == 1


async def test_nonce_wins_over_the_token(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """As in Clerk's SDKs."""
    target = with_nonce(local, directives(local, session)) + "&__clerk_handshake=junk"
    assert auth_of(await clerk.authenticate(page(target)))


@pytest.mark.parametrize(
    ("headers", "method"),
    [([FETCH], "GET"), ([DOCUMENT], "POST"), ([DOCUMENT], "HEAD"), ([("accept", "*/*")], "GET")],
)
@pytest.mark.parametrize("kind", ["development", "production"])
async def test_who_was_not_sent_away_brings_nothing_home(
    request: pytest.FixtureRequest, headers: list[Any], method: str, kind: str
) -> None:
    """A form that a stranger's page sends must not sign its victim in as somebody else."""
    local = request.getfixturevalue("local" if kind == "development" else "production")
    session = request.getfixturevalue("session" if kind == "development" else "visitor")
    brought = directives(local, session)
    jar = {"__clerk_handshake": local.handshake_token(brought), "__clerk_db_jwt": "dvb_1"}
    connection = page(with_nonce(local, brought), jar, *headers, method=method)
    state = await Clerk(**local.settings()).authenticate(connection)
    assert told(state) == "signed-out session-token-and-uat-missing"
    assert state.cookies == ()
    assert local.requests == []


@pytest.mark.parametrize("carrier", ["query", "cookie"])
async def test_websocket_brings_nothing_home(
    clerk: Clerk, local: LocalClerk, session: Session, carrier: str
) -> None:
    """It could set no cookies, and any page can open one."""
    token = local.handshake_token(directives(local, session))
    target, jar = (
        (with_token(token), {}) if carrier == "query" else ("/", {"__clerk_handshake": token})
    )
    state = await clerk.authenticate(page(target, jar, kind="websocket", scheme="wss"))
    assert told(state) == "signed-out dev-browser-missing"


async def test_request_with_a_token_in_the_header_brings_nothing_home(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """It speaks for itself."""
    target = with_token(local.handshake_token(directives(local, session)))
    authorization = ("authorization", local.bearer(session)["Authorization"])
    state = await clerk.authenticate(page(target, None, DOCUMENT, authorization))
    assert told(state) == "signed-in"
    assert state.cookies == ()


async def test_request_without_a_usable_host_brings_nothing_home(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Nobody knows which cookies would be its own."""
    jar = {"__clerk_handshake": local.handshake_token(directives(local, session))}
    assert told(await clerk.authenticate(page("/", jar, host=""))) == (
        "signed-out dev-browser-missing"
    )


@pytest.mark.parametrize(
    "brought",
    [
        ["__session=; Path=/; Max-Age=0", "__client_uat=0; Path=/"],
        ["__client_uat=0; Path=/"],
        [],
    ],
)
async def test_browser_that_is_signed_out_is_sent_on_signed_out(
    clerk: Clerk, local: LocalClerk, brought: list[str]
) -> None:
    """With the cookies that say so, and not to the handshake again."""
    state = await clerk.authenticate(page(with_nonce(local, brought)))
    assert told(state) == f"signed-out session-token-missing https://{HOST}/page"
    assert state.cookies == tuple(brought)
    assert code_of(state) == "session-token-missing"


async def test_directives_of_others_are_not_passed_on(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Names that are not Clerk's, foreign domains, second lines, and what is no text."""
    good = f"__session={local.token(session)}; Path=/"
    bad = ["admin=1", "__client_uat=5; Domain=evil.example", "__session=a\r\nX: y"]
    token = local.handshake_token([*bad, good])
    state = await clerk.authenticate(page(with_token(token)))
    assert state.cookies == ("__client_uat=5", good)
    assert auth_of(state)


async def test_session_of_another_instances_cookie_is_not_taken(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Exactly ours or the plain one, whatever stands after it."""
    brought = [f"__session_other678={local.token(session)}; Path=/"]
    state = await clerk.authenticate(page(with_nonce(local, brought)))
    assert told(state).startswith("signed-out session-token-missing")


# --- production: in cookies -----------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["nonce", "token"])
async def test_production_browser_is_signed_in_where_it_is(
    production: LocalClerk, visitor: Session, carrier: str
) -> None:
    """There is nothing in the URL to be rid of."""
    brought = directives(production, visitor)
    jar = {"__clerk_handshake": production.handshake_token(brought)}
    if carrier == "nonce":
        jar = {"__clerk_handshake_nonce": production.nonces.keep(brought)}
    state = await Clerk(**production.settings()).authenticate(page("/", jar))
    assert told(state) == "signed-in"
    assert state.cookies == tuple(brought)


async def test_links_bring_nothing_home_in_production(
    production: LocalClerk, visitor: Session
) -> None:
    """What stands in a URL, anybody may have written: it would sign a victim in as somebody."""
    clerk = Clerk(**production.settings())
    brought = directives(production, visitor)
    for target in (
        with_nonce(production, brought),
        with_token(production.handshake_token(brought)),
    ):
        state = await clerk.authenticate(page(target))
        assert told(state) == "signed-out session-token-and-uat-missing"
    assert production.requests == []


async def test_planted_handshake_of_another_origin_is_refused(
    production: LocalClerk, visitor: Session
) -> None:
    """A neighbouring subdomain can set these cookies, for a session of its own visitor."""
    visitor.origin = "https://evil.example.com"
    jar = {"__clerk_handshake": production.handshake_token(directives(production, visitor))}
    state = await Clerk(**production.settings()).authenticate(page("/", jar))
    assert told(state) == "signed-out session-token-and-uat-missing"
    parties = [f"https://{HOST}", "https://evil.example.com"]
    trusting = Clerk(**production.settings(), authorized_parties=parties)
    assert told(await trusting.authenticate(page("/", jar))) == "signed-in"


async def test_cookies_bring_home_in_development_too(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Where the URL has nothing."""
    jar = {"__clerk_handshake": local.handshake_token(directives(local, session))}
    assert (
        told(await clerk.authenticate(page("/page?x=1", jar))) == f"signed-in https://{HOST}/page"
    )


# --- while Clerk is down --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outage",
    [{"status": 503}, {"status": 429}, {"status": 401}, {"kind": "html"}, {"kind": "unreachable"}],
)
async def test_nonce_while_clerk_is_down(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, outage: dict[str, Any]
) -> None:
    """Who is signed in goes on; of others nobody can say that they are not: 503, not 401."""
    clerk = make_clerk(jwt_key=local.jwt_key, backend_timeout=20)
    target, jar = with_nonce(local, directives(local, session)), local.cookies(session)
    with local.outage(**outage):
        assert told(await clerk.authenticate(page(target, jar))) == "signed-in"
        for others in ({}, {"__clerk_db_jwt": "dvb_1"}, {"__clerk_redirect_count": "3"}):
            with pytest.raises(BackendUnavailable) as caught:
                await clerk.authenticate(page(target, others))
            assert caught.value.__context__ is None
    assert told(await clerk.authenticate(page(target))) == f"signed-in https://{HOST}/page"


async def test_outage_tells_how_long_to_wait(clerk: Clerk, local: LocalClerk) -> None:
    """As Clerk itself said."""
    target = with_nonce(local, [])
    with (
        local.outage(status=429, headers={"Retry-After": "7"}),
        pytest.raises(BackendUnavailable) as caught,
    ):
        await clerk.authenticate(page(target))
    assert caught.value.retry_after == 7


async def test_handshake_token_while_clerk_is_down(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Without keys it cannot be told from a forged one."""
    clerk = make_clerk(transport=httpx.MockTransport(lambda request: httpx.Response(404)))
    target = with_token(local.handshake_token(directives(local, session)))
    with pytest.raises(BackendUnavailable):
        await clerk.authenticate(page(target))


async def test_pending_session_brought_home_keeps_its_cookies(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """The tasks that are left are done with them."""
    session.status = "pending"
    brought = directives(local, session)
    connection = page(with_nonce(local, brought))
    state = await clerk.authenticate(connection)
    assert code_of(state) == "session-pending"
    assert (state.cookies, state.location) == (tuple(brought), f"{HOME}")
