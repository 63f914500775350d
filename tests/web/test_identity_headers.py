"""Headers that say who is signed in: told by us alone, whatever a client sends."""

from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from starlette.requests import Request
from starlette.responses import JSONResponse

from clerk_fastapi import Auth, Clerk, ClerkMiddleware, ConfigurationError, SessionClaims
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.web.identity_headers import IdentityHeaders
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

TOLD: dict[str, Any] = {"x-user-id": "user_id"}


def echo(clerk: Clerk[Any], told: dict[str, Any] | None = None) -> FastAPI:
    """An application that answers with the headers that it was sent, in their order."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)

    def headers(request: Request) -> JSONResponse:
        return JSONResponse(
            [(k.decode(), v.decode("latin-1")) for k, v in request.scope["headers"]]
        )

    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(websocket.headers.getlist("x-user-id"))
        await websocket.close()

    app.add_route("/", headers)
    app.add_api_websocket_route("/", live)
    app.add_middleware(ClerkMiddleware, identity_headers=TOLD if told is None else told)
    return app


async def arrived(app: FastAPI, *headers: tuple[str, str]) -> list[list[str]]:
    """The headers that an application is sent, without those of the client's own making."""
    async with running(app) as client:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        answer = await client.get("/", headers=sent)
    usual = ("host", "accept", "accept-encoding", "connection", "user-agent", "authorization")
    return [pair for pair in answer.json() if pair[0].lower() not in usual]


# --- what clients say -----------------------------------------------------------------------------

FORGED = [
    "x-user-id",
    "X-User-Id",
    "X-USER-ID",
    "x_user_id",
    "X_User-Id",
    "x-user_ID",
]


@pytest.mark.parametrize("name", FORGED)
async def test_what_a_client_says_never_arrives(clerk: Clerk, ada: Headers, name: str) -> None:
    """In any spelling that some server behind us takes for the same name."""
    forged = (name, "user_evil")
    assert await arrived(echo(clerk), forged) == []
    assert await arrived(echo(clerk), forged, ("x-a", "b"), forged) == [["x-a", "b"]]
    signed_in = await arrived(echo(clerk), forged, *ada.items(), forged)
    assert [name for name, _ in signed_in] == ["x-user-id"]
    assert "user_evil" not in str(signed_in)


@pytest.mark.parametrize(
    "name",
    [
        "x-clerk-auth-status",
        "x-clerk-auth-token",
        "X-Clerk-Auth-Reason",
        "x_clerk_auth_message",
        "x-clerk-auth-signature",
        "x-clerk-clerk-url",
        "x-clerk-request-data",
        "x-clerk-anything",
    ],
)
async def test_headers_of_clerks_own_sdks_never_arrive(clerk: Clerk, name: str) -> None:
    """Those between their parts, in which some of them trust; with or without our own headers."""
    for told in (TOLD, {}):
        assert await arrived(echo(clerk, told), (name, "signed-in")) == []


@pytest.mark.parametrize("name", ["x-user", "x-user-id-2", "xx-user-id", "user-id", "x-clerk", "y"])
async def test_other_headers_arrive_as_they_were_sent(clerk: Clerk, name: str) -> None:
    """In their order, and as often."""
    sent = [(name, "1"), ("x-other", "2"), (name, "3")]
    assert await arrived(echo(clerk), *sent) == [list(pair) for pair in sent]


async def test_names_that_nobody_chose_are_the_clients(clerk: Clerk) -> None:
    """What one application reserves another one may be sent."""
    assert await arrived(echo(clerk, {}), ("x-user-id", "1")) == [["x-user-id", "1"]]


# --- what we say ----------------------------------------------------------------------------------


