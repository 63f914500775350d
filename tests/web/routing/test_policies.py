"""Policies choose routes, and the first one that chooses a route decides for it."""

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Host, Mount, Route, Router

from clerk_fastapi import (
    ConfigurationError,
    Guard,
    Policy,
    Role,
    optional_auth,
    require_api_key,
    require_auth,
)
from clerk_fastapi.web.routing.deciding import decide
from clerk_fastapi.web.routing.policies import Demand, describe, guard_of
from clerk_fastapi.web.routing.routes import Tree
from tests.web.routing.deciding import (
    ADMIN,
    ALL,
    READ,
    answer,
    application,
    chosen,
    complaint,
    items,
    judged,
    live,
    opaque,
    read,
    rules,
    shop,
)


@pytest.fixture
def app() -> FastAPI:
    """An application with routes of every kind."""
    return application()


# --- what a policy demands ------------------------------------------------------------------------


def test_demand_becomes_a_guard() -> None:
    """Whichever way it is written; the public has none."""
    assert guard_of("public") is None
    assert guard_of("signed_in") is require_auth
    assert guard_of(ADMIN & READ) == Guard(ADMIN & READ)
    assert guard_of(require_api_key) is require_api_key


@pytest.mark.parametrize("demand", ["private", "", None, True, "org:admin", Role, ["signed_in"]])
def test_other_demands_are_refused(demand: Any) -> None:
    """Nothing else is taken for a demand that is never enforced."""
    with pytest.raises(ConfigurationError, match="'public', 'signed_in', a requirement"):
        Policy(demand, "/admin")


def test_demand_is_described_in_words() -> None:
    """For sentences about policies, and the audit."""
    assert describe(None) == "public"
    assert describe(require_auth) == "a signed-in user"
    assert "org:admin" in describe(guard_of(ADMIN))


# --- what a policy chooses ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        ({"paths": ["/admin"]}, {"DELETE/GET /admin"}),
        ({"paths": ["/{page}"]}, {"GET /{page}"}),
        ({"paths": ["/items/{id:int}"]}, {"GET /items/{id:int}"}),
        ({"paths": ["/items/{id}"]}, {"GET /items/{id:int}"}),
        ({"paths": ["/shop/cart"]}, {"GET/HEAD /shop/cart"}),
        ({"paths": ["/files/{path:path}"]}, {"mount /files/{path:path}"}),
        ({"paths": ["/files/(.*)"]}, {"mount /files/{path:path}"}),
        ({"paths": ["/ITEMS/(.*)"]}, {each for each in ALL if "/items" in each}),
        ({"paths": ["/(.*)"]}, set(ALL)),
        ({"paths": ["/", "/sign-in"]}, {"GET /", "GET /sign-in"}),
        ({"names": ["home"]}, {"GET /"}),
        ({"names": ["home", "live"]}, {"GET /", "websocket /items/live"}),
        ({"names": ["shop:cart"]}, {"GET/HEAD /shop/cart"}),
        ({"tags": ["items"]}, {each for each in ALL if "/items" in each}),
        ({"tags": ["one", "admin"]}, {"GET /items/{id:int}", "DELETE/GET /admin"}),
        ({"routers": [items]}, {each for each in ALL if "/items" in each}),
        ({"routers": [shop, items]}, {each for each in ALL if "/items" in each or "/shop" in each}),
        ({"methods": ["POST"]}, {"POST /items/", "mount /files/{path:path}"}),
        ({"methods": ["post"]}, {"POST /items/", "mount /files/{path:path}"}),
        ({"tags": ["items"], "methods": ["POST"]}, {"POST /items/"}),
        ({"tags": ["items"], "names": ["live", "home"]}, {"websocket /items/live"}),
        ({"paths": ["/items/(.*)"], "tags": ["one"]}, {"GET /items/{id:int}"}),
        ({"routers": [items], "paths": ["/items/{id}", "/admin"]}, {"GET /items/{id:int}"}),
    ],
    ids=str,
)
def test_selectors_choose(app: FastAPI, selectors: dict[str, Any], expected: set[str]) -> None:
    """Of several in a list one is enough; all that are given have to fit."""
    paths = selectors.pop("paths", ())
    assert chosen(app, Policy("signed_in", *paths, **selectors)) == expected


