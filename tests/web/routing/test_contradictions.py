"""A route whose policy wants one kind of token, and its guard another, stops the start-up."""

import logging
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    Guard,
    Policy,
    Role,
    optional_auth,
    require,
    require_api_key,
    require_auth,
    require_m2m,
    require_scope,
)
from clerk_fastapi.web.routing.contradictions import contradictions
from clerk_fastapi.web.routing.deciding import decide
from clerk_fastapi.web.routing.policies import Demand, guard_of
from clerk_fastapi.web.routing.routes import Tree
from tests.web.conftest import Headers
from tests.web.routing.deciding import live, read
from tests.web.serving import running, statuses

pytestmark = pytest.mark.anyio


def guarded(*guards: Guard, methods: list[str] | None = None) -> FastAPI:
    """An application with one route that has these guards."""
    app = FastAPI(openapi_url=None)
    dependencies = [Depends(guard) for guard in guards]
    app.add_api_route("/a", read, dependencies=dependencies, methods=methods or ["GET"])
    return app


def found(app: FastAPI, *policies: Policy, default: Demand = "public") -> list[str]:
    """What nobody could pass."""
    decided, wrong = decide(policies, guard_of(default), Tree(app).leaves)
    assert wrong == []
    return list(contradictions(decided))


def test_contradiction_is_told_in_a_sentence() -> None:
    """Which route, what either side takes, and the cure."""
    assert found(guarded(require_api_key), Policy("signed_in", "/a")) == [
        "Nobody could pass GET /a: a guard there takes api_key, and a policy session_token; "
        "give the route a policy that demands the same guard."
    ]
    (said,) = found(guarded(require_auth), default=require(accepts_token=["api_key", "m2m_token"]))
    assert "takes session_token, and the default api_key or m2m_token;" in said


@pytest.mark.parametrize(
    ("demand", "guard"),
    [
        ("signed_in", require_auth),
        (Role("org:admin"), require_auth),
        (require_api_key, require_api_key),
        (require(accepts_token="any"), require_m2m),
        (require_api_key, require_scope("data:read")),
        ("signed_in", require(accepts_token=["session_token", "api_key"])),
        ("public", require_api_key),
        (optional_auth, require_api_key),
        ("signed_in", Guard(optional=True, accepts_token="api_key")),
    ],
)
def test_guards_that_somebody_can_pass_are_no_contradiction(demand: Demand, guard: Guard) -> None:
    """One kind of token in common is enough, and what lets guests pass demands none."""
    assert found(guarded(guard), Policy(demand, "/a")) == []
    assert found(guarded(guard), default=demand) == []


@pytest.mark.parametrize(
    "demand", ["signed_in", Role("org:admin"), require_m2m, require(accepts_token="oauth_token")]
)
def test_guards_that_nobody_can_pass_are(demand: Demand) -> None:
    """Whatever else they demand."""
    assert len(found(guarded(require_api_key), Policy(demand, "/a"))) == 1
    assert len(found(guarded(require_api_key), default=demand)) == 1


def test_policy_that_decides_instead_of_the_default_settles_it() -> None:
    """That is the cure."""
    app = guarded(require_api_key)
    assert found(app, Policy(require_api_key, "/a"), default="signed_in") == []
    assert found(app, Policy("public", "/a"), default="signed_in") == []
    first, second = Policy("public", "/a"), Policy("signed_in", "/a")
    assert found(app, first, second) == []
    assert len(found(app, second, first)) == 1


def test_rule_for_some_methods_is_looked_at_and_so_is_the_one_behind_it() -> None:
    """Each is asked for some requests."""
    app = guarded(require_api_key, methods=["GET", "POST"])
    get = Policy("signed_in", "/a", methods=["GET"])
    post = Policy(require_api_key, "/a", methods=["POST"])
    assert len(found(app, get)) == 1
    assert found(app, post) == []
    assert len(found(app, post, default="signed_in")) == 1
    assert len(found(app, get, default="signed_in")) == 2


def test_default_that_decides_for_no_method_is_not_looked_at() -> None:
    """It is asked about those alone that the route does not serve."""
    app = guarded(require_api_key, methods=["GET", "POST"])
    both = Policy(require_api_key, "/a", methods=["GET", "POST"])
    assert found(app, both, default="signed_in") == []


def test_guards_anywhere_are_looked_at() -> None:
    """Of the application, of routers, in dependencies of dependencies, and of WebSockets."""

    def deep(key: Annotated[Any, Depends(require_api_key)]) -> None:
        """Depend on a guard."""

    def deeper(inner: Annotated[None, Depends(deep)]) -> None:
        """Depend on what depends on one."""

    app = FastAPI(openapi_url=None)
    router = APIRouter(dependencies=[Depends(require_api_key)])
    sub = FastAPI(openapi_url=None, dependencies=[Depends(require_api_key)])
    app.add_api_route("/deep", read, dependencies=[Depends(deeper)])
    router.add_api_route("/routed", read)
    router.add_api_websocket_route("/live", live)
    sub.add_api_route("/read", read)
    app.include_router(router)
    app.mount("/sub", sub)
    said = found(app, default="signed_in")
    assert [sentence.partition(":")[0].removeprefix("Nobody could pass ") for sentence in said] == [
        *("GET /deep", "GET /routed", "websocket /live", "GET /sub/read")
    ]


# --- at the start-up ------------------------------------------------------------------------------


def protected(clerk: Clerk[Any], **options: Any) -> FastAPI:
    """An application with a route for API keys."""
    app = FastAPI(lifespan=clerk.lifespan, openapi_url=None)
    app.add_middleware(ClerkMiddleware, **options)
    app.add_api_route("/key", lambda: "key", dependencies=[Depends(require_api_key)], name="key")
    return app


async def test_contradiction_stops_the_start_up(clerk: Clerk) -> None:
    """Before somebody looks for the reason of a 401 that comes whatever they send."""
    with pytest.raises(ConfigurationError, match="Nobody could pass GET /key"):
        await statuses(protected(clerk, default="signed_in"), "/key", {})


async def test_policy_that_agrees_with_the_guard_starts(
    clerk: Clerk, callers: dict[str, Headers]
) -> None:
    """And both let the same pass."""
    app = protected(clerk, default="signed_in", policies=[Policy(require_api_key, names=["key"])])
    who = callers["key"], callers["session"], callers["nobody"]
    assert await statuses(app, "/key", *who) == [200, 401, 401]


async def test_contradiction_that_comes_later_is_logged(
    clerk: Clerk, callers: dict[str, Headers], caplog: pytest.LogCaptureFixture
) -> None:
    """A running application goes on, and the route is closed to everybody."""
    app = protected(clerk, default="signed_in", policies=[Policy(require_api_key, names=["key"])])

    async with running(app) as client:
        app.add_api_route("/late", lambda: "late", dependencies=[Depends(require_api_key)])
        with caplog.at_level(logging.ERROR, logger="clerk_fastapi"):
            found = [
                (await client.get("/late", headers=callers[name])).status_code
                for name in ("key", "session", "nobody")
            ]
        assert (await client.get("/key", headers=callers["key"])).status_code == 200
    assert found == [401, 401, 401]
    assert [message.partition(":")[0] for message in caplog.messages] == ["the routes have changed"]
    assert "Nobody could pass GET /late" in caplog.text
