"""The route audit and ClerkMiddleware: policies and the default, before the application runs."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    Permission,
    Policy,
    Role,
    optional_auth,
    require_api_key,
    require_auth,
)
from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.web.routing.audit import Verdict, audit_routes
from tests.web.serving import running

ADMIN = Role("org:admin")


def handler() -> None:
    """A handler that wants nothing."""


def answer(request: Request) -> PlainTextResponse:
    """A handler of Starlette's kind."""
    return PlainTextResponse("")


async def opaque(scope: Any, receive: Any, send: Any) -> None:
    """What is done where there is no route."""


def governed(*policies: Policy, default: Any = "public", **options: Any) -> FastAPI:
    """An application without pages of its own, and with policies."""
    app = FastAPI(openapi_url=None, **options)
    app.add_middleware(ClerkMiddleware, policies=policies, default=default)
    return app


def told(app: Starlette) -> dict[str, tuple[Verdict, list[str]]]:
    """The verdict on each route, and the reasons."""
    routes = audit_routes(app)
    found = {str(route): (route.verdict, [*map(str, route.guarded_by)]) for route in routes}
    assert len(found) == len(routes)
    return found


def test_policies_are_told() -> None:
    """A requirement, a guard, and what is public because somebody wrote it down."""
    app = governed(
        Policy("public", "/"),
        Policy("signed_in", "/me"),
        Policy(ADMIN, "/admin(.*)"),
        Policy(require_api_key, names=["export"]),
    )
    for path in ("/", "/me", "/admin/users", "/left"):
        app.add_api_route(path, handler)
    app.add_api_route("/export", handler, name="export")
    assert told(app) == {
        "GET /": ("public", ["policy: public"]),
        "GET /me": ("guarded", ["policy: a signed-in user"]),
        "GET /admin/users": ("guarded", ["policy: role org:admin"]),
        "GET /left": ("unguarded", []),
        "GET /export": ("guarded", ["policy: an API key"]),
    }


def test_default_is_told() -> None:
    """It holds where no policy does; ``public`` by default is no decision about a route."""
    app = governed(Policy("public", "/"), default=Permission("org:data:read"))
    app.add_api_route("/", handler)
    app.add_api_route("/left", handler)
    assert told(app) == {
        "GET /": ("public", ["policy: public"]),
        "GET /left": ("guarded", ["default: permission org:data:read"]),
    }


def test_guests_by_policy_are_a_decision() -> None:
    """A guard that lets guests pass is one like ``public``; as the default it decides nothing."""
    app = governed(Policy(optional_auth, "/"), default=optional_auth)
    app.add_api_route("/", handler)
    app.add_api_route("/left", handler)
    assert told(app) == {
        "GET /": ("public", ["policy: a signed-in user, optional"]),
        "GET /left": ("unguarded", ["default: a signed-in user, optional"]),
    }


def test_guard_and_policy_are_both_told() -> None:
    """Both have to be passed, so a guarded route is not made public by a policy."""
    app = governed(Policy("public", "/"))
    app.add_api_route("/", handler, dependencies=[Depends(require_auth)])
    assert told(app) == {"GET /": ("guarded", ["guard: a signed-in user", "policy: public"])}


def test_methods_of_a_route_are_told_apart() -> None:
    """As far as different rules hold for them."""
    app = governed(Policy("public", "/", methods=["GET"]), Policy(ADMIN, "/", methods=["POST"]))
    app.add_api_route("/", handler, methods=["GET", "HEAD", "POST", "PUT", "PATCH"])
    assert told(app) == {
        "GET /": ("public", ["policy: public"]),
        "POST /": ("guarded", ["policy: role org:admin"]),
        "PUT PATCH /": ("unguarded", []),
    }


def test_methods_of_a_mount_are_told_apart(tmp_path: Any) -> None:
    """It asks for none itself; what no policy names is left over."""
    app = governed(Policy(ADMIN, "/files/{path:path}", methods=["POST", "PUT"]))
    app.mount("/files", StaticFiles(directory=tmp_path))
    assert told(app) == {
        "POST PUT /files/{path:path}": ("guarded", ["policy: role org:admin"]),
        "/files/{path:path}": ("unguarded", []),
    }