def test_application_itself_is_chosen_as_a_router(app: FastAPI) -> None:
    """All its routes are in it, mounted ones too."""
    assert chosen(app, Policy("signed_in", routers=[app])) == set(ALL)


@pytest.mark.parametrize(
    ("paths", "is_wrong"),
    [
        (("/users/me", "/users/{id}"), False),
        (("/users/{id}", "/users/me"), True),
        (("/users/{id}", "/users/me", "/{everything:path}"), True),
    ],
    ids=["behind it", "before it", "both"],
)
def test_route_before_the_one_that_is_named_is_in_question(
    paths: tuple[str, ...], is_wrong: bool
) -> None:
    """What stands behind a route of the very path does not serve it; what stands before it does."""
    app = FastAPI(openapi_url=None)
    for path in paths:
        app.add_api_route(path, read)
    decided, wrong = decide([Policy("signed_in", "/users/me")], None, Tree(app).leaves)
    assert [
        rule.guard is not None
        for each in decided
        if each.leaf.path == "/users/me"
        for rule in each.rules
    ] == [True, False]
    assert bool(wrong) == is_wrong


def test_template_is_one_even_if_it_looks_like_a_pattern() -> None:
    """What a route is written with names that route."""
    app = FastAPI(openapi_url=None)
    for path in ("/orders:cancel", "/orders-all", "/items/{id}:close", "/items/{id:int}:close"):
        app.add_api_route(path, read)
    assert chosen(app, Policy("signed_in", "/orders:cancel")) == {"GET /orders:cancel"}
    assert chosen(app, Policy("signed_in", "/items/{id}:close")) == {"GET /items/{id}:close"}


def test_pattern_is_compared_with_whole_paths() -> None:
    """Those behind mounts and prefixes, hosts aside."""
    routes = [Route("/read", answer)]
    app = Starlette(
        routes=[
            Mount("/api", routes=[Mount("/v1", routes=routes)]),
            Host("api.example", Router(routes)),
        ]
    )
    assert chosen(app, Policy("signed_in", "/api/:path*")) == {"GET/HEAD /api/v1/read"}
    assert chosen(app, Policy("signed_in", "/read")) == {"GET/HEAD /read"}


def test_routers_are_told_apart_though_they_are_equal() -> None:
    """Starlette compares them by their routes."""
    first, second = Router([Route("/a", answer)]), Router([Route("/a", answer)])
    app = Starlette(routes=[Mount("/first", first), Mount("/second", second)])
    assert chosen(app, Policy("signed_in", routers=[second])) == {"GET/HEAD /second/a"}


def test_open_policy_by_path_stays_on_its_host() -> None:
    """The paths of other hosts are not those that anybody thinks of; its router names them."""
    staff = Router([Route("/docs", answer)])
    app = Starlette(routes=[Host("staff.example", staff), Route("/docs", answer)])
    open_to_all, shut = Policy("public", "/docs"), Policy("signed_in", "/docs")
    assert [each.rule("GET").policy for each in judged(app, open_to_all)[0]] == [None, open_to_all]
    assert [each.rule("GET").policy for each in judged(app, shut)[0]] == [shut, shut]
    named = Policy("public", "/docs", routers=[staff])
    assert [each.rule("GET").policy for each in judged(app, named)[0]] == [named, None]


def test_one_name_may_be_that_of_several_routes() -> None:
    """All of them are chosen."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/a", read)
    app.add_api_route("/b", read)
    assert chosen(app, Policy("signed_in", names=["read"])) == {"GET /a", "GET /b"}


# --- methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "rule"),
    [("GET", ADMIN), ("HEAD", ADMIN), ("POST", None), ("DELETE", READ), (None, None)],
)
def test_rules_hold_for_methods(method: str | None, rule: object) -> None:
    """``GET`` stands for ``HEAD``; a request with another method meets the next rule."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/a", read, methods=["GET", "HEAD", "POST", "DELETE"])
    by_method = Policy(ADMIN, "/a", methods=["GET"]), Policy(READ, "/a", methods=["DELETE"])
    (decided,) = rules(app, *by_method).values()
    guard = decided.rule(method).guard
    assert (guard and guard.requirement) == rule


def test_policy_by_method_chooses_no_websocket(app: FastAPI) -> None:
    """Which have none, not even ``GET``."""
    assert "websocket /items/live" not in chosen(app, Policy("signed_in", methods=["GET"]))


