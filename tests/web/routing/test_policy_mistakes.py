"""What is wrong with policies is said, with the cure, and stops the start-up."""

import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute

from clerk_fastapi import ConfigurationError, Guard, Policy, optional_auth
from clerk_fastapi.web.routing.policies import Demand
from tests.web.routing.deciding import (
    ADMIN,
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


class Endpoint(HTTPEndpoint):
    """A class, which decides on methods itself."""


@pytest.fixture
def app() -> FastAPI:
    """An application with routes of every kind."""
    return application()


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


@pytest.mark.parametrize(
    "behind",
    [
        Route("/users/{id}", answer, methods=["POST"]),
        Route("/users/{id}", answer, methods=["GET", "POST"]),
        Route("/users/{id}", Endpoint),
        Mount("/users", opaque),
        WebSocketRoute("/users/{id}", live),
    ],
    ids=str,
)
def test_route_behind_the_named_one_is_in_question_for_its_other_methods(behind: BaseRoute) -> None:
    """Routers prefer a route that takes the method to an earlier one that takes the path alone."""
    app = Starlette(routes=[Route("/users/me", answer, methods=["GET"]), behind])
    assert "'/users/me' of a policy is only a part of" in complaint(app, Policy(ADMIN, "/users/me"))


def test_route_on_another_host_hides_nothing() -> None:
    """Requests to other hosts go on to what stands behind it."""
    staff = Host("staff.example", Router([Route("/users/me", answer)]))
    app = Starlette(routes=[staff, Route("/users/{id}", answer)])
    assert "GET/HEAD /users/{id} serves" in complaint(app, Policy(ADMIN, "/users/me"))


def test_route_behind_the_named_one_is_hidden_where_both_take_the_same() -> None:
    """Of each kind, and what serves only what is left over."""
    app = FastAPI(openapi_url=None)
    app.router.default = opaque
    for path in ("/users/me", "/users/{id}"):
        app.add_api_route(path, read, methods=["GET", "POST"])
        app.add_api_websocket_route(path, live)
    assert rules(app, Policy(ADMIN, "/users/me"))["GET/POST /users/{id}"].rule("GET").guard is None


@pytest.mark.parametrize("demand", ["public", optional_auth])
def test_name_of_several_routes_opens_none(demand: Demand) -> None:
    """FastAPI calls routes after their functions, and two functions may be called alike."""
    app = FastAPI(openapi_url=None)
    for path in ("/open", "/shut"):
        app.add_api_route(path, read)
    assert complaint(app, Policy(demand, names=["read"])) == (
        "The name 'read' of a policy that lets guests pass is that of /open and of /shut: "
        "choose them by path."
    )
    assert rules(app, Policy("signed_in", names=["read"]))["GET /shut"].rule("GET").guard
    settled = rules(app, Policy(demand, "/open", names=["read"]), default="signed_in")
    assert settled["GET /shut"].rule("GET").policy is None


def test_directories_of_one_router_are_one_route(tmp_path: Path) -> None:
    """FastAPI serves them with one object, so they are protected together."""
    app = FastAPI(openapi_url=None)
    app.frontend("/admin", directory=tmp_path)
    app.frontend("/shop", directory=tmp_path)
    assert complaint(app, Policy(ADMIN, "/admin/(.*)"))
    both = Policy(ADMIN, "/admin/(.*)", "/shop/{path:path}")
    assert rules(app, both)["fallback /admin/{path:path}"].rule("GET").guard == Guard(ADMIN)


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


def test_mistakes_are_not_warned_of_as_well(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    """A policy that finds nothing is shadowed by nobody."""
    assert complaint(app, Policy(ADMIN, "/amin"), Policy("signed_in", "/admin"))
    assert caplog.messages == []


def test_policies_that_shadow_one_for_all_its_methods_are_noticed(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """Two may do it together."""
    shadows = Policy(READ, "/admin", methods=["GET"]), Policy(READ, "/admin", methods=["DELETE"])
    rules(app, *shadows, Policy(ADMIN, "/admin"))
    assert len(caplog.messages) == 1


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