def test_rule_that_holds_for_all_is_told_once(tmp_path: Any) -> None:
    """Methods that are named are not told apart if it makes no difference."""
    policies = [Policy("public", "/files/{path:path}"), Policy(ADMIN, methods=["POST"])]
    app = governed(*policies)
    app.add_api_route("/", handler, methods=["POST"])
    app.mount("/files", StaticFiles(directory=tmp_path))
    assert told(app) == {
        "POST /": ("guarded", ["policy: role org:admin"]),
        "/files/{path:path}": ("public", ["policy: public"]),
    }


def test_policies_of_mounted_applications_count() -> None:
    """Those on the way to a route have all to be passed; those elsewhere do not matter."""
    inner = governed(Policy(ADMIN, "/users"), default="signed_in")
    inner.add_api_route("/users", handler)
    inner.add_api_route("/left", handler)
    other = Starlette(routes=[Route("/left", answer)])
    app = governed(Policy("signed_in", "/one/users"))
    app.mount("/one", inner)
    app.mount("/two", inner)
    app.mount("/other", other)
    app.mount("/router", Router([Route("/left", answer)]))
    assert told(app) == {
        "GET /one/users": ("guarded", ["policy: a signed-in user", "policy: role org:admin"]),
        "GET /one/left": ("guarded", ["default: a signed-in user"]),
        "GET /two/users": ("guarded", ["policy: role org:admin"]),
        "GET /two/left": ("guarded", ["default: a signed-in user"]),
        "GET /other/left": ("unguarded", []),
        "GET /router/left": ("unguarded", []),
    }


def test_routes_that_look_alike_are_not_mixed_up() -> None:
    """A router that is included twice, in an application that is mounted."""
    router = APIRouter()
    router.add_api_route("/items", handler)
    inner = governed(Policy(ADMIN, "/a/items"))
    for prefix in ("", "/a"):
        inner.include_router(router, prefix=prefix)
    app = FastAPI(openapi_url=None)
    app.mount("/m", inner)
    assert told(app) == {
        "GET /m/items": ("unguarded", []),
        "GET /m/a/items": ("guarded", ["policy: role org:admin"]),
    }


def test_one_mount_in_two_places_of_a_list_is_told_twice() -> None:
    """However little sense it makes."""
    inner = governed(default="signed_in")
    inner.add_api_route("/items", handler)
    mount = Mount("/m", inner)
    routes = audit_routes(Starlette(routes=[mount, mount]))
    assert [route.verdict for route in routes] == ["guarded", "guarded"]


def test_subclass_is_a_clerk_middleware_and_others_are_not() -> None:
    """Among several, in any order, however they are added."""

    class Ours(ClerkMiddleware):
        """A middleware of one's own."""

    app = Starlette(
        routes=[Route("/", answer)],
        middleware=[Middleware(GZipMiddleware), Middleware(Ours, default="signed_in")],
    )
    app.add_middleware(lambda app: app)
    assert told(app) == {"GET /": ("guarded", ["default: a signed-in user"])}


def test_two_middlewares_have_both_to_be_passed() -> None:
    """Each decides for itself."""
    app = governed(Policy(ADMIN, "/"))
    app.add_middleware(ClerkMiddleware, default="signed_in")
    app.add_api_route("/", handler)
    verdict, reasons = told(app)["GET /"]
    assert verdict == "guarded"
    assert sorted(reasons) == ["default: a signed-in user", "policy: role org:admin"]


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (Policy(ADMIN, "/admni(.*)"), "did you mean '/admin'"),
        (Policy(ADMIN, "/admin", names=["other"]), "'other'"),
    ],
)
def test_wrong_policy_is_an_error(policy: Policy, sentence: str) -> None:
    """The same as when the application starts."""
    app = governed(policy)
    app.add_api_route("/admin", handler)
    with pytest.raises(ConfigurationError, match=sentence):
        audit_routes(app)


def test_contradiction_is_an_error() -> None:
    """The same as when the application starts."""
    app = governed(default="signed_in")
    app.add_api_route("/", handler, dependencies=[Depends(require_api_key)])
    with pytest.raises(ConfigurationError, match="Nobody could pass GET /"):
        audit_routes(app)