def test_policy_by_method_holds_for_what_asks_for_none() -> None:
    """Mounts and classes take any method; those that are not named are left to the next rule."""
    app = Starlette(routes=[Mount("/a", opaque)])
    (decided,) = rules(app, Policy("signed_in", "/a(.*)", methods=["PATCH"])).values()
    assert [decided.rule(method).guard for method in ("PATCH", "GET")] == [require_auth, None]


def test_method_that_no_route_has_is_an_error(app: FastAPI) -> None:
    """A policy that would never decide is a mistake."""
    policy = Policy("signed_in", "/admin", methods=["PUT"])
    assert complaint(app, policy) == f"No route fits all that {policy!r} asks for."


# --- who decides ----------------------------------------------------------------------------------


def test_first_policy_that_chooses_decides(app: FastAPI) -> None:
    """However much closer a later one fits."""
    broad, close = Policy("signed_in", "/(.*)"), Policy(ADMIN, "/admin")
    assert rules(app, close, broad)["DELETE/GET /admin"].rule("GET").policy is close
    assert rules(app, broad, close)["DELETE/GET /admin"].rule("GET").policy is broad


@pytest.mark.parametrize(
    ("default", "guard"), [("public", None), ("signed_in", require_auth), (ADMIN, Guard(ADMIN))]
)
def test_default_decides_for_all_others(app: FastAPI, default: Demand, guard: Guard | None) -> None:
    """And only for those; nobody's policy stands behind it."""
    decided = rules(app, Policy("public", "/"), default=default)
    assert decided.pop("GET /").rule("GET").policy is not None
    for each in decided.values():
        assert each.rule("GET").guard == guard
        assert each.rule("GET").policy is None


# --- the way in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/sign-in", "/sign-in?theme=dark", "/sign-in#form", "/sign-in/"])
def test_own_sign_in_page_is_public_under_a_default(app: FastAPI, page: str) -> None:
    """Otherwise nobody could sign in; pages of Clerk's components lie below it."""
    app.router.routes.pop()
    app.add_api_route("/sign-in/{step}", read)
    app.add_api_route("/sign-in/sso/callback", read)
    app.add_api_route("/sign-in/{rest:path}", read)
    app.add_api_route("/sign-in-as", read)
    decided = rules(app, default="signed_in", own_pages=[page])
    public = {name for name, each in decided.items() if each.rule("GET").guard is None}
    assert public == {
        *("GET /sign-in", "GET /sign-in/{step}", "GET /sign-in/sso/callback"),
        "GET /sign-in/{rest:path}",
    }


def test_route_that_serves_other_pages_too_stays_closed(app: FastAPI) -> None:
    """Being the sign-in page among others makes nothing public: that is an error instead."""
    app.router.routes.pop(1)
    _, (sentence,) = judged(app, default="signed_in", own_pages=["/sign-in"])
    assert sentence == (
        "Nobody could sign in: GET /{page} serves the page '/sign-in' and needs a signed-in user; "
        "give it a policy that says 'public'."
    )


def test_policy_that_locks_everybody_out_is_an_error(app: FastAPI) -> None:
    """A policy wins over the default, and here it would be the last thing it does."""
    policies = Policy("signed_in", "/(.*)"), Policy("public", "/sign-in")
    _, (sentence,) = judged(app, *policies, own_pages=["/sign-in"])
    assert sentence.startswith("Nobody could sign in: GET /sign-in serves the page '/sign-in'")


@pytest.mark.parametrize("demand", ["public", optional_auth])
def test_policy_for_the_sign_in_page_may_let_guests_in(app: FastAPI, demand: Demand) -> None:
    """Then nobody is locked out."""
    policies = Policy(demand, "/sign-in"), Policy("signed_in", "/(.*)")
    assert rules(app, *policies, own_pages=["/sign-in"])


def test_sign_in_page_that_another_server_serves_is_no_concern(app: FastAPI) -> None:
    """It may be behind the same proxy."""
    app.router.routes.pop()
    app.router.routes.pop(1)
    assert rules(app, default="signed_in", own_pages=["/sign-in"])


def test_only_pages_lock_people_out() -> None:
    """What is sent there with ``POST``, and WebSockets, are no pages that one could load."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/sign-in", read, methods=["POST"])
    app.add_api_websocket_route("/sign-in", live)
    policy = Policy("signed_in", "/sign-in")
    assert rules(app, policy, own_pages=["/sign-in"])
