"""A route in several places, and several gates before one route: each place is judged."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount, Route, Router
from starlette.types import Receive, Scope, Send

from clerk_fastapi import Clerk, ClerkMiddleware, ConfigurationError, Permission, Policy
from clerk_fastapi.testing import LocalClerk
from tests.web.conftest import Headers
from tests.web.routing.protected import ADMIN, OWNER, below, opaque, page, protected
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


# --- one route, several places --------------------------------------------------------------------


async def test_router_that_is_included_twice_is_judged_by_place(
    clerk: Clerk, ada: Headers, judged: list[str]
) -> None:
    """One object serves both paths, and each path has a policy of its own."""
    app, router = protected(clerk, Policy("public", "/a(.*)"), Policy(ADMIN, "/b(.*)")), APIRouter()
    router.add_api_route("/api", lambda: "api")
    router.add_route("/plain", page)
    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/b")
    async with running(app) as client:
        for path in ("/a/api", "/a/plain"):
            assert (await client.get(path)).status_code == 200
        assert judged == []
        for path in ("/b/api", "/b/plain"):
            assert (await client.get(path)).status_code == 401
            assert (await client.get(path, headers=ada)).status_code == 200
    assert judged == ["role org:admin"] * 4


async def test_places_that_cannot_be_told_apart_all_have_to_agree(
    clerk: Clerk, ada: Headers
) -> None:
    """The stricter policy decides where two templates fit one request."""
    app, router = protected(clerk, Policy("public", "/{any}/api"), default=ADMIN), APIRouter()
    router.add_api_route("/api", lambda: "api")
    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/{any}")
    assert await statuses(app, "/a/api", ada, {}) == [200, 401]
    assert await statuses(app, "/b/api", {}) == [200]


async def test_application_that_is_mounted_twice_is_judged_by_place(
    clerk: Clerk, ada: Headers
) -> None:
    """At any depth."""
    shared = below(Route("/page", page), Mount("/c", Router([Route("/page", page)])))
    app = protected(clerk, Policy("public", "/a/(.*)"), Policy(ADMIN, "/b/(.*)"), default=OWNER)
    app.mount("/a", shared)
    app.mount("/b", shared)
    for path in ("/page", "/c/page"):
        assert await statuses(app, "/a" + path, {}) == [200]
        assert await statuses(app, "/b" + path, ada, {}) == [200, 401]


async def test_routes_of_two_applications_are_judged_by_the_one_that_is_asked(
    local: LocalClerk, ada: Headers
) -> None:
    """They share what they mount, and neither sees the other's policies."""
    shared = below(Route("/page", page))
    apps = [
        protected(Clerk(**local.settings()), default=demand) for demand in ("public", ADMIN, OWNER)
    ]
    plain = below()
    for each in (*apps, plain):
        each.mount("/sub", shared)
    async with running(apps[0]) as first, running(apps[1]) as second, running(apps[2]) as third:
        for client, expected in ((first, 200), (second, 401), (third, 401)):
            assert (await client.get("/sub/page")).status_code == expected
        for client, expected in ((first, 200), (second, 200), (third, 403)):
            assert (await client.get("/sub/page", headers=ada)).status_code == expected
    assert await statuses(plain, "/sub/page", {}) == [200]


async def test_frontend_that_was_asked_before_is_judged_from_the_start_on(
    clerk: Clerk, ada: Headers, tmp_path: Path
) -> None:
    """Frameworks keep the methods that they have once looked up."""
    (tmp_path / "index.html").write_text("front")
    router, shared = APIRouter(), below()
    router.frontend("/front", directory=tmp_path)
    shared.include_router(router)
    assert await statuses(shared, "/front/index.html", {}) == [200]
    app = protected(clerk, default=ADMIN)
    app.mount("/sub", shared)
    assert await statuses(app, "/sub/front/index.html", ada, {}) == [200, 401]


# --- several gates --------------------------------------------------------------------------------


