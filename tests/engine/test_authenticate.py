"""One request, one answer: who is signed in, or the reason why nobody is."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from clerk_fastapi import BackendUnavailable, Clerk, SignedIn, SignedOut
from clerk_fastapi.testing import LocalClerk, Session
from tests.engine.clock import NOW, Clock
from tests.engine.connections import HOST, auth_of, bearer, browser, code_of, request

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


async def test_bearer_token_signs_in(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """A fresh token in the header is all it takes."""
    state = await clerk.authenticate(bearer(local.token(session)))
    assert state.status == "signed-in"
    assert auth_of(state).user_id == session.user.id


async def test_cookies_sign_in(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """The cookies of a browser are as good."""
    state = await clerk.authenticate(browser(local.cookies(session)))
    assert auth_of(state).session_id == session.id


async def test_nobody_is_signed_out_and_not_an_error(clerk: Clerk, local: LocalClerk) -> None:
    """No token is a state, and nothing is fetched for it."""
    state = await clerk.authenticate(request())
    assert isinstance(state, SignedOut)
    assert (state.status, state.error.code) == ("signed-out", "session-token-and-uat-missing")
    assert state.error.status == 401
    assert local.requests == []


async def test_bad_header_token_beats_good_cookies(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """A request that speaks for itself is judged by what it says."""
    for value, code in (
        (f"Bearer {local.forge('expired', session)}", "token-expired"),
        ("Bearer junk", "token-invalid"),
        ("Bearer", "token-invalid"),
    ):
        state = await clerk.authenticate(browser(local.cookies(session), ("authorization", value)))
        assert code_of(state) == code


async def test_good_header_token_beats_bad_cookies(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Nothing that a browser adds spoils a token that was sent on purpose."""
    jar = {"__session": "junk", "__client_uat": "0"}
    state = await clerk.authenticate(
        browser(jar, ("authorization", f"Bearer {local.token(session)}"))
    )
    assert auth_of(state).user_id == session.user.id


