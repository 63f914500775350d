"""A guard that lets anybody ask so often and no more, and tells them where they stand."""

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import pytest
from fastapi import Body, Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    RateLimit,
    RateLimited,
    require_auth,
)
from clerk_fastapi.testing import LocalClerk
from tests.backend.clock import Clock
from tests.web.conftest import Headers
from tests.web.limiting import asked, limited, passes, told
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

NOBODY: Headers = {}


async def test_nobody_gets_more_than_allowed(clerk: Clerk, ada: Headers, bob: Headers) -> None:
    """Others are not affected by one who asks too often."""
    app = limited(clerk, RateLimit(3, per=10), require_auth)
    assert await passes(app, *[ada] * 5, bob) == [True, True, True, False, False, True]


async def test_window_slides(clerk: Clerk, ada: Headers, clock: Clock) -> None:
    """Retry-After is right to the second: not too early, and no longer than needed."""
    app = limited(clerk, RateLimit(2, per=10))
    found = []
    async with running(app) as client:
        for wait in (0, 4, 0, 5, 1, 0, 3, 1):
            clock.now += wait
            answer = await client.get("/", headers=ada)
            found.append((answer.status_code, answer.headers.get("Retry-After")))
    assert found == [
        *((200, None), (200, None), (429, "6"), (429, "1")),
        *((200, None), (429, "4"), (429, "1"), (200, None)),
    ]


async def test_refusal_says_what_to_do(clerk: Clerk, ada: Headers, clock: Clock) -> None:
    """Status, code, and the fields of the IETF's draft and of those before."""
    app = limited(clerk, RateLimit(1, per=10, name="search"))
    async with running(app) as client:
        await client.get("/", headers=ada)
        clock.now += 2.5
        answer = await client.get("/", headers=ada)
    assert answer.status_code == 429
    assert answer.json()["detail"]["code"] == "rate-limited"
    assert answer.headers["Retry-After"] == "8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert told(answer) == {
        "RateLimit-Policy": '"search";q=1;w=10',
        "RateLimit": '"search";r=0;t=8',
        "RateLimit-Limit": "1",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "8",
    }
    assert len(answer.headers.get_list("RateLimit")) == 1


async def test_answers_tell_how_many_are_left(clerk: Clerk, ada: Headers) -> None:
    """Before it is too late; without a name the numbers serve as one."""
    app = limited(clerk, RateLimit(2, per=60))
    first, second = await asked(app, [ada, ada])
    assert told(first) == {
        "RateLimit-Policy": '"2 per 60 s by user";q=2;w=60',
        "RateLimit": '"2 per 60 s by user";r=1;t=60',
        "RateLimit-Limit": "2",
        "RateLimit-Remaining": "1",
        "RateLimit-Reset": "60",
    }
    assert second.headers["RateLimit-Remaining"] == "0"
    assert "Retry-After" not in second.headers


@pytest.mark.parametrize("wrapped", [False, True])
async def test_answers_of_all_kinds_tell(clerk: Clerk, wrapped: bool) -> None:
    """Streams, redirects, errors, and answers without a body; with the middleware or without."""
    app = FastAPI(lifespan=clerk.lifespan, dependencies=[Depends(RateLimit(100, per=60))])
    if wrapped:
        app.add_middleware(ClerkMiddleware)

    @app.api_route("/page", methods=["GET", "HEAD"])
    def page() -> str:
        return "page"

    @app.get("/stream")
    def stream() -> Response:
        return StreamingResponse(iter(["some", "thing"]))

    @app.get("/redirect")
    def redirect() -> Response:
        return RedirectResponse("/page")

    @app.get("/missing")
    def missing() -> None:
        raise HTTPException(404)

    @app.post("/malformed")
    def malformed(number: Annotated[int, Body()]) -> None: ...

    @app.get("/guarded", dependencies=[Depends(require_auth)])
    def guarded() -> None: ...

    found = []
    async with running(app) as client:
        for method, path, status in [
            *(("GET", "/page", 200), ("HEAD", "/page", 200), ("GET", "/stream", 200)),
            *(("GET", "/redirect", 307), ("GET", "/missing", 404), ("POST", "/malformed", 422)),
            ("GET", "/guarded", 401),
        ]:
            answer = await client.request(method, path)
            assert answer.status_code == status
            found.append(answer.headers["RateLimit-Remaining"])
    assert found == ["99", "98", "97", "96", "95", "94", "93"]