async def test_mounted_application_may_have_policies_of_its_own(
    clerk: Clerk, ada: Headers, bob: Headers, judged: list[str]
) -> None:
    """Both are judged, the outer one first; paths are those that each application knows."""
    sub = below(Route("/page", page))
    sub.add_middleware(ClerkMiddleware, policies=[Policy(ADMIN, "/page")])
    app = protected(clerk, Policy("signed_in", "/sub/page"))
    app.mount("/sub", sub)
    assert await statuses(app, "/sub/page", ada, bob, {}) == [200, 403, 401]
    assert judged == [*["a signed-in user", "role org:admin"] * 2, "a signed-in user"]


async def test_inner_policies_make_nothing_public(clerk: Clerk, ada: Headers) -> None:
    """Whoever mounts an application has the last word."""
    sub = below(Route("/page", page), Mount("/deep", below(Route("/page", page))))
    sub.add_middleware(ClerkMiddleware, policies=[Policy("public", "/(.*)")])
    app = protected(clerk, default=ADMIN)
    app.mount("/sub", sub)
    for path in ("/sub/page", "/sub/deep/page"):
        assert await statuses(app, path, ada, {}) == [200, 401]


async def test_policies_ask_the_clerk_of_their_own_application(
    clerk: Clerk, other: LocalClerk, ada: Headers, eve: Headers
) -> None:
    """Not that of an application further in: its users are strangers here."""
    staff = Clerk(**other.settings())
    sub = below(Route("/page", page))
    app = protected(clerk, Policy("signed_in", "/sub/(.*)"))
    app.mount("/sub", sub)
    async with running(app) as client, staff.lifespan(sub):
        found = [await client.get("/sub/page", headers=who) for who in (ada, eve, {})]
    assert [answer.status_code for answer in found] == [200, 401, 401]


async def test_gates_at_any_depth_all_judge(clerk: Clerk, ada: Headers, judged: list[str]) -> None:
    """Each sees the mounts below it."""
    inner = below(Mount("/c", Router([Route("/page", page)])))
    inner.add_middleware(ClerkMiddleware, policies=[Policy(ADMIN, "/c/page")])
    middle = below(Mount("/b", inner))
    middle.add_middleware(
        ClerkMiddleware, policies=[Policy(Permission("org:data:read"), "/b/c/page")]
    )
    app = protected(clerk, Policy("signed_in", "/a/b/c/page"))
    app.mount("/a", middle)
    assert await statuses(app, "/a/b/c/page", ada) == [200]
    assert judged == ["a signed-in user", "permission org:data:read", "role org:admin"]


async def test_application_within_foreign_middleware_is_judged_at_both_its_doors(
    clerk: Clerk, ada: Headers, judged: list[str]
) -> None:
    """From outside it is opaque, and inside it has policies of its own."""
    sub = below(Route("/page", page))
    sub.add_middleware(ClerkMiddleware, policies=[Policy(ADMIN, "/page")])
    app = protected(clerk, Policy("signed_in", "/sub/(.*)"))
    app.mount("/sub", GZipMiddleware(sub))
    assert await statuses(app, "/sub/page", ada) == [200]
    assert judged == ["a signed-in user", "role org:admin"]


async def test_what_lies_behind_a_route_that_was_asked_is_not_asked_again(
    clerk: Clerk, ada: Headers, judged: list[str]
) -> None:
    """An application may be mounted as it is, and within other middleware as well."""
    shared = below(Route("/page", page))
    app = protected(clerk, Policy(ADMIN, "/wrapped/(.*)"), Policy(OWNER, "/plain/(.*)"))
    app.mount("/wrapped", GZipMiddleware(shared))
    app.mount("/plain", shared)
    assert await statuses(app, "/wrapped/page", ada, {}) == [200, 401]
    assert await statuses(app, "/plain/page", ada, {}) == [403, 401]
    assert judged == ["role org:admin"] * 2 + ["role org:owner"] * 2


