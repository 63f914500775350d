"""What authentication adds to answers: renewed cookies, and Clerk's debug headers."""

from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from clerk_fastapi import (
    AccessDenied,
    Clerk,
    ClerkMiddleware,
    Handshake,
    Policy,
    Role,
    SignedOut,
    TokenError,
    optional_auth,
    require,
    require_api_key,
    require_auth,
)
from clerk_fastapi.engine.answer import ANSWER
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from clerk_fastapi.web.answering import answering
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

PAGE = {"Sec-Fetch-Dest": "document", "Accept": "text/html"}
KNOWN = PAGE | {"Cookie": "__clerk_db_jwt=dvb_1"}
PREFIX = "x-clerk-auth-"


def made(clerk: Clerk[Any], **options: Any) -> FastAPI:
    """An application with routes that ask, and one that does not."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.add_middleware(ClerkMiddleware, **options)
    app.add_api_route("/me", lambda: "me", dependencies=[Depends(require_auth)])
    app.add_api_route("/home", lambda: "home", dependencies=[Depends(optional_auth)])
    app.add_api_route("/free", lambda: "free")
    return app


def told(answer: httpx.Response) -> dict[str, str]:
    """The debug headers of an answer, each of which is there once."""
    found = [pair for pair in answer.headers.multi_items() if pair[0].startswith("x-clerk")]
    assert len(dict(found)) == len(found)
    return {name.removeprefix(PREFIX): value for name, value in found}


async def ask(app: FastAPI, path: str, headers: Headers) -> httpx.Response:
    """Start an application, send it a request, and stop it."""
    async with running(app) as client:
        return await client.get(path, headers=headers)


# --- debug headers --------------------------------------------------------------------------------


async def test_reason_of_a_refusal_is_told(clerk: Clerk, eve: Headers) -> None:
    """With the sentence, since the instance is one for development."""
    for path, headers, reason in (
        ("/me", {}, "dev-browser-missing"),
        ("/me", eve, "jwk-kid-mismatch"),
        ("/me", {"Authorization": "Bearer junk"}, "token-invalid"),
    ):
        answer = await ask(made(clerk), path, headers)
        assert answer.status_code == 401
        assert told(answer) == {
            "status": "signed-out",
            "reason": reason,
            "message": answer.json()["detail"]["message"],
        }


async def test_reason_is_told_where_guests_are_welcome(clerk: Clerk, eve: Headers) -> None:
    """It is about the request, not about a refusal."""
    answer = await ask(made(clerk), "/home", eve)
    assert answer.status_code == 200
    assert (told(answer)["status"], told(answer)["reason"]) == ("signed-out", "jwk-kid-mismatch")


async def test_reason_of_a_handshake_is_told(clerk: Clerk) -> None:
    """On the redirect."""
    answer = await ask(made(clerk), "/me", PAGE)
    assert answer.status_code == 307
    assert (told(answer)["status"], told(answer)["reason"]) == ("handshake", "dev-browser-missing")


async def test_reason_is_told_on_the_way_to_the_sign_in_page(local: LocalClerk) -> None:
    """Where browsers would otherwise show nothing."""
    clerk = Clerk(**local.settings(), sign_in_url="/sign-in")
    answer = await ask(made(clerk), "/me", KNOWN)
    assert answer.headers["location"].startswith("/sign-in")
    assert told(answer)["reason"] == "session-token-and-uat-missing"


async def test_nothing_is_told_of_the_signed_in(clerk: Clerk, ada: Headers, bob: Headers) -> None:
    """Nor of what they may not do."""
    app = made(clerk, policies=[Policy(Role("org:owner"), "/free")])
    async with running(app) as client:
        assert told(await client.get("/me", headers=ada)) == {}
        assert told(await client.get("/home", headers=ada)) == {}
        denied = await client.get("/free", headers=bob)
    assert (denied.status_code, told(denied)) == (403, {})


async def test_nothing_is_told_where_nobody_asked(clerk: Clerk, eve: Headers) -> None:
    """A token that no one looked at has no reason."""
    async with running(made(clerk)) as client:
        for path in ("/free", "/missing"):
            for headers in ({}, eve):
                assert told(await client.get(path, headers=headers)) == {}


async def test_nothing_is_told_without_the_middleware(clerk: Clerk, eve: Headers) -> None:
    """``clerk.lifespan`` alone adds what browsers need, and no more."""
    app = FastAPI(lifespan=clerk.lifespan)
    app.add_api_route("/me", lambda: "me", dependencies=[Depends(require_auth)])
    answer = await ask(app, "/me", eve)
    assert (answer.status_code, told(answer)) == (401, {})


async def test_sentence_is_for_development_alone(clock: Any, signing_key: SigningKey) -> None:
    """It can tell strangers what tokens say; the reason is a code."""
    live = LocalClerk(
        host="clerk.test", instance_type="production", clock=clock, signing_key=signing_key
    )
    answer = await ask(made(Clerk(**live.settings())), "/me", {"Authorization": "Bearer junk"})
    assert told(answer) == {"status": "signed-out", "reason": "token-invalid"}


async def test_what_clients_claim_is_never_told_back(clerk: Clerk, ada: Headers) -> None:
    """Headers of these names are taken away on the way in, and answers have our own alone."""
    claimed = {f"{PREFIX}status": "signed-in", f"{PREFIX}message": "hello"}
    async with running(made(clerk)) as client:
        assert told(await client.get("/me", headers=ada | claimed)) == {}
        assert told(await client.get("/free", headers=claimed)) == {}
        assert told(await client.get("/me", headers=claimed))["status"] == "signed-out"


async def test_kind_of_token_that_is_not_accepted_is_told(
    clerk: Clerk, ada: Headers, callers: dict[str, Headers]
) -> None:
    """It is refused before anybody looks into it."""
    app = made(clerk)
    app.add_api_route("/key", lambda: "key", dependencies=[Depends(require_api_key)])
    async with running(app) as client:
        for path, headers in (("/key", ada), ("/key", {}), ("/me", callers["key"])):
            answer = await client.get(path, headers=headers)
            assert answer.status_code == 401
            assert told(answer)["status"] == "signed-out"
            assert told(answer)["message"] == answer.json()["detail"]["message"]


async def test_last_to_ask_has_the_last_word(clerk: Clerk, ada: Headers) -> None:
    """Of several questions about one request the latest answer is told."""
    app = made(clerk)
    both = [Depends(optional_auth), Depends(require_api_key)]
    app.add_api_route("/both", lambda: "both", dependencies=both)
    answer = await ask(app, "/both", {"Authorization": "Bearer ak_junk"})
    assert answer.status_code == 401
    assert told(answer)["message"] == answer.json()["detail"]["message"]


async def test_refused_websocket_is_told_why(clerk: Clerk) -> None:
    """If the server can answer a handshake at all."""
    app = made(clerk)

    @app.websocket("/live", dependencies=[Depends(require_auth)])
    async def live(websocket: WebSocket) -> None:
        raise AssertionError("nobody gets here")

    async with running(app):
        denied = await open_websocket(app, "/live", {}, denials=True)
        closed = await open_websocket(app, "/live", {})
    names = [name.decode() for name, _ in denied[0]["headers"] if name.startswith(b"x-clerk")]
    assert names == [f"{PREFIX}{name}" for name in ("status", "reason", "message")]
    assert closed == [{"type": "websocket.close", "code": 3000, "reason": closed[0]["reason"]}]


async def test_nested_middlewares_tell_it_once(clerk: Clerk) -> None:
    """Whoever of them has asked."""
    app, sub = made(clerk, identity_headers={"x-user-id": "user_id"}), made(clerk)
    sub.router.lifespan_context = FastAPI().router.lifespan_context
    app.mount("/sub", sub)
    answer = await ask(app, "/sub/me", {})
    assert told(answer)["status"] == "signed-out"


async def test_middleware_below_an_application_without_one_tells_it(clerk: Clerk) -> None:
    """Although what is added to the answer is collected further out."""
    app, sub = FastAPI(lifespan=clerk.lifespan), made(clerk)
    sub.router.lifespan_context = FastAPI().router.lifespan_context
    app.mount("/sub", sub)
    answer = await ask(app, "/sub/me", {})
    assert told(answer)["status"] == "signed-out"


class Odd(TokenError):
    """A reason with characters that would end a header, or are no ASCII."""

    code = "odd"
    sentence = "one\r\nset-cookie: a=b\0\t\x7f café \u2028"


@pytest.mark.parametrize(
    "state", [SignedOut(Odd(), "a\r\nb: c"), Handshake(Odd(), "a\r\nb: c", "/", ())], ids=str
)
async def test_control_characters_never_reach_a_header(state: Any) -> None:
    """Whatever Clerk's answers put into a reason."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {}
    explained = answering(scope, send, explain=True)
    scope[ANSWER].state, scope[ANSWER].in_development = state, True
    await explained({"type": "http.response.start", "status": 200})
    headers = dict(sent[0]["headers"])
    assert headers[b"x-clerk-auth-reason"] == b"a??b: c"
    assert headers[b"x-clerk-auth-message"] == b"one??set-cookie: a=b??? caf? ?"
    assert len(headers) == 3


