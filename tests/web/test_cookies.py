"""Cookies of renewed sessions are on the answer once, whatever the answer is."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.gzip import GZipMiddleware

from clerk_fastapi import (
    Auth,
    Clerk,
    optional_auth,
    require,
    require_auth,
    require_role,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

Headers = dict[str, str]


@pytest.fixture
def slept(local: LocalClerk, ada_session: Session, clock: Any) -> Headers:
    """What a browser sends whose session has expired while it slept."""
    jar = local.cookies(ada_session, refresh=True)
    clock.now += 3_600
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application that answers in many ways."""
    app = FastAPI(lifespan=clerk.lifespan)
    guarded = [Depends(require_auth)]

    @app.get("/plain", dependencies=guarded)
    async def plain() -> str:
        return "plain"

    @app.get("/optional", dependencies=[Depends(optional_auth)])
    async def optional() -> str:
        return "optional"

    @app.get("/many", dependencies=[*guarded, Depends(optional_auth), Depends(require())])
    async def many(auth: Annotated[Auth, Depends(require_role("org:admin"))]) -> str:
        return auth.user_id

    @app.get("/own", dependencies=guarded)
    async def own(response: Response) -> str:
        response.set_cookie("theme", "dark")
        response.headers["Cache-Control"] = "public, max-age=600"
        return "own"

    @app.get("/stream", dependencies=guarded)
    async def stream() -> StreamingResponse:
        async def parts() -> AsyncIterator[str]:
            for part in ("a", "b", "c"):
                yield part

        return StreamingResponse(parts())

    @app.get("/background", dependencies=guarded)
    async def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(lambda: None)
        return "background"

    @app.get("/denied", dependencies=[Depends(require_role("org:owner"))])
    async def denied() -> str:
        raise AssertionError("nobody gets here")

    @app.get("/invalid", dependencies=guarded)
    async def invalid(number: int) -> str:
        raise AssertionError("nobody gets here")

    @app.get("/missing", dependencies=guarded)
    async def missing() -> str:
        raise HTTPException(404, headers={"X-Own": "1"})

    @app.get("/worded", dependencies=guarded)
    async def worded() -> str:
        raise ValueError

    @app.exception_handler(ValueError)
    async def in_words(request: Request, error: ValueError) -> Response:
        return Response("in words", status_code=418)

    return app


def renewed(response: httpx.Response) -> list[str]:
    """The names of all cookies that an answer sets."""
    return [cookie.partition("=")[0] for cookie in response.headers.get_list("set-cookie")]


def fresh(local: LocalClerk) -> list[str]:
    """The names of those that a refresh brings."""
    suffix = local.cookie_suffix
    return ["__session", f"__refresh_{suffix}", f"__session_{suffix}"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/plain", 200),
        ("/optional", 200),
        ("/many", 200),
        ("/stream", 200),
        ("/background", 200),
        ("/denied", 403),
        ("/invalid?number=x", 422),
        ("/missing", 404),
        ("/worded", 418),
    ],
)
async def test_fresh_cookies_are_on_the_answer_once(
    app: FastAPI, local: LocalClerk, ada_session: Session, slept: Headers, path: str, status: int
) -> None:
    """Whatever the handler does, and however many guards there are."""
    async with running(app) as client:
        response = await client.get(path, headers=slept)
    assert response.status_code == status
    assert renewed(response) == fresh(local)
    assert response.headers["cache-control"] == "private, no-store"
    assert len(local.requests_to(f"/sessions/{ada_session.id}/refresh")) == 1


async def test_cookies_of_the_application_stay(
    app: FastAPI, local: LocalClerk, slept: Headers
) -> None:
    """Its word on caching does not: a cache that kept the answer would sign others in."""
    async with running(app) as client:
        response = await client.get("/own", headers=slept)
    assert sorted(renewed(response)) == sorted(["theme", *fresh(local)])
    assert response.headers.get_list("cache-control") == ["private, no-store"]


async def test_answers_without_news_are_left_alone(
    app: FastAPI, local: LocalClerk, ada_session: Session
) -> None:
    """Neither cookies nor a word on caching are added."""
    async with running(app) as client:
        for headers in (
            local.bearer(ada_session),
            {"Cookie": "; ".join(f"{n}={v}" for n, v in local.cookies(ada_session).items())},
        ):
            response = await client.get("/own", headers=headers)
            assert renewed(response) == ["theme"]
            assert response.headers["cache-control"] == "public, max-age=600"
            assert "cache-control" not in (await client.get("/plain", headers=headers)).headers


async def test_browser_that_keeps_them_needs_no_second_refresh(
    app: FastAPI, local: LocalClerk, ada_session: Session, slept: Headers
) -> None:
    """The cookies of the answer are good for the next request."""
    async with running(app) as client:
        jar = dict(pair.split("=", 1) for pair in slept["Cookie"].split("; "))
        for cookie in (await client.get("/plain", headers=slept)).headers.get_list("set-cookie"):
            name, _, value = cookie.partition(";")[0].partition("=")
            jar[name] = value
        again = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        response = await client.get("/plain", headers=again)
    assert (response.status_code, renewed(response)) == (200, [])
    assert len(local.requests_to(f"/sessions/{ada_session.id}/refresh")) == 1


