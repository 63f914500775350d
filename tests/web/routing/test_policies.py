"""Policies choose routes and decide for them; what is wrong with them is said, with the cure."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Host, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from clerk_fastapi import (
    ConfigurationError,
    Guard,
    Permission,
    Policy,
    Role,
    optional_auth,
    require_api_key,
    require_auth,
)
from clerk_fastapi.web.routing.policies import Decided, Demand, decide, describe, guard_of
from clerk_fastapi.web.routing.routes import Tree

ADMIN = Role("org:admin")
READ = Permission("org:data:read")


def read() -> None:
    """A handler of FastAPI's kind."""


async def live(websocket: WebSocket) -> None:
    """A handler of WebSockets."""


def answer(request: Request) -> Response:
    """A handler of Starlette's kind."""
    return Response()


async def opaque(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that nobody can look into."""


items = APIRouter(prefix="/items", tags=["items"])
items.add_api_route("/", read, name="list_items")
items.add_api_route("/", read, methods=["POST"], name="add_item")
items.add_api_route("/{id:int}", read, name="read_item", tags=["one"])
items.add_api_websocket_route("/live", live, name="live")

shop = Starlette(routes=[Route("/cart", answer, name="cart")])


@pytest.fixture
def app() -> FastAPI:
    """An application with routes of every kind."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/", read, name="home")
    app.add_api_route("/sign-in", read, name="sign_in")
    app.include_router(items)
    app.mount("/shop", shop, name="shop")
    app.mount("/files", opaque, name="files")
    app.add_api_route("/admin", read, methods=["GET", "DELETE"], tags=["admin"], name="admin")
    app.add_api_route("/{page}", read, name="page")
    return app


ALL = [
    "GET /",
    "GET /sign-in",
    "GET /items/",
    "POST /items/",
    "GET /items/{id:int}",
    "websocket /items/live",
    "GET/HEAD /shop/cart",
    "mount /files/{path:path}",
    "DELETE/GET /admin",
    "GET /{page}",
]


def judged(
    app: Starlette | Router,
    *policies: Policy,
    default: Demand = "public",
    own_pages: Sequence[str] = (),
) -> tuple[list[Decided], list[str]]:
    """What is decided for an application, and what is wrong."""
    return decide(policies, guard_of(default), Tree(app).leaves, own_pages)


def rules(
    app: Starlette | Router,
    *policies: Policy,
    default: Demand = "public",
    own_pages: Sequence[str] = (),
) -> dict[str, Decided]:
    """What is decided for each route, if nothing is wrong."""
    decided, wrong = judged(app, *policies, default=default, own_pages=own_pages)
    assert wrong == []
    return {str(each.leaf): each for each in decided}


def chosen(app: Starlette | Router, policy: Policy, method: str | None = None) -> set[str]:
    """The routes that a policy decides for."""
    decided = rules(app, policy)
    methods = [method] if method else [None, "GET", "POST", "DELETE"]
    return {name for name, each in decided.items() if any(each.rule(m).policy for m in methods)}


def complaint(app: Starlette | Router, *policies: Policy, default: Demand = "public") -> str:
    """The single sentence about what is wrong."""
    _, (sentence,) = judged(app, *policies, default=default)
    return sentence


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


def test_path_that_is_a_template_is_no_pattern() -> None:
    """An exact template names the route that has it, whatever it might fit as a pattern."""
    app = FastAPI(openapi_url=None)
    for path in ("/a/(.*)", "/a/b"):
        app.add_api_route(path, read)
    assert chosen(app, Policy("signed_in", "/a/(.*)")) == {"GET /a/(.*)"}


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


# --- what is wrong with a policy ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (
            Policy("signed_in", "/amin"),
            "No route has the path '/amin' of a policy; did you mean '/admin'?",
        ),
        (
            Policy("signed_in", "/item/{id}"),
            "No route has the path '/item/{id}' of a policy; did you mean '/items/{id:int}'?",
        ),
        (
            Policy("signed_in", "/zzzzzz/{y}"),
            "No route has the path '/zzzzzz/{y}' of a policy.",
        ),
        (
            Policy("signed_in", names=["reed_item"]),
            "No route has the name 'reed_item' of a policy; did you mean 'read_item'?",
        ),
        (
            Policy("signed_in", names=["cart"]),
            "No route has the name 'cart' of a policy; did you mean 'shop:cart'?",
        ),
        (
            Policy("signed_in", tags=["item"]),
            "No route has the tag 'item' of a policy; did you mean 'items'?",
        ),
        (Policy("signed_in", tags=["qqq"]), "No route has the tag 'qqq' of a policy."),
        (
            Policy("signed_in", routers=[APIRouter()]),
            "A router of a policy has no routes in this application: include or mount it.",
        ),
    ],
    ids=repr,
)
def test_selector_that_chooses_nothing_is_an_error(policy: Policy, sentence: str) -> None:
    """With a suggestion, if there is one."""
    app = FastAPI(openapi_url=None)
    app.include_router(items)
    app.mount("/shop", shop, name="shop")
    app.add_api_route("/admin", read)
    assert complaint(app, policy) == sentence