async def test_answer_to_a_websocket_sets_no_cookies() -> None:
    """Browsers would keep them, and no session is renewed there."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {}
    adding = answering(scope, send, explain=False)
    scope[ANSWER].add(("a=1",))
    for kind in ("websocket.http.response.start", "websocket.accept", "http.response.start"):
        await adding({"type": kind, "status": 200, "headers": []})
    assert [b"set-cookie" in dict(message["headers"]) for message in sent] == [False, False, True]


# --- cookies --------------------------------------------------------------------------------------


@pytest.fixture
def slept(local: LocalClerk, ada_session: Session, clock: Any) -> Headers:
    """What a browser sends whose session has expired while it slept."""
    jar = local.cookies(ada_session, refresh=True)
    clock.now += 3_600
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}


def renewed(answer: httpx.Response) -> int:
    """How many cookies an answer sets; if any, no cache may keep it."""
    cookies = answer.headers.get_list("set-cookie")
    if cookies:
        assert answer.headers.get_list("cache-control") == ["private, no-store"]
        assert not {"expires", "pragma", "surrogate-control", "cdn-cache-control"} & set(
            answer.headers
        )
    return len(cookies)


CACHED = {
    "Cache-Control": "public, max-age=600",
    "Expires": "Thu, 01 Dec 2033 16:00:00 GMT",
    "Pragma": "cache",
    "Surrogate-Control": "max-age=600",
    "CDN-Cache-Control": "max-age=600",
}


def answers(clerk: Clerk[Any], **options: Any) -> FastAPI:
    """An application that is renewed by its middleware alone and answers in many ways."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.add_middleware(ClerkMiddleware, **options)

    @app.get("/handled")
    async def handled() -> str:
        raise ValueError

    @app.get("/raised")
    async def raised() -> str:
        raise HTTPException(410, headers=CACHED)

    @app.get("/cached")
    async def cached() -> PlainTextResponse:
        return PlainTextResponse("cached", headers=CACHED)

    @app.get("/slash/")
    async def slash() -> str:
        return "slash"

    @app.exception_handler(ValueError)
    async def in_words(request: Request, error: ValueError) -> PlainTextResponse:
        return PlainTextResponse("in words", 418, headers=CACHED)

    @app.exception_handler(AccessDenied)
    async def denied(request: Request, error: AccessDenied) -> PlainTextResponse:
        return PlainTextResponse("denied", 403, headers=CACHED)

    return app