async def test_several_limits_are_told_together(clerk: Clerk, ada: Headers) -> None:
    """The draft's fields list all of them, the others speak of the one that is closest."""
    minute, hour = RateLimit(2, per=60, name="minute"), RateLimit(3, per=3_600, name="hour")
    found = await asked(limited(clerk, minute, hour), [ada] * 3)
    assert told(found[0])["RateLimit-Policy"] == '"minute";q=2;w=60, "hour";q=3;w=3600'
    assert told(found[0])["RateLimit"] == '"minute";r=1;t=60, "hour";r=2;t=3600'
    assert [answer.headers["RateLimit-Limit"] for answer in found] == ["2", "2", "2"]
    assert found[2].headers["RateLimit"] == '"minute";r=0;t=60'


async def test_of_limits_with_as_much_room_the_longer_is_the_closest(
    clerk: Clerk, ada: Headers
) -> None:
    """Whoever waits for it has waited for the other."""
    limits = RateLimit(2, per=60), RateLimit(2, per=3_600)
    (answer,) = await asked(limited(clerk, *limits), [ada])
    assert answer.headers["RateLimit-Reset"] == "3600"


async def test_limits_of_the_same_numbers_have_names_of_their_own(clerk: Clerk) -> None:
    """Clients would take them for one."""
    limits = [RateLimit(9, per=60, by=str), RateLimit(9, per=60), RateLimit(9, per=60, by=repr)]
    (answer,) = await asked(limited(clerk, *limits, RateLimit(9, per=60, by=ascii)), [NOBODY])
    key = "9 per 60 s by key"
    names = [key, "9 per 60 s by user", f"{key} (2)", f"{key} (3)"]
    for field, rest in (("RateLimit", "r=8;t=60"), ("RateLimit-Policy", "q=9;w=60")):
        assert answer.headers[field] == ", ".join(f'"{name}";{rest}' for name in names)


async def test_names_are_quoted(clerk: Clerk) -> None:
    """As structured fields want it."""
    app = limited(clerk, RateLimit(1, per=60, by="address", name='a "b" \\ c;q=9, d'))
    (answer,) = await asked(app, [NOBODY])
    assert answer.headers["RateLimit"] == r'"a \"b\" \\ c;q=9, d";r=0;t=60'


