"""Which Clerk guards an application: started with it, mounted in it, given to a guard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from clerk_fastapi import Auth, Clerk, ConfigurationError, require, require_auth
from clerk_fastapi.testing import LocalClerk, Session
from tests.web.conftest import Headers
from tests.web.serving import open_websocket, running, serving, statuses

pytestmark = pytest.mark.anyio


def guarded(**options: Any) -> FastAPI:
    """An application with one guarded route."""
    app = FastAPI(**options)

    @app.get("/me")
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    return app


async def test_without_a_running_clerk_the_error_says_which_line_to_add(ada: Headers) -> None:
    """Nobody passes a guard that does not know whom to believe."""
    with pytest.raises(ConfigurationError) as error:
        await statuses(guarded(), "/me", ada)
    assert "app = FastAPI(lifespan=clerk.lifespan)" in error.value.message
    assert "async with clerk.lifespan(app)" in error.value.message


async def test_client_that_does_not_run_the_lifespan_is_told_so(clerk: Clerk, ada: Headers) -> None:
    """The commonest mistake in tests."""
    transport = httpx.ASGITransport(guarded(lifespan=clerk.lifespan))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(ConfigurationError, match="a test client must run the lifespan"):
            await client.get("/me", headers=ada)


async def test_websocket_without_a_running_clerk_is_an_error_too(ada: Headers) -> None:
    """It is neither accepted nor quietly refused."""
    app = FastAPI()

    @app.websocket("/live", dependencies=[Depends(require_auth)])
    async def live() -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError):
        await open_websocket(app, "/live", ada)


async def test_clerk_runs_over_a_real_server(clerk: Clerk, ada: Headers) -> None:
    """``FastAPI(lifespan=clerk.lifespan)`` is all that uvicorn needs to know."""
    async with (
        serving(guarded(lifespan=clerk.lifespan)) as address,
        httpx.AsyncClient(timeout=60) as client,
    ):
        assert (await client.get(f"http://{address}/me", headers=ada)).status_code == 200
        assert (await client.get(f"http://{address}/me")).status_code == 401


@pytest.mark.parametrize("yields", [True, False])
async def test_lifespan_of_ones_own_may_start_the_clerk(
    clerk: Clerk, ada: Headers, yields: bool
) -> None:
    """With its state passed on among others, or without."""
    events = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        events.append("start")
        async with clerk.lifespan(app) as state:
            yield {**state, "database": "open"} if yields else {"database": "open"}
        events.append("stop")

    assert await statuses(guarded(lifespan=lifespan), "/me", ada, {}) == [200, 401]
    assert events == ["start", "stop"]


async def test_handlers_find_the_running_clerk_on_the_state(clerk: Clerk) -> None:
    """Whoever has no module to import it from."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/")
    async def root(request: Request) -> bool:
        return request.state.clerk is clerk

    async with running(app) as client:
        assert (await client.get("/")).json() is True


async def test_mounted_application_is_guarded_by_the_clerk_around_it(
    clerk: Clerk, ada: Headers, eve: Headers
) -> None:
    """At any depth, and none of them has a lifespan of its own."""
    app, sub, deep = guarded(lifespan=clerk.lifespan), guarded(), guarded()
    sub.mount("/deep", deep)
    app.mount("/sub", sub)
    assert await statuses(app, "/sub/me", ada, eve, {}) == [200, 401, 401]
    assert await statuses(app, "/sub/deep/me", ada, eve, {}) == [200, 401, 401]


async def test_mounted_websocket_is_guarded(clerk: Clerk, ada: Headers) -> None:
    """A sub-application refuses handshakes like any other."""
    app, sub = FastAPI(lifespan=clerk.lifespan), FastAPI()

    @sub.websocket("/live", dependencies=[Depends(require_auth)])
    async def live() -> None:
        """Return without a word: getting here is what counts."""

    app.mount("/sub", sub)
    async with running(app):
        assert await open_websocket(app, "/sub/live", ada) == []
        assert [sent["code"] for sent in await open_websocket(app, "/sub/live", {})] == [3000]