def test_public_policies_are_held_to_the_same(app: FastAPI) -> None:
    """A door that nobody finds is a mistake, too."""
    app.router.routes.pop()  # which would serve it
    assert complaint(app, Policy("public", "/sing-in")).endswith("did you mean '/sign-in'?")


def test_every_selector_of_a_list_has_to_choose(app: FastAPI) -> None:
    """One that does makes no good of another."""
    assert "'itms'" in complaint(app, Policy("signed_in", tags=["items", "itms"]))
    assert "'/itms/(.*)'" in complaint(app, Policy("signed_in", "/items/(.*)", "/itms/(.*)"))


def test_every_mistake_is_told_at_once(app: FastAPI) -> None:
    """So that nobody has to start as often as there are some."""
    _, wrong = judged(app, Policy("public", names=["a"]), Policy("public", tags=["b"]))
    assert ["'a'" in wrong[0], "'b'" in wrong[1], len(wrong)] == [True, True, 2]


def test_selectors_that_fit_no_route_together_are_an_error(app: FastAPI) -> None:
    """Each of them chooses something, and all of them nothing."""
    policy = Policy(ADMIN, "/", names=["admin"])
    sentence = complaint(app, policy)
    assert sentence == f"No route fits all that {policy!r} asks for."
    assert "org:admin" in sentence
    assert "names=('admin',)" in sentence


@pytest.mark.parametrize("demand", ["signed_in", "public"])
def test_path_that_is_only_a_part_of_a_route_is_an_error(app: FastAPI, demand: Demand) -> None:
    """A route is protected as a whole or not at all: nobody compares paths when requests come."""
    app.router.routes[-1:] = [Route("/{page:path}", answer)]
    assert complaint(app, Policy(demand, "/secret")) == (
        "The path '/secret' of a policy is only a part of what GET/HEAD /{page:path} serves: "
        "choose it by its template or its name."
    )


def test_part_of_a_route_that_is_left_open_is_an_error(app: FastAPI) -> None:
    """Even if the pattern chooses others as a whole."""
    sentence = complaint(app, Policy("signed_in", "/admin(.*)"))
    assert sentence == (
        "The path '/admin(.*)' of a policy is only a part of what GET /{page} serves: "
        "give that route a policy of its own, which may come after this one."
    )


@pytest.mark.parametrize("demand", ["public", "signed_in"])
def test_part_of_a_route_with_a_policy_of_its_own_is_none(app: FastAPI, demand: Demand) -> None:
    """Somebody has decided for the rest of it, whatever they decided."""
    policies = Policy(ADMIN, "/admin(.*)"), Policy(demand, names=["page"])
    assert rules(app, *policies)["DELETE/GET /admin"].rule("GET").guard == Guard(ADMIN)