async def test_attributes_are_told(clerk: Clerk, ada: Headers, ada_session: Session) -> None:
    """Each under the name that was chosen, in lower case, as servers write them."""
    told = {
        "X-User-Id": "user_id",
        "x-session": "session_id",
        "x-org": "org_id",
        "x-role": "org_role",
        "x-slug": "org_slug",
        "x-status": "session_status",
    }
    organization = ada_session.organization
    assert organization is not None
    assert await arrived(echo(clerk, told), *ada.items()) == [
        ["x-user-id", ada_session.user.id],
        ["x-session", ada_session.id],
        ["x-org", organization.id],
        ["x-role", "org:admin"],
        ["x-slug", "acme"],
        ["x-status", "active"],
    ]


async def test_what_there_is_not_has_no_header(clerk: Clerk, local: LocalClerk) -> None:
    """Nobody has to tell an empty value from none."""
    told = TOLD | {"x-org": "org_id", "x-empty": lambda auth: "", "x-none": lambda auth: None}
    ada = local.bearer(local.sign_in("ada@example.com"))
    assert [name for name, _ in await arrived(echo(clerk, told), *ada.items())] == ["x-user-id"]


async def test_functions_tell_what_they_like(local: LocalClerk, ada: Headers) -> None:
    """With the claims that the application declares."""

    class Claims(SessionClaims):
        plan: str = "free"

    def plan(auth: Auth[Claims]) -> str:
        return f"{auth.claims.plan} {auth.has(role='org:admin')}"

    app = echo(Clerk(**local.settings(), claims=Claims), {"x-plan": plan})
    assert await arrived(app, *ada.items()) == [["x-plan", "free%20True"]]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("user_1-a.b~c", "user_1-a.b~c"),
        ("org:admin", "org:admin"),
        ("!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        ("100%", "100%25"),
        ("a b", "a%20b"),
        ("a\r\nx-role: org:admin", "a%0D%0Ax-role:%20org:admin"),
        ("\0\t\x7f", "%00%09%7F"),
        ("café", "caf%C3%A9"),
        ("\U0001f511", "%F0%9F%94%91"),
    ],
)
async def test_values_are_visible_and_can_be_read_back(
    clerk: Clerk, ada: Headers, text: str, written: str
) -> None:
    """Percent-encoded, so that nothing in them ends a header."""
    app = echo(clerk, {"x-said": lambda auth: text})
    assert await arrived(app, *ada.items()) == [["x-said", written]]


@pytest.mark.parametrize("told", [7, b"user", ["user"], True])
async def test_what_is_no_text_is_an_error(clerk: Clerk, ada: Headers, told: Any) -> None:
    """A number may be an id, but who reads it back takes it for text."""
    with pytest.raises(ConfigurationError, match="returns text, or None"):
        await arrived(echo(clerk, {"x-said": lambda auth: told}), *ada.items())


async def test_nobody_is_told_of_who_is_not_signed_in(
    clerk: Clerk, local: LocalClerk, ada: Headers, eve: Headers, clock: Any
) -> None:
    """Guests, strangers' tokens, pending sessions, expired ones, and machines."""
    pending = local.bearer(local.sign_in("ada@example.com", status="pending"))
    key = local.bearer(local.create_api_key(local.user("ada@example.com")))
    app = echo(clerk)
    for headers in ({}, eve, pending, key, {"Authorization": "Bearer junk"}):
        assert await arrived(app, *headers.items()) == []
    clock.now += 3_600
    assert await arrived(app, *ada.items()) == []