async def test_what_a_handler_says_itself_stays(clerk: Clerk) -> None:
    """It may know of a limit that is narrower."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/", dependencies=[Depends(RateLimit(9, per=60))])
    def page() -> Response:
        return Response(headers={"RateLimit-remaining": "1"})

    (answer,) = await asked(app, [NOBODY])
    assert answer.headers.get_list("RateLimit-Remaining") == ["1"]
    assert answer.headers["RateLimit-Limit"] == "9"


async def test_those_who_ask_at_once_get_as_many(clerk: Clerk, ada: Headers) -> None:
    """There is no moment between looking and counting."""
    async with running(limited(clerk, RateLimit(10, per=10), require_auth)) as client:
        found = await asyncio.gather(*(client.get("/", headers=ada) for _ in range(100)))
    assert sorted(answer.status_code for answer in found) == [200] * 10 + [429] * 90
    left = [answer.headers["RateLimit-Remaining"] for answer in found if answer.is_success]
    assert sorted(left) == list("0123456789")


@pytest.mark.parametrize("denials", [False, True])
async def test_websockets_are_refused_before_they_open(
    clerk: Clerk, ada: Headers, denials: bool
) -> None:
    """With 429 where the server can say it, else with the code for another time."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.websocket("/live", dependencies=[Depends(RateLimit(1, per=60))])
    async def live(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    async with running(app):
        first = await open_websocket(app, "/live", ada, denials=denials)
        second = await open_websocket(app, "/live", ada, denials=denials)
    assert first[0]["type"] == "websocket.accept"
    if not denials:
        assert [(each["type"], each["code"]) for each in second] == [("websocket.close", 1013)]
        return
    headers = dict(second[0]["headers"])
    assert second[0]["status"] == 429
    assert headers[b"retry-after"] == b"60"
    assert headers[b"ratelimit-remaining"] == b"0"


async def test_application_may_word_the_refusal(clerk: Clerk) -> None:
    """Its own handler gets the error, and the fields are there all the same."""
    app = limited(clerk, RateLimit(1, per=60))

    @app.exception_handler(RateLimited)
    def busy(request: Request, error: RateLimited) -> Response:
        return JSONResponse({"wait": error.retry_after}, 429)

    found = await asked(app, [NOBODY] * 2)
    assert found[1].json() == {"wait": 60}
    assert told(found[1])["RateLimit"] == '"1 per 60 s by user";r=0;t=60'


async def test_who_was_refused_is_refused_again(clerk: Clerk) -> None:
    """A handler that goes on regardless finds no way around by asking twice."""
    limit = RateLimit(1, per=60)
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/")
    async def page(request: Request) -> None:
        with suppress(RateLimited):
            await limit(request)
        await limit(request)

    assert await passes(app, *[NOBODY] * 2) == [True, False]


async def test_tests_may_leave_it_out(clerk: Clerk) -> None:
    """By the dependency overrides of FastAPI."""
    limit = RateLimit(1, per=60)
    app = limited(clerk, limit)
    app.dependency_overrides[limit] = lambda: None
    assert await passes(app, *[NOBODY] * 3) == [True] * 3


async def test_limit_as_a_default_is_a_mistake(clerk: Clerk) -> None:
    """It would be the value of a parameter, and limit nothing."""
    app, limit = FastAPI(lifespan=clerk.lifespan), RateLimit(1, per=60)

    @app.get("/")
    def page(limit: Any = limit) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Depends\(RateLimit"):
        await asked(app, [NOBODY])


class Tight(RateLimit):
    """A limit of somebody's own."""

    def __init__(self) -> None:
        super().__init__(1, per=60)


@pytest.mark.parametrize("kind", [RateLimit, Tight])
def test_class_in_the_place_of_a_limit_is_a_mistake(kind: type[RateLimit]) -> None:
    """Clients would say what the limit is, each for each request."""
    app = FastAPI()
    with pytest.raises(ConfigurationError, match=r"once: Depends\(RateLimit\(10, per=10\)\)"):
        app.get("/", dependencies=[Depends(kind)])(lambda: None)
    app.get("/", dependencies=[Depends(Tight())])(lambda: None)


@pytest.mark.parametrize(
    "arguments",
    [
        *({"limit": limit} for limit in (0, -1, 1.5, "10", None, True, 1_000_001)),
        *({"per": per} for per in (0, -1, 0.5, 10.0, "10", None, True, 10**9)),
        *({"by": by} for by in ("", "users", "ip", None, 5, ["user"])),
        *({"name": name} for name in ("", "a\nb", "Größe", 5, "a" * 101)),
        *({"on_outage": way} for way in ("", "continue", None, True)),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments: dict[str, Any]) -> None:
    """Where the limit is declared, with what it takes."""
    with pytest.raises(ConfigurationError):
        RateLimit(**{"limit": 10, "per": 10, **arguments})


def test_representation_names_the_limit() -> None:
    """By its name, or by its numbers."""
    assert repr(RateLimit(10, per=60, by="address")) == "<RateLimit '10 per 60 s by address'>"
    assert repr(RateLimit(10, per=60, by=str, name="x")) == "<RateLimit 'x'>"
    assert repr(RateLimit(10, per=60, by=str)) == "<RateLimit '10 per 60 s by key'>"


async def test_limits_of_one_name_count_a_request_once() -> None:
    """They are one limit, wherever they are met on the way."""
    app = FastAPI(lifespan=Clerk(**LocalClerk().settings()).lifespan)
    twice = [Depends(RateLimit(2, per=60, by="address", name="same")) for _ in range(2)]

    @app.get("/", dependencies=twice)
    async def endpoint() -> None: ...

    async with running(app) as client:
        assert [(await client.get("/")).status_code for _ in range(3)] == [200, 200, 429]


async def test_limit_that_is_made_anew_for_each_request_is_none() -> None:
    """It would count one request each; somebody has to hear of it."""
    app = FastAPI(lifespan=Clerk(**LocalClerk().settings()).lifespan)

    @app.get("/")
    async def endpoint(request: Request) -> None:
        await RateLimit(1, per=60, by="address").admit(request)

    async with running(app) as client:
        assert (await client.get("/")).status_code == 200
        with pytest.raises(ConfigurationError, match="name it"):
            await client.get("/")