@pytest.mark.parametrize(
    ("path", "status"),
    [("/handled", 418), ("/raised", 410), ("/cached", 200), ("/slash", 307), ("/missing", 404)],
)
async def test_renewed_cookies_are_on_every_answer(
    clerk: Clerk, slept: Headers, path: str, status: int
) -> None:
    """Of handlers, exception handlers and routers, where an identity header has asked."""
    app = answers(clerk, identity_headers={"x-user-id": "user_id"})
    answer = await ask(app, path, slept)
    assert (answer.status_code, renewed(answer)) == (status, 3)


async def test_renewed_cookies_are_on_refusals_of_policies(clerk: Clerk, slept: Headers) -> None:
    """In the application's own words, too; nobody is renewed where nobody asks."""
    app = answers(clerk, default=Role("org:owner"))
    async with running(app) as client:
        denied = await client.get("/cached", headers=slept)
        missing = await client.get("/missing", headers=slept)
    assert (denied.text, denied.status_code, renewed(denied)) == ("denied", 403, 3)
    assert (missing.status_code, renewed(missing)) == (404, 0)


async def test_renewed_cookies_are_on_redirects_of_pages(local: LocalClerk, slept: Headers) -> None:
    """A browser that is turned away does not lose its session."""
    clerk = Clerk(**local.settings())
    app = made(clerk, default=Role("org:owner"), unauthorized_url="/not-for-you")
    answer = await ask(app, "/free", slept | PAGE)
    assert (answer.status_code, answer.headers["location"]) == (307, "/not-for-you")
    assert renewed(answer) == 3