def wrapped(sub: FastAPI, app: FastAPI) -> str:
    """Mount behind middleware."""
    app.mount("/sub", GZipMiddleware(sub))
    return "/sub/me"


def nested(sub: FastAPI, app: FastAPI) -> str:
    """Mount within a mount of routes."""
    app.router.routes.append(Mount("/outer", routes=[Mount("/inner", app=sub)]))
    return "/outer/inner/me"


def late(sub: FastAPI, app: FastAPI) -> str:
    """Mount on a router that is mounted itself."""
    router = APIRouter()
    router.mount("/inner", sub)
    app.mount("/outer", router)
    return "/outer/inner/me"


@pytest.mark.parametrize("mount", [wrapped, nested, late])
async def test_application_mounted_out_of_sight_is_guarded(
    clerk: Clerk, ada: Headers, eve: Headers, mount: Any
) -> None:
    """Every request passes the outer application, so nobody has to find the inner one."""
    app, sub = guarded(lifespan=clerk.lifespan), guarded()
    assert await statuses(app, mount(sub, app), ada, eve, {}) == [200, 401, 401]


@pytest.mark.parametrize("mount", [wrapped, nested, late])
async def test_application_mounted_out_of_sight_needs_no_state(
    clerk: Clerk, ada: Headers, mount: Any
) -> None:
    """A lifespan that forgets to pass the state on changes nothing for guards."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with clerk.lifespan(app):
            yield

    app, sub = guarded(lifespan=lifespan), guarded()
    assert await statuses(app, mount(sub, app), ada, {}) == [200, 401]


async def test_application_mounted_while_running_is_guarded(
    clerk: Clerk, ada: Headers, eve: Headers
) -> None:
    """Plug-ins come late."""
    app = guarded(lifespan=clerk.lifespan)
    async with running(app) as client:
        app.mount("/sub", guarded())
        for headers, status in ((ada, 200), (eve, 401), ({}, 401)):
            assert (await client.get("/sub/me", headers=headers)).status_code == status


@pytest.mark.parametrize("outer_first", [True, False])
async def test_mounted_application_may_have_a_clerk_of_its_own(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers, outer_first: bool
) -> None:
    """Neither accepts the other's tokens, in whichever order they were started."""
    own, sub = Clerk(**other.settings()), guarded()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        if outer_first:
            async with clerk.lifespan(app) as state, own.lifespan(sub):
                yield state
        else:
            async with own.lifespan(sub), clerk.lifespan(app) as state:
                yield state

    app = guarded(lifespan=lifespan)
    app.mount("/sub", sub)
    for _ in range(2):
        assert await statuses(app, "/me", ada, eve, {}) == [200, 401, 401]
        assert await statuses(app, "/sub/me", ada, eve, {}) == [401, 200, 401]


@pytest.mark.parametrize(
    "outer_first",
    [
        True,
        False,
    ],
)
async def test_application_mounted_in_a_mounted_one_belongs_to_the_closest_clerk(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers, outer_first: bool
) -> None:
    """The outermost Clerk's tokens open nothing within an application that has its own."""
    own, sub, deep = Clerk(**other.settings()), guarded(), guarded()
    sub.mount("/deep", deep)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        if outer_first:
            async with clerk.lifespan(app) as state, own.lifespan(sub):
                yield state
        else:
            async with own.lifespan(sub), clerk.lifespan(app) as state:
                yield state

    app = guarded(lifespan=lifespan)
    app.mount("/sub", sub)
    assert await statuses(app, "/sub/deep/me", ada, eve, {}) == [401, 200, 401]