async def test_requests_do_not_get_each_others_cookies(
    app: FastAPI, local: LocalClerk, slept: Headers
) -> None:
    """Nothing is left over for whoever comes next."""
    async with running(app) as client:
        first = await client.get("/plain", headers=slept)
        second = await client.get("/plain")
        third = await client.get("/plain", headers=slept)
    assert [renewed(each) for each in (first, second, third)] == [fresh(local), [], fresh(local)]
    tokens = {each.headers.get_list("set-cookie")[0] for each in (first, third)}
    assert len(tokens) == 2


# --- around and below -----------------------------------------------------------------------------


class Passing(BaseHTTPMiddleware):
    """Middleware that only passes on."""

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Pass the request on."""
        return await call_next(request)


async def test_middleware_lets_them_through(
    app: FastAPI, local: LocalClerk, slept: Headers
) -> None:
    """Of Starlette's two kinds."""
    app.add_middleware(Passing)
    app.add_middleware(GZipMiddleware, minimum_size=1)
    async with running(app) as client:
        for path in ("/plain", "/stream"):
            assert renewed(await client.get(path, headers=slept)) == fresh(local)


async def asked_before(clerk: Clerk[Any], app: FastAPI, path: str, headers: Headers) -> Any:
    """What an application answers whose middleware asks before its guards do."""

    async def asks(request: Request, call_next: RequestResponseEndpoint) -> Response:
        await clerk.authenticate(request)
        return await call_next(request)

    app.add_middleware(BaseHTTPMiddleware, dispatch=asks)
    async with running(app) as client:
        return await client.get(path, headers=headers)


async def test_middleware_that_asks_first_changes_nothing(
    clerk: Clerk, app: FastAPI, local: LocalClerk, ada_session: Session, slept: Headers
) -> None:
    """The guard that asks again finds the same answer, and its cookies are set once."""
    response = await asked_before(clerk, app, "/many", slept)
    assert response.status_code == 200
    assert renewed(response) == fresh(local)
    assert len(local.requests_to(f"/sessions/{ada_session.id}/refresh")) == 1


async def test_middleware_that_asks_alone_has_them_set(
    clerk: Clerk, app: FastAPI, local: LocalClerk, slept: Headers
) -> None:
    """Where no guard asks again, nothing that was renewed is lost."""

    @app.get("/unguarded")
    async def unguarded(response: Response) -> str:
        response.headers["Cloudflare-CDN-Cache-Control"] = "public, max-age=600"
        response.headers["Expires"] = "Thu, 01 Dec 2033 16:00:00 GMT"
        return "unguarded"

    response = await asked_before(clerk, app, "/unguarded", slept)
    assert renewed(response) == fresh(local)
    assert response.headers["cache-control"] == "private, no-store"
    assert not {"cloudflare-cdn-cache-control", "expires"} & set(response.headers)


@pytest.mark.parametrize("deep", [False, True])
async def test_mounted_application_sets_them_once(
    clerk: Clerk, app: FastAPI, local: LocalClerk, slept: Headers, deep: bool
) -> None:
    """With the Clerk of the application around it."""
    outer, inner = FastAPI(lifespan=clerk.lifespan), app
    inner.router.lifespan_context = FastAPI().router.lifespan_context
    if deep:
        middle = FastAPI()
        middle.mount("/below", inner)
        outer.mount("/app", middle)
    else:
        outer.mount("/app", inner)
    async with running(outer) as client:
        response = await client.get(f"/app{'/below' if deep else ''}/many", headers=slept)
    assert response.status_code == 200
    assert renewed(response) == fresh(local)


async def test_two_clerks_set_their_own(
    clerk: Clerk, local: LocalClerk, other: LocalClerk, clock: Any, ada_session: Session
) -> None:
    """A route that asks two instances renews both sessions."""
    eve = other.sign_in("eve@example.com")
    jar = local.cookies(ada_session, refresh=True) | {
        name: value
        for name, value in other.cookies(eve, refresh=True).items()
        if other.cookie_suffix in name
    }
    clock.now += 3_600
    staff: Clerk[Any] = Clerk(**other.settings())
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/", dependencies=[Depends(require_auth), Depends(require(clerk=staff))])
    async def both() -> str:
        return "both"

    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
    async with running(app) as client:
        response = await client.get("/", headers=headers)
    assert response.status_code == 200
    suffixes = {local.cookie_suffix, other.cookie_suffix}
    names = renewed(response)
    assert {f"__session_{suffix}" for suffix in suffixes} <= set(names)
    assert len(names) == 2 * 3


async def test_without_an_entrance_nothing_is_added(local: LocalClerk, slept: Headers) -> None:
    """A guard with a Clerk of its own, in an application without one, renews for this once."""
    app = FastAPI()

    @app.get("/", dependencies=[Depends(require(clerk=Clerk(**local.settings())))])
    async def page() -> str:
        return "page"

    async with running(app) as client:
        response = await client.get("/", headers=slept)
    assert (response.status_code, renewed(response)) == (200, [])


async def test_websocket_renews_nothing(clerk: Clerk, local: LocalClerk, slept: Headers) -> None:
    """It is told to come back with a fresh token."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.websocket("/", dependencies=[Depends(require_auth)])
    async def live(websocket: WebSocket) -> None:
        raise AssertionError("nobody gets here")

    async with running(app):
        sent = await open_websocket(app, "/", {"host": "test"} | slept, denials=True)
    assert sent[0]["status"] == 401
    assert all(name.lower() != b"set-cookie" for name, _ in sent[0]["headers"])