async def test_basic_authentication_leaves_cookies_alone(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """A password in front of a staging site does not sign anybody out."""
    basic = ("authorization", "Basic dXNlcjpwYXNz")
    state = await clerk.authenticate(browser(local.cookies(session), basic))
    assert auth_of(state).user_id == session.user.id
    assert code_of(await clerk.authenticate(request(basic))) == "session-token-and-uat-missing"


# --- what the browser says of its sign-in ---------------------------------------------------------


@pytest.mark.parametrize(
    ("uat", "code"),
    [
        (str(NOW), None),
        (str(NOW - 1_000), None),
        ("1", None),
        ("0", "session-token-but-no-client-uat"),
        ("", "session-token-but-no-client-uat"),
        ("signed-out", "session-token-but-no-client-uat"),
        (str(NOW + 1), "session-token-iat-before-client-uat"),
    ],
)
async def test_client_uat_is_held_against_the_token(
    clerk: Clerk, local: LocalClerk, session: Session, uat: str, code: str | None
) -> None:
    """0 means signed out, and what is newer than the token means that the token is old news."""
    own = {name: uat if "uat" in name else value for name, value in local.cookies(session).items()}
    shared = {name: value for name, value in own.items() if local.cookie_suffix not in name}
    for jar in (own, shared):
        state = await clerk.authenticate(browser(jar))
        assert (state.error.code if isinstance(state, SignedOut) else None) == code


async def test_client_uat_says_nothing_about_bearer_tokens(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Only cookies are held against cookies."""
    connection = browser({"__client_uat": "0"}, ("authorization", f"Bearer {local.token(session)}"))
    assert auth_of(await clerk.authenticate(connection))


# --- whose page it was ----------------------------------------------------------------------------


async def from_origin(
    local: LocalClerk,
    azp: str | None,
    *,
    scheme: str | None = "https",
    host: str = HOST,
    **rules: Any,
) -> str:
    """What becomes of a cookie whose token was issued to a page of this origin."""
    email = f"{len(local.users)}@example.com"
    session = local.sign_in(local.add_user(email), origin=azp)
    clerk = Clerk(**local.settings(), **rules)
    state = await clerk.authenticate(browser(local.cookies(session), ("host", host), scheme=scheme))
    assert auth_of(await Clerk(**local.settings()).authenticate(bearer(local.token(session))))
    return state.error.code if isinstance(state, SignedOut) else "signed-in"


REFUSED = "token-invalid-authorized-parties"


@pytest.mark.parametrize(
    ("azp", "scheme", "host", "expected"),
    [
        ("https://app.example.com", "https", HOST, "signed-in"),
        ("https://app.example.com", "http", HOST, "signed-in"),
        ("https://app.example.com", None, HOST, "signed-in"),
        ("https://app.example.com", "https", f"{HOST}:443", "signed-in"),
        ("https://app.example.com", "https", "APP.example.com", "signed-in"),
        ("https://App.Example.com", "https", HOST, "signed-in"),
        ("https://app.example.com:8443", "https", f"{HOST}:8443", "signed-in"),
        ("http://app.example.com", "http", HOST, REFUSED),
        ("http://app.example.com:8000", "http", f"{HOST}:8000", REFUSED),
        (None, "https", HOST, "signed-in"),
        ("http://app.example.com", "https", HOST, REFUSED),
        ("https://app.example.com:8443", "https", HOST, REFUSED),
        ("https://app.example.com", "https", f"{HOST}:8443", REFUSED),
        ("https://evil.example.com", "https", HOST, REFUSED),
        ("https://app.example.com.evil.example", "https", HOST, REFUSED),
        ("https://app.example.com/", "https", HOST, REFUSED),
        ("app.example.com", "https", HOST, REFUSED),
        ("null", "https", HOST, REFUSED),
        ("", "https", HOST, REFUSED),
    ],
)
async def test_production_cookie_belongs_to_this_host(
    production: LocalClerk, azp: str | None, scheme: str | None, host: str, expected: str
) -> None:
    """A neighbouring subdomain cannot plant its own visitors' tokens, unless it is authorized."""
    assert await from_origin(production, azp, scheme=scheme, host=host) == expected


async def test_configured_parties_replace_the_default(production: LocalClerk) -> None:
    """Whoever names the origins means them and no other, this host included."""
    parties = ["https://www.example.com"]
    www = await from_origin(production, "https://www.example.com", authorized_parties=parties)
    assert www == "signed-in"
    own = await from_origin(production, "https://app.example.com", authorized_parties=parties)
    assert own == REFUSED
    assert await from_origin(production, None, authorized_parties=parties) == REFUSED


async def test_development_cookie_may_belong_to_any_port(local: LocalClerk) -> None:
    """In development the page and the API run on different ports of one machine."""
    assert await from_origin(local, "http://localhost:5173", host="localhost:8000") == "signed-in"


# --- WebSockets -----------------------------------------------------------------------------------


def websocket(
    local: LocalClerk, session: Session, *origins: str, scheme: str = "wss"
) -> HTTPConnection:
    """A WebSocket that a page of this origin opens with cookies."""
    headers = [("origin", origin) for origin in origins]
    return browser(local.cookies(session), *headers, kind="websocket", scheme=scheme)


@pytest.mark.parametrize(
    ("origins", "accepted"),
    [
        ([], True),
        (["https://app.example.com"], True),
        (["HTTPS://APP.example.com"], True),
        (["https://evil.example"], False),
        (["https://app.example.com.evil.example"], False),
        (["https://app.example.com:8443"], False),
        (["http://app.example.com"], False),
        (["null"], False),
        (["https://app.example.com", "https://evil.example"], False),
        (["https://evil.example", "https://app.example.com"], False),
        (["https://\u00e9vil.example"], False),
    ],
)
async def test_websocket_with_cookies_is_opened_by_our_own_page(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    origins: list[str],
    accepted: bool,
) -> None:
    """Browsers let any page open a WebSocket anywhere, cookies included."""
    state = await make_clerk().authenticate(websocket(local, session, *origins))
    assert (state.error.code if isinstance(state, SignedOut) else None) == (
        None if accepted else "websocket-origin-mismatch"
    )


async def test_websocket_over_plain_http_is_our_own_too(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Behind a proxy that ends TLS, and on the own machine, both schemes are this host."""
    for origin in ("http://app.example.com", "https://app.example.com"):
        state = await make_clerk().authenticate(websocket(local, session, origin, scheme="ws"))
        assert auth_of(state)


async def test_authorized_parties_may_open_websockets(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """An application on another origin is named once, for tokens and for WebSockets."""
    parties = ["https://app.example.com", "https://www.example.com"]
    clerk = make_clerk(authorized_parties=parties)
    for origin, opens in ((parties[1], True), ("https://evil.example", False)):
        state = await clerk.authenticate(websocket(local, session, origin))
        assert isinstance(state, SignedIn) is opens


async def test_bearer_token_opens_a_websocket_from_anywhere(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """No page can make a browser send a header that it does not know."""
    headers = [("origin", "https://evil.example"), *local.bearer(session).items()]
    lowered = [(name.lower(), value) for name, value in headers]
    state = await clerk.authenticate(request(*lowered, kind="websocket", scheme="wss"))
    assert auth_of(state)


async def test_origin_of_ordinary_requests_is_not_judged(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """CORS is somebody else's business; what counts here is whom the token was issued to."""
    origin = ("origin", "https://evil.example")
    assert auth_of(await clerk.authenticate(browser(local.cookies(session), origin)))


# --- pending sessions, and asking twice -----------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "pending"),
    [("active", False), (None, False), ("pending", True), ("", True), ("suspended", True)],
)
async def test_pending_session_counts_as_none_unless_asked(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, status: str | None, pending: bool
) -> None:
    """Any status but ``active`` is pending, and what may pass is decided at each question."""
    clerk = make_clerk()
    connection = bearer(local.token(session, claims={"sts": status}))
    lenient = await clerk.authenticate(connection, treat_pending_as_signed_out=False)
    assert auth_of(lenient).session_status == status
    assert auth_of(lenient).is_pending is pending
    state = await clerk.authenticate(connection)
    assert (state.error.code if isinstance(state, SignedOut) else None) == (
        "session-pending" if pending else None
    )
    assert auth_of(await clerk.authenticate(connection, treat_pending_as_signed_out=False))


async def test_request_is_judged_once(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """All guards of one request get the same answer, as long as it holds."""
    clerk, connection = make_clerk(token_memory=0), bearer(local.token(session))
    first = await clerk.authenticate(connection)
    assert await clerk.authenticate(HTTPConnection(connection.scope)) is first
    clock.now += 1_000
    assert code_of(await clerk.authenticate(connection)) == "token-expired"


async def test_request_with_other_headers_is_another(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """A scope may be copied and its headers changed: an answer goes with what was asked."""
    connection = bearer(local.token(session))
    assert auth_of(await clerk.authenticate(connection))
    for changed in (request(), bearer("junk"), bearer(local.forge("expired", session))):
        copied = HTTPConnection(connection.scope | {"headers": changed.scope["headers"]})
        expected = code_of(await clerk.authenticate(changed))
        assert code_of(await clerk.authenticate(copied)) == expected
    assert auth_of(await clerk.authenticate(connection))


@pytest.mark.parametrize("planted", [{}, {"clerk": "signed-in"}, "signed-in", None, [1], object()])
async def test_what_others_leave_in_the_scope_is_not_believed(
    clerk: Clerk, local: LocalClerk, session: Session, planted: object
) -> None:
    """Only states that this package put there itself count."""
    connection = request()
    probe = bearer(local.token(session))
    before = set(probe.scope)
    await clerk.authenticate(probe)
    for name in set(probe.scope) - before:
        connection.scope[name] = planted
    assert code_of(await clerk.authenticate(connection)) == "session-token-and-uat-missing"


async def test_answer_planted_in_the_scope_is_not_believed(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Not even a genuine answer, if it was given about another request and put there by hand."""
    probe, connection = bearer(local.token(session)), request()
    before = set(probe.scope)
    state = await clerk.authenticate(probe)
    for name in set(probe.scope) - before:
        connection.scope[name] = {clerk: state}
    assert code_of(await clerk.authenticate(connection)) == "session-token-and-uat-missing"


async def test_outage_is_not_the_callers_fault(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Without keys nobody is called signed out: it is an error of its own."""
    with local.outage(status=404), pytest.raises(BackendUnavailable):
        await clerk.authenticate(bearer(local.token(session)))
    with local.outage(status=404):
        assert code_of(await clerk.authenticate(request())) == "session-token-and-uat-missing"


@pytest.mark.parametrize("category", ["cl_I7d4PD111III", "cl_B7d4PD111AAA"])
async def test_category_may_be_required(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, category: str
) -> None:
    """Instances that say the category of every token can be held to it."""
    clerk = make_clerk(require_category=True)
    assert auth_of(await clerk.authenticate(bearer(local.token(session, header={"cat": category}))))
    head, _, rest = local.forge("header-edited", session).partition(".")
    assert code_of(await clerk.authenticate(bearer(f"{head}.{rest}"))) == "token-type-mismatch"


async def test_audience_may_be_required(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Once the API has a name, tokens have to name it."""
    clerk = make_clerk(audience=["api", "app"])
    good = local.token(session, claims={"aud": ["app"]})
    assert auth_of(await clerk.authenticate(bearer(good)))
    state = await clerk.authenticate(bearer(local.token(session)))
    assert code_of(state) == "token-verification-failed"


async def test_clock_skew_may_be_changed(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Five seconds unless said otherwise, and zero is zero."""
    token = local.token(session)
    clock.now = NOW + 62
    assert auth_of(await make_clerk().authenticate(bearer(token)))
    strict = make_clerk(clock_skew=0)
    assert code_of(await strict.authenticate(bearer(token))) == "token-expired"
    clock.now = NOW + 100
    assert auth_of(await make_clerk(clock_skew=60).authenticate(bearer(token)))