def test_part_of_a_route_counts_for_each_method() -> None:
    """A policy for reading does not decide about writing."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/admin", read)
    app.add_api_route("/{page}", read, methods=["GET", "POST"])
    policies = Policy(ADMIN, "/admin(.*)"), Policy("public", names=["read"], methods=["GET"])
    app.routes[0].name = "admin"  # type: ignore[attr-defined]  # a route has one
    assert "GET/POST /{page}" in complaint(app, *policies)


@pytest.mark.parametrize("demand", ["public", optional_auth])
def test_part_of_a_route_may_be_public(app: FastAPI, demand: Demand) -> None:
    """What demands nothing leaves nothing open."""
    assert rules(app, Policy(demand, "/admin(.*)"))


def test_part_of_a_route_under_a_default_is_still_an_error(app: FastAPI) -> None:
    """Being signed in is not what the policy demands."""
    assert "GET /{page}" in complaint(app, Policy(ADMIN, "/admin(.*)"), default="signed_in")


def test_part_of_a_route_that_other_selectors_rule_out_is_none(app: FastAPI) -> None:
    """The pattern is about routes with this tag."""
    assert chosen(app, Policy(ADMIN, "/admin(.*)", tags=["admin"])) == {"DELETE/GET /admin"}


# --- shadows --------------------------------------------------------------------------------------


def test_shadowed_policy_is_warned_of(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """It says which one, and why it decides nothing."""
    rules(app, Policy("signed_in", "/(.*)"), Policy(ADMIN, "/admin"))
    (message,) = caplog.messages
    assert message.startswith("<Policy ")
    assert "org:admin" in message
    assert message.endswith(
        "paths=('/admin',)> decides nothing: others before it choose all of its routes"
    )
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize(
    "policies",
    [
        [Policy(ADMIN, "/admin"), Policy("signed_in", "/(.*)")],
        [Policy(READ, "/admin", methods=["GET"]), Policy(ADMIN, "/admin")],
        [Policy(READ, "/files/(.*)", methods=["GET"]), Policy(ADMIN, "/files/(.*)")],
        [Policy(READ, tags=["items"], methods=["POST"]), Policy(ADMIN, tags=["items"])],
    ],
    ids=str,
)
def test_policy_that_decides_something_is_not_warned_of(
    app: FastAPI, caplog: pytest.LogCaptureFixture, policies: list[Policy]
) -> None:
    """One route, or one method of a route, is enough."""
    rules(app, *policies)
    assert caplog.messages == []


def test_policies_that_shadow_one_for_all_its_methods_are_noticed(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """Two may do it together."""
    shadows = Policy(READ, "/admin", methods=["GET"]), Policy(READ, "/admin", methods=["DELETE"])
    rules(app, *shadows, Policy(ADMIN, "/admin"))
    assert len(caplog.messages) == 1


# --- the way in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["/sign-in", "/sign-in?theme=dark", "/sign-in#form", "/sign-in/"])
def test_own_sign_in_page_is_public_under_a_default(app: FastAPI, page: str) -> None:
    """Otherwise nobody could sign in; pages of Clerk's components lie below it."""
    app.router.routes.pop()
    app.add_api_route("/sign-in/{step}", read)
    app.add_api_route("/sign-in/sso/callback", read)
    app.add_api_route("/sign-in-as", read)
    decided = rules(app, default="signed_in", own_pages=[page])
    public = {name for name, each in decided.items() if each.rule("GET").guard is None}
    assert public == {"GET /sign-in", "GET /sign-in/{step}", "GET /sign-in/sso/callback"}


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


# --- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"names": "home"}, "The names of a policy are a list, such as ['read_item']."),
        ({"tags": "items"}, "The tags of a policy are a list, such as ['items']."),
        ({"tags": [None]}, "The tags of a policy are a list, such as ['items']."),
        ({"tags": [""]}, "The tags of a policy are a list, such as ['items']."),
        ({"names": 7}, "The names of a policy are a list, such as ['read_item']."),
        ({"routers": items}, "The routers of a policy are a list, such as [items.router]."),
        ({"routers": ["items"]}, "The routers of a policy are a list, such as [items.router]."),
        ({"methods": "GET"}, "The methods of a policy are a list, such as ['GET', 'POST']."),
        ({"methods": [7]}, "The methods of a policy are a list, such as ['GET', 'POST']."),
        ({"methods": ["GET,POST"]}, "methods takes HTTP methods, such as GET and POST."),
        ({"methods": ["*"]}, "methods takes HTTP methods, such as GET and POST."),
        ({"names": []}, "A policy chooses routes by paths, names, tags, routers or methods;"),
    ],
    ids=str,
)
def test_malformed_selector_is_refused(arguments: dict[str, Any], sentence: str) -> None:
    """With an example of what is meant."""
    with pytest.raises(ConfigurationError) as error:
        Policy("signed_in", **arguments)
    assert error.value.message.startswith(sentence)


@pytest.mark.parametrize("path", ["", 7, None, "admin", "/a b", "/(a|b)", "/:a(.*)x(.*)", ["/a"]])
def test_malformed_path_is_refused(path: Any) -> None:
    """When the policy is made, where the traceback shows the line."""
    with pytest.raises(ConfigurationError):
        Policy("signed_in", path)


def test_policy_without_selectors_is_refused() -> None:
    """That would be the default."""
    with pytest.raises(ConfigurationError, match="what holds for all others is the default="):
        Policy("signed_in")


def test_policy_shows_what_it_says() -> None:
    """In errors, warnings and debuggers."""
    policy = Policy("signed_in", "/a", tags=["b"], routers=[items], methods=["POST", "GET"])
    assert repr(policy) == (
        "<Policy a signed-in user: paths=('/a',), tags=('b',), routers=1 of them, "
        "methods=['GET', 'HEAD', 'POST']>"
    )
    assert repr(Policy("public", names=["a"])) == "<Policy public: names=('a',)>"
