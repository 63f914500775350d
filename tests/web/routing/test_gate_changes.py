"""Routes that come and go, and applications that stop and start again, are judged all the same."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    Policy,
)
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.routing.routes import Tree
from tests.web.conftest import Headers
from tests.web.routing.protected import ADMIN, OWNER, below, opaque, page, protected
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


# --- changes --------------------------------------------------------------------------------------


async def added(app: FastAPI, change: Callable[[], Any], path: str, who: Headers) -> list[int]:
    """What is answered at a path once the routes of a running application have changed."""
    async with running(app) as client:
        assert (await client.get("/first")).status_code == 401
        change()
        return [(await client.get(path, headers=each)).status_code for each in (who, {})]


CHANGES: dict[str, tuple[str, Callable[[FastAPI, Path], Any]]] = {
    "api route": ("/new", lambda app, _: app.add_api_route("/new", lambda: "new")),
    "route": ("/new", lambda app, _: app.add_route("/new", page)),
    "before others": ("/first", lambda app, _: app.routes.insert(0, Route("/first", page))),
    "replaced": ("/first", lambda app, _: app.routes.__setitem__(0, Route("/first", page))),
    "new list": ("/new", lambda app, _: setattr(app.router, "routes", [Route("/new", page)])),
    "mounted": ("/sub/new", lambda app, _: app.mount("/sub", below(Route("/new", page)))),
    "below a mount": (
        "/mounted/new",
        lambda app, _: app.routes[1].app.add_route("/new", page),  # type: ignore[attr-defined]  # a mount has one
    ),
    "opaque": ("/sub/", lambda app, _: app.mount("/sub", opaque)),
    "frontend": ("/file.txt", lambda app, path: app.frontend("/", directory=path)),
    "default": ("/new", lambda app, _: setattr(app.router, "default", opaque)),
}


@pytest.mark.parametrize(("path", "change"), CHANGES.values(), ids=CHANGES)
async def test_routes_that_are_added_while_running_are_judged(
    clerk: Clerk,
    ada: Headers,
    tmp_path: Path,
    path: str,
    change: Callable[[FastAPI, Path], Any],
) -> None:
    """From their first request on."""
    (tmp_path / "file.txt").write_text("file")
    app = protected(clerk, default=ADMIN)
    app.add_route("/first", page)
    app.mount("/mounted", below())
    assert await added(app, lambda: change(app, tmp_path), path, ada) == [200, 401]


async def test_routes_of_a_router_that_grows_are_judged(clerk: Clerk, ada: Headers) -> None:
    """A router that is included while running, and one that is included and grows."""
    app, known, new = protected(clerk, default=ADMIN), APIRouter(), APIRouter()
    app.add_route("/first", page)
    app.include_router(known, prefix="/known")
    new.add_api_route("/page", lambda: "new")

    def change() -> None:
        known.add_api_route("/page", lambda: "grown")
        app.include_router(new, prefix="/new")

    assert await added(app, change, "/known/page", ada) == [200, 401]
    assert await statuses(app, "/new/page", ada, {}) == [200, 401]


async def test_route_that_middleware_adds_on_the_way_to_it_is_judged(
    clerk: Clerk, ada: Headers
) -> None:
    """Between the gate and the application that it belongs to."""
    sub = below()

    class Adding:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if not sub.routes:
                sub.add_route("/late", page)
            await self.app(scope, receive, send)

    sub.add_middleware(Adding)
    app = protected(clerk, default=ADMIN)
    app.mount("/sub", sub)
    assert await statuses(app, "/sub/late", {}, ada, {}) == [401, 200, 401]


async def test_policies_that_are_taken_away_hold_until_the_next_start(
    clerk: Clerk, ada: Headers
) -> None:
    """What was read at the start-up is what counts, however the routes change."""
    policies = [Policy(ADMIN, "/(.*)")]
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.add_middleware(ClerkMiddleware, policies=policies)
    app.add_route("/first", page)

    def change() -> None:
        policies.clear()
        app.add_route("/new", page)

    assert await added(app, change, "/new", ada) == [200, 401]
    assert await statuses(app, "/new", {}) == [200]


async def test_policies_hold_for_routes_that_are_added_while_running(
    clerk: Clerk, ada: Headers
) -> None:
    """A pattern chooses those, too."""
    app = protected(clerk, Policy("public", "/open(.*)"), Policy(OWNER, "/shut(.*)"), default=ADMIN)
    for path in ("/first", "/open", "/shut"):
        app.add_route(path, page)

    def change() -> None:
        for path in ("/open/new", "/shut/new"):
            app.add_route(path, page)

    assert await added(app, change, "/open/new", ada) == [200, 200]
    assert await statuses(app, "/shut/new", ada, {}) == [403, 401]


async def test_route_that_a_demand_fits_in_part_is_held_to_it(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """At the start-up it would be refused; now it is closed to whom any part of it is."""
    app = protected(
        clerk,
        Policy(ADMIN, "/admin/(.*)", methods=["GET"]),
        Policy("public", "/shared/users"),
        default="signed_in",
    )
    for path in ("/first", "/admin/", "/shared/users"):
        app.add_route(path, page)

    def change() -> None:
        app.add_route("/{section}/{page}", page, methods=["GET", "POST"])

    async with running(app) as client:
        assert (await client.get("/first")).status_code == 401
        change()
        for path in ("/admin/users", "/other/users"):
            found = [await client.get(path, headers=who) for who in (ada, bob, {})]
            assert [answer.status_code for answer in found] == [200, 403, 401]
            found = [await client.post(path, headers=who) for who in (ada, bob, {})]
            assert [answer.status_code for answer in found] == [200, 200, 401]
        assert (await client.get("/shared/users")).status_code == 200


async def test_mistake_that_comes_with_a_change_is_logged_and_fails_closed(
    clerk: Clerk, ada: Headers, caplog: pytest.LogCaptureFixture
) -> None:
    """A running application is not stopped; what a policy has chosen so far it still chooses."""
    app = protected(clerk, Policy(OWNER, "/a"), default=ADMIN)
    for path in ("/first", "/a"):
        app.add_route(path, page)
    with caplog.at_level(logging.ERROR, logger="clerk_fastapi"):
        change = lambda: app.router.routes.pop()  # noqa: E731  # a change like the others
        assert await added(app, change, "/first", ada) == [200, 401]
    assert caplog.messages == ["the routes have changed: No route has the path '/a' of a policy."]


async def test_unchanged_routes_are_decided_on_once(
    clerk: Clerk, ada: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests do not pay for it."""
    trees: list[Any] = []

    def counted(app: Any) -> Tree:
        trees.append(app)
        return Tree(app)

    monkeypatch.setattr("clerk_fastapi.web.routing.gate.Tree", counted)
    app = protected(clerk, default=ADMIN)
    app.add_route("/a", page)
    app.router.default = opaque
    assert await statuses(app, "/a", ada, {}, ada) == [200, 401, 200]
    assert trees == [app]