def test_policies_that_can_be_read_only_once_are_an_error() -> None:
    """The audit would use them up, and the application start without."""
    app = FastAPI()
    app.add_middleware(ClerkMiddleware, policies=(Policy("signed_in", "/docs") for _ in range(1)))
    with pytest.raises(ConfigurationError, match="list of Policy"):
        audit_routes(app)


# --- the sign-in page, which the default leaves public --------------------------------------------


@pytest.fixture
def clerk(local: LocalClerk) -> Clerk:
    """A Clerk with a sign-in page on this site."""
    return Clerk(**local.settings(), sign_in_url="/sign-in")


EXPECTED = {
    "GET /sign-in": ("unguarded", []),
    "GET /left": ("guarded", ["default: a signed-in user"]),
}


def with_pages(app: FastAPI) -> FastAPI:
    """The sign-in page, and another one."""
    router = APIRouter()
    router.add_api_route("/sign-in", handler)
    router.add_api_route("/left", handler)
    app.include_router(router)
    return app


def test_sign_in_page_of_the_lifespan_is_known(clerk: Clerk) -> None:
    """The one whose lifespan the application has, though FastAPI merges it with a router's."""
    assert told(with_pages(governed(default="signed_in", lifespan=clerk.lifespan))) == EXPECTED
    assert told(with_pages(governed(default="signed_in"))) != EXPECTED


def test_sign_in_page_of_a_composed_lifespan_is_known(clerk: Clerk) -> None:
    """A lifespan of one's own mentions the Clerk."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with clerk.lifespan(app):
            yield

    assert told(with_pages(governed(default="signed_in", lifespan=lifespan))) == EXPECTED


def test_sign_in_page_of_a_module_is_known(clerk: Clerk) -> None:
    """Where the lifespan and the Clerk are names of a module."""
    module: dict[str, Any] = {"clerk": clerk}
    source = "async def lifespan(app):\n    async with clerk.lifespan(app):\n        yield\n"
    exec(source, module)
    lifespan = contextlib.asynccontextmanager(module["lifespan"])
    assert told(with_pages(governed(default="signed_in", lifespan=lifespan))) == EXPECTED


def test_sign_in_pages_of_several_are_known(clerk: Clerk, other: LocalClerk) -> None:
    """Which Clerk is closest only a request can tell, so none of their pages counts as guarded."""
    staff = Clerk(**other.settings(), sign_in_url="/left")

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with clerk.lifespan(app), staff:
            yield

    verdicts = told(with_pages(governed(default="signed_in", lifespan=lifespan)))
    assert verdicts == dict.fromkeys(EXPECTED, ("unguarded", []))


def test_sign_in_page_elsewhere_is_no_route(local: LocalClerk) -> None:
    """It is a URL, and no path of this site."""
    clerk = Clerk(**local.settings(), sign_in_url="https://accounts.example/sign-in")
    verdicts = told(with_pages(governed(default="signed_in", lifespan=clerk.lifespan)))
    assert {verdict for verdict, _ in verdicts.values()} == {"guarded"}


def test_mounted_application_has_the_pages_that_are_below_it(local: LocalClerk) -> None:
    """Pages are paths of the site; the same path inside of a mount is another page."""
    for page, expected in (("/m/sign-in", EXPECTED), ("/sign-in", {}), ("/", {})):
        clerk = Clerk(**local.settings(), sign_in_url=page)
        app = FastAPI(openapi_url=None, lifespan=clerk.lifespan)
        app.mount("/m", with_pages(governed(default="signed_in")))
        verdicts = {path.replace("/m", ""): verdict for path, verdict in told(app).items()}
        assert [path for path, (verdict, _) in verdicts.items() if verdict == "unguarded"] == [
            path for path, (verdict, _) in expected.items() if verdict == "unguarded"
        ]


def test_recursive_lifespan_is_looked_through_once() -> None:
    """A function that knows itself leads nowhere."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        assert lifespan
        yield

    assert told(with_pages(governed(default="signed_in", lifespan=lifespan))) != EXPECTED


@pytest.mark.anyio
async def test_running_application_is_audited_alike(clerk: Clerk) -> None:
    """A middleware at work changes nothing about what it demands."""
    app = with_pages(governed(Policy(ADMIN, "/left"), lifespan=clerk.lifespan))
    app.router.default = opaque
    before = audit_routes(app)
    async with running(app):
        assert audit_routes(app) == before
