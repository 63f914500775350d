"""Applications mounted in ways that could mistake one Clerk's tokens for another's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from clerk_fastapi import Auth, Clerk, ConfigurationError, require_auth
from clerk_fastapi.testing import LocalClerk
from tests.web.conftest import Headers
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


def guarded(**options: Any) -> FastAPI:
    """An application with one guarded route."""
    app = FastAPI(**options)

    @app.get("/me")
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    return app


async def is_let_in(client: httpx.AsyncClient, path: str, headers: Headers) -> bool:
    """Whether a caller gets in; an application that cannot tell whom to believe lets nobody in."""
    try:
        return (await client.get(path, headers=headers)).status_code == 200
    except ConfigurationError:
        return False


async def test_application_mounted_under_two_paths_is_guarded_under_both(
    clerk: Clerk, ada: Headers
) -> None:
    """There is one Clerk around it, however often: nothing to choose from."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with clerk.lifespan(app):
            yield

    app, sub = guarded(lifespan=lifespan), guarded()
    app.mount("/v1", sub)
    app.mount("/latest", sub)
    assert await statuses(app, "/v1/me", ada, {}) == [200, 401]
    assert await statuses(app, "/latest/me", ada, {}) == [200, 401]


async def test_closest_clerk_decides_behind_middleware_as_well(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """Start-up cannot see through the middleware; the outermost Clerk must not step in."""
    own, sub, deep = Clerk(**other.settings()), guarded(), guarded()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with clerk.lifespan(app) as state, own.lifespan(sub):
            yield state

    app = guarded(lifespan=lifespan)
    app.mount("/sub", GZipMiddleware(sub))
    sub.mount("/deep", deep)
    async with running(app) as client:
        assert await is_let_in(client, "/sub/me", eve)
        assert not await is_let_in(client, "/sub/me", ada)
        assert not await is_let_in(client, "/sub/deep/me", ada)


async def test_states_of_two_clerks_that_were_merged_open_nothing(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """A lifespan that yields both has the second one's entry replace the first one's."""
    own, sub, plain = Clerk(**other.settings()), guarded(), guarded()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with clerk.lifespan(app) as outer, own.lifespan(sub) as inner:
            yield {**outer, **inner}

    app = guarded(lifespan=lifespan)
    app.mount("/sub", sub)
    app.mount("/plain", plain)
    async with running(app) as client:
        assert await is_let_in(client, "/me", ada)
        assert await is_let_in(client, "/sub/me", eve)
        assert not await is_let_in(client, "/me", eve)
        assert not await is_let_in(client, "/sub/me", ada)
        assert not await is_let_in(client, "/plain/me", eve)


async def test_application_mounted_at_different_depths_of_two_is_not_the_closer_ones(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """Without a state from the server nothing tells through which of them a request came."""
    shared, between = guarded(), guarded()

    def without_state(clerk: Clerk) -> Any:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with clerk.lifespan(app):
                yield

        return lifespan

    ours = guarded(lifespan=without_state(clerk))
    theirs = guarded(lifespan=without_state(Clerk(**other.settings())))
    ours.mount("/shared", shared)
    theirs.mount("/between", between)
    between.mount("/shared", shared)
    async with running(ours) as our_client, running(theirs) as their_client:
        assert not await is_let_in(our_client, "/shared/me", eve)
        assert not await is_let_in(their_client, "/between/shared/me", ada)


async def test_application_shared_out_of_sight_is_not_the_visible_ones(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """One mounts it openly, the other behind middleware; the server's state tells them apart."""
    shared = guarded()
    ours = guarded(lifespan=clerk.lifespan)
    theirs = guarded(lifespan=Clerk(**other.settings()).lifespan)
    ours.mount("/shared", shared)
    theirs.mount("/shared", GZipMiddleware(shared))
    async with running(ours) as our_client, running(theirs) as their_client:
        assert await is_let_in(our_client, "/shared/me", ada)
        assert not await is_let_in(our_client, "/shared/me", eve)
        assert not await is_let_in(their_client, "/shared/me", ada)


async def test_application_whose_own_clerk_was_never_started_stops_the_start_up(
    clerk: Clerk, other: LocalClerk
) -> None:
    """Nobody runs the lifespan of a mounted application, so its Clerk is easily forgotten."""
    app = guarded(lifespan=clerk.lifespan)
    app.mount("/sub", guarded(lifespan=Clerk(**other.settings()).lifespan))
    with pytest.raises(ConfigurationError, match="lifespan"):
        async with running(app):
            """Never gets here."""


async def test_application_whose_own_clerk_was_never_started_is_not_guarded_by_another(
    clerk: Clerk, other: LocalClerk, ada: Headers
) -> None:
    """Where start-up cannot see it, the first request does."""
    app = guarded(lifespan=clerk.lifespan)
    app.mount("/sub", GZipMiddleware(guarded(lifespan=Clerk(**other.settings()).lifespan)))
    async with running(app) as client:
        assert await is_let_in(client, "/me", ada)
        assert not await is_let_in(client, "/sub/me", ada)