async def test_two_header_lines_of_a_token_are_nobodys(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """Which of them would be told is not for their order to decide."""
    assert await arrived(echo(clerk), *ada.items(), *bob.items()) == []


async def test_websocket_is_told_too(clerk: Clerk, ada: Headers, ada_session: Session) -> None:
    """And what its client says is taken away."""
    app = echo(clerk)
    async with running(app):
        for headers, told in ((ada, f'["{ada_session.user.id}"]'), ({}, "[]")):
            sent = await open_websocket(app, "/", headers | {"X_User_Id": "user_evil"})
            assert sent[1]["text"] == told


async def test_inner_middleware_tells_its_own(
    clerk: Clerk, ada: Headers, ada_session: Session
) -> None:
    """Once, where both use one name; the outer one's other headers stay."""
    app, sub = echo(clerk, TOLD | {"x-org": "org_slug"}), echo(clerk)
    sub.router.lifespan_context = FastAPI().router.lifespan_context
    app.mount("/sub", sub)
    async with running(app) as client:
        headers = (await client.get("/sub/", headers=ada)).json()
    assert [pair for pair in headers if pair[0].startswith("x-")] == [
        ["x-org", "acme"],
        ["x-user-id", ada_session.user.id],
    ]


async def test_telling_sends_nobody_round_by_clerk(clerk: Clerk) -> None:
    """A page for everybody is shown at once, even to whom Clerk would first have to be asked."""
    page = {"Sec-Fetch-Dest": "document", "Accept": "text/html", "host": "test"}
    async with running(echo(clerk)) as client:
        answer = await client.get("/", headers=page | {"x-user-id": "user_evil"})
        missing = await client.get("/missing", headers=page)
    assert (answer.status_code, missing.status_code) == (200, 404)
    assert "x-user-id" not in dict(answer.json())
    assert answer.headers["x-clerk-auth-status"] == "handshake"
    assert "set-cookie" not in answer.headers


# --- when Clerk is down ---------------------------------------------------------------------------


async def test_outage_is_no_sign_out(clerk: Clerk, local: LocalClerk, ada: Headers) -> None:
    """Nobody can know who it is: 503, on public pages too; guests are still served."""
    app = echo(clerk)
    async with running(app) as client:
        with local.outage():
            answer = await client.get("/", headers=ada)
            assert (await client.get("/")).status_code == 200
    assert answer.status_code == 503
    assert answer.json()["detail"]["code"] == "jwk-remote-failed-to-load"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["cache-control"] == "no-store"


async def test_websocket_is_refused_in_an_outage(
    clerk: Clerk, local: LocalClerk, ada: Headers
) -> None:
    """Before it is accepted; with an answer if the server can send one."""
    app = echo(clerk)
    async with running(app):
        with local.outage():
            assert (await open_websocket(app, "/", {}))[1]["text"] == "[]"
            closed = await open_websocket(app, "/", ada)
            denied = await open_websocket(app, "/", ada, denials=True)
    assert [(each["type"], each["code"]) for each in closed] == [("websocket.close", 1013)]
    assert (denied[0]["type"], denied[0]["status"]) == ("websocket.http.response.start", 503)


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("", "user-id", "authorization", "cookie", "host", "X", "x-", "x-a-", "x_user_id"),
        *("x-user id", "x-usér", "x-user\r\n", "x-forwarded-for", "X-Forwarded-Host"),
        *("x-forwarded-proto", "x-clerk-user-id", "X-Clerk-Auth-Status", 7, None, b"x-user-id"),
    ],
)
def test_malformed_name_is_refused(name: Any) -> None:
    """Names that are somebody else's, and such that a client could spell in another way."""
    with pytest.raises(ConfigurationError, match="a name of its own that begins with x-"):
        IdentityHeaders({name: "user_id"})


@pytest.mark.parametrize("told", ["user", "claims", "identity", "org_permissions", "", None, 7])
def test_what_auth_does_not_say_in_a_word_is_refused(told: Any) -> None:
    """The sentence lists what there is."""
    with pytest.raises(ConfigurationError, match="user_id, session_id, org_id"):
        IdentityHeaders({"x-user-id": told})


@pytest.mark.parametrize("told", [["x-user-id"], "x-user-id", 7, [("x-user-id", "user_id")]])
def test_anything_but_a_mapping_is_refused(told: Any) -> None:
    """With an example."""
    with pytest.raises(ConfigurationError, match="is a mapping, such as"):
        IdentityHeaders(told)


def test_no_headers_are_none_to_tell() -> None:
    """Then nobody is asked who somebody is; what Clerk's SDKs trust is taken away all the same."""
    headers = IdentityHeaders({})
    assert not headers
    assert headers.stripped([(b"X-Clerk-Auth-Token", b"a"), (b"x-user-id", b"b")]) == [
        (b"x-user-id", b"b")
    ]