async def test_nested_middlewares_set_them_once(clerk: Clerk, slept: Headers) -> None:
    """Whoever of them has asked."""
    app, sub = made(clerk, identity_headers={"x-user-id": "user_id"}), made(clerk)
    sub.router.lifespan_context = FastAPI().router.lifespan_context
    app.mount("/sub", sub)
    answer = await ask(app, "/sub/me", slept)
    assert (answer.status_code, renewed(answer)) == (200, 3)


async def test_answers_without_news_may_be_cached(clerk: Clerk, ada: Headers) -> None:
    """What handlers say about it stands."""
    app = answers(clerk, default="signed_in")
    answer = await ask(app, "/cached", ada)
    assert {name: answer.headers[name] for name in CACHED} == CACHED
    assert renewed(await ask(app, "/handled", ada)) == 0


async def test_answer_without_headers_gets_some(clerk: Clerk, slept: Headers) -> None:
    """Applications of the plainest kind may leave them out."""
    app = made(clerk, default="signed_in")

    async def plainest(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async def loud(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"Cache-Control", b"public"), (b"EXPIRES", b"never")]
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body"})

    app.mount("/plainest", plainest)
    app.mount("/loud", loud)
    for path in ("/plainest/", "/loud/"):
        answer = await ask(app, path, slept)
        assert (answer.status_code, renewed(answer)) == (204, 3)
    assert told(await ask(app, "/plainest/", {}))["status"] == "signed-out"


async def test_two_instances_renew_their_own(
    clerk: Clerk, local: LocalClerk, other: LocalClerk, ada_session: Session, clock: Any
) -> None:
    """A policy that asks another Clerk adds to what the first has renewed."""
    eve = other.sign_in("eve@example.com")
    jar = local.cookies(ada_session, refresh=True) | {
        name: value
        for name, value in other.cookies(eve, refresh=True).items()
        if other.cookie_suffix in name
    }
    clock.now += 3_600
    staff = Clerk(**other.settings())
    app = made(
        clerk,
        policies=[Policy(require(clerk=staff), "/free")],
        identity_headers={"x-user-id": "user_id"},
    )
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
    async with staff:
        answer = await ask(app, "/free", headers)
    assert (answer.status_code, renewed(answer)) == (200, 6)