async def test_nothing_gets_out_of_a_route_that_has_not_asked(clerk: Clerk, ada: Headers) -> None:
    """Should a framework or a user find a way to it: an error, whoever is signed in."""
    app, sub = protected(clerk, default="signed_in"), below(Route("/a", page))
    app.add_route("/a", page)
    app.mount("/sub", sub)
    async with running(app) as client:
        del app.routes[0].handle
        del sub.routes[0].handle
        for path in ("/a", "/sub/a"):
            with pytest.raises(ConfigurationError, match="no policy has decided"):
                await client.get(path, headers=ada)


# --- starting and stopping ------------------------------------------------------------------------


async def test_restarts_leave_nothing_behind(clerk: Clerk, ada: Headers, judged: list[str]) -> None:
    """The same application is started as often as tests like."""
    app = protected(clerk, default=ADMIN)
    app.add_route("/a", page)
    app.router.default = opaque
    before = app.router.middleware_stack
    for _ in range(3):
        assert await statuses(app, "/a", ada, {}) == [200, 401]
        assert app.router.middleware_stack == before
    assert judged == ["role org:admin"] * 6


async def test_gates_leave_in_any_order(local: LocalClerk, ada: Headers) -> None:
    """Two middlewares of one application, restarted."""
    clerk = Clerk(**local.settings())
    app = protected(clerk, default="signed_in")
    app.add_middleware(ClerkMiddleware, default=ADMIN)
    app.add_route("/a", page)
    before = app.router.middleware_stack
    for _ in range(2):
        assert await statuses(app, "/a", ada, {}) == [200, 401]
        assert app.router.middleware_stack == before