async def test_two_middlewares_of_one_application_both_judge(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """Whichever is added first."""
    app = protected(clerk, default="signed_in")
    app.add_middleware(ClerkMiddleware, policies=[Policy(ADMIN, "/a")])
    app.add_route("/a", page)
    app.add_route("/b", page)
    assert await statuses(app, "/a", ada, bob, {}) == [200, 403, 401]
    assert await statuses(app, "/b", ada, bob, {}) == [200, 200, 401]


async def test_middleware_of_a_mount_runs_before_the_policy(clerk: Clerk) -> None:
    """What it answers by itself is its own; what it passes on is judged."""

    class Answering:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            mine = scope["path"].endswith("/mine")
            await (opaque if mine else self.app)(scope, receive, send)

    app = protected(clerk, default=ADMIN)
    app.router.routes.append(
        Mount("/sub", routes=[Route("/{any}", page)], middleware=[Middleware(Answering)])
    )
    assert await statuses(app, "/sub/mine", {}) == [200]
    assert await statuses(app, "/sub/page", {}) == [401]


class Elsewhere:
    """Middleware that lets another route, or another application, serve some paths."""

    def __init__(self, app: Any, serves: dict[str, Any]) -> None:
        self.app = app
        self.serves = serves

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        found = self.serves.get(scope["path"], self.app)
        path = scope["path"] if found is self.app else "/a"
        root = scope["root_path"] if found is self.app else ""
        await found({**scope, "path": path, "root_path": root}, receive, send)


async def test_request_that_is_sent_back_is_judged_where_it_arrives(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """By middleware of a mounted application, to the one around it: it starts anew there."""
    sub = below(Route("/page", page))
    app = protected(clerk, Policy(ADMIN, "/a"), Policy("signed_in", "/sub/(.*)"))
    sub.add_middleware(Elsewhere, serves={"/sub/back": app})
    app.add_route("/a", page)
    app.mount("/sub", sub)
    assert await statuses(app, "/sub/back", ada, bob, {}) == [200, 403, 401]
    assert await statuses(app, "/sub/page", ada, bob, {}) == [200, 200, 401]


async def test_route_that_is_reached_by_no_known_way_is_an_error(
    clerk: Clerk, ada: Headers
) -> None:
    """Nobody has decided what it takes to come to it from there."""
    sub, serves = below(Route("/page", page)), dict[str, Any]()
    app = protected(clerk, Policy(ADMIN, "/a"))
    sub.add_middleware(Elsewhere, serves=serves)
    app.add_route("/a", page)
    app.mount("/sub", sub)
    async with running(app) as client:
        serves["/sub/around"] = app.routes[0].handle
        with pytest.raises(ConfigurationError, match="no policy has decided"):
            await client.get("/sub/around", headers=ada)


async def test_router_that_is_mounted_and_included_is_judged_by_place(
    clerk: Clerk, ada: Headers
) -> None:
    """FastAPI copies the mounts of routers that it includes; a copy has a place of its own."""
    router, inner = APIRouter(), Router([Route("/page", page)])
    router.mount("/inner", inner)
    app = protected(clerk, Policy("public", "/mounted/(.*)"), default=ADMIN)
    app.mount("/mounted", router)
    app.include_router(router, prefix="/included")
    async with running(app) as client:
        for path, guest in (("/mounted", 200), ("/included", 401)):
            for _ in range(2):
                found = [await client.get(f"{path}/inner/page", headers=who) for who in (ada, {})]
                assert [answer.status_code for answer in found] == [200, guest]
            router.add_api_route(f"{path}/new", lambda: "new")  # and it makes new copies


async def test_handler_that_passes_requests_on_has_them_judged_again(
    clerk: Clerk, ada: Headers, bob: Headers
) -> None:
    """A route that was let through opens no other one."""
    app = protected(clerk, Policy("signed_in", "/pass/(.*)"), Policy(ADMIN, "/a"))
    app.add_route("/a", page)

    async def passing(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "path": "/a", "root_path": ""}, receive, send)

    app.mount("/pass", passing)
    assert await statuses(app, "/pass/on", ada, bob, {}) == [200, 403, 401]