async def test_application_mounted_in_two_never_takes_one_instances_tokens_for_the_others(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """Shared routes are guarded by the Clerk of the application they were reached through."""
    shared = guarded()
    ours = guarded(lifespan=clerk.lifespan)
    theirs = guarded(lifespan=Clerk(**other.settings()).lifespan)
    for app in (ours, theirs):
        app.mount("/shared", shared)
    async with running(ours) as our_client, running(theirs) as their_client:
        assert (await our_client.get("/shared/me", headers=ada)).status_code == 200
        assert (await our_client.get("/shared/me", headers=eve)).status_code == 401
        assert (await their_client.get("/shared/me", headers=ada)).status_code == 401
        assert (await their_client.get("/shared/me", headers=eve)).status_code == 200


async def test_two_clerks_in_one_application_never_accept_each_others_tokens(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers, ada_session: Session
) -> None:
    """``require(clerk=...)`` asks another one; both may guard one route and see their own user."""
    partner = Clerk(**other.settings())
    app = guarded(lifespan=clerk.lifespan)

    @app.get("/partners", dependencies=[Depends(require(clerk=partner))])
    async def partners() -> str:
        return "partners"

    @app.get("/both", dependencies=[Depends(require_auth), Depends(require(clerk=partner))])
    async def both() -> str:
        return "both"

    assert await statuses(app, "/me", ada, eve, {}) == [200, 401, 401]
    assert await statuses(app, "/partners", ada, eve, {}) == [401, 200, 401]
    assert await statuses(app, "/both", ada, eve, {}) == [401, 401, 401]


async def test_two_applications_in_one_process_have_nothing_in_common(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """Running at the same time, each with a Clerk of its own."""
    ours = guarded(lifespan=clerk.lifespan)
    theirs = guarded(lifespan=Clerk(**other.settings()).lifespan)
    async with running(ours) as our_client, running(theirs) as their_client:
        for client, friend, stranger in ((our_client, ada, eve), (their_client, eve, ada)):
            assert (await client.get("/me", headers=friend)).status_code == 200
            assert (await client.get("/me", headers=stranger)).status_code == 401


async def test_second_clerk_on_one_application_is_a_configuration_error(
    clerk: Clerk, other: LocalClerk, ada: Headers
) -> None:
    """Start-up stops; whose tokens to believe is not for chance to decide."""
    second = Clerk(**other.settings())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with clerk.lifespan(app), second.lifespan(app):
            yield

    app = guarded(lifespan=lifespan)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="has a running Clerk already"):
            await statuses(app, "/me", ada)


async def test_application_starts_and_stops_twice(
    clerk: Clerk, local: LocalClerk, ada: Headers
) -> None:
    """As test clients do, one after the other."""
    app, sub = guarded(lifespan=clerk.lifespan), guarded()
    app.mount("/sub", sub)
    for _ in range(2):
        assert await statuses(app, "/me", ada, {}) == [200, 401]
        assert await statuses(app, "/sub/me", ada, {}) == [200, 401]


async def test_stopped_clerk_decides_nothing_any_more(clerk: Clerk, ada: Headers) -> None:
    """After shutdown the application is as it was before start-up."""
    app, sub = guarded(lifespan=clerk.lifespan), guarded()
    app.mount("/sub", sub)
    async with running(app):
        pass
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/sub/me", "/me"):
            with pytest.raises(ConfigurationError):
                await client.get(path, headers=ada)


async def test_failed_start_leaves_nothing_behind(
    clerk: Clerk, other: LocalClerk, eve: Headers
) -> None:
    """Whatever fails after the Clerk was started, another one can be started then."""
    app = guarded()
    with pytest.raises(LookupError):
        async with clerk.lifespan(app):
            raise LookupError
    app.router.lifespan_context = Clerk(**other.settings()).lifespan
    assert await statuses(app, "/me", eve) == [200]


async def test_lifespan_fetches_nothing(clerk: Clerk, local: LocalClerk) -> None:
    """An application starts while Clerk is out of reach, and serves what needs no sign-in."""
    app = guarded(lifespan=clerk.lifespan)
    with local.outage("unreachable"):
        assert await statuses(app, "/me", {}) == [401]
    assert local.requests == []


@pytest.mark.parametrize("name", ["publishable_key", "secret_key"])
def test_malformed_key_stops_the_start_up_and_names_the_variable(
    local: LocalClerk, name: str
) -> None:
    """Before there is an application that could let anybody in."""
    settings: dict[str, Any] = {**local.settings(), name: "nonsense"}
    with pytest.raises(ConfigurationError, match=f"CLERK_{name.upper()}"):
        Clerk(**settings)
