"""Rate limits as rules of ClerkMiddleware: every one that chooses a route counts there."""

from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket

from clerk_fastapi import (
    Clerk,
    ClerkMiddleware,
    ConfigurationError,
    Policy,
    RateLimit,
    RateLimitRule,
)
from tests.web.conftest import Headers
from tests.web.limiting import told
from tests.web.serving import open_websocket, running

pytestmark = pytest.mark.anyio

NOBODY: Headers = {}
api = APIRouter(prefix="/api", tags=["api"])


@api.get("/items")
def read_items() -> str:
    """Read them."""
    return "items"


@api.post("/items")
def write_item() -> str:
    """Write one."""
    return "item"


@api.websocket("/live")
async def live(websocket: WebSocket) -> None:
    """Talk."""
    await websocket.accept()
    await websocket.close()


def application(
    clerk: Clerk[Any], *limits: RateLimit | RateLimitRule, policies: Sequence[Policy] = ()
) -> FastAPI:
    """An application with pages, an API, and limits."""
    app = FastAPI(lifespan=clerk.lifespan)
    app.add_middleware(ClerkMiddleware, policies=policies, rate_limits=limits)
    app.include_router(api)

    @app.api_route("/pages/{page}", methods=["GET", "POST"], tags=["pages"])
    def page(page: str) -> str:
        return page

    return app


async def left(app: FastAPI, *asked: str, headers: Headers = NOBODY) -> list[str | None]:
    """What several requests, such as ``GET /api/items``, are told about what is left."""
    found = []
    async with running(app) as client:
        for method, path in (each.split() for each in asked):
            answer = await client.request(method, path, headers=headers)
            found.append("no" if answer.status_code == 429 else answer.headers.get("RateLimit"))
    return [each and each.partition(";t=")[0] for each in found]


@pytest.mark.parametrize(
    "rule",
    [
        RateLimit(2, per=60, name="x").on("/api(.*)", methods=["GET"]),
        RateLimit(2, per=60, name="x").on("/api/items", methods=["get"]),
        RateLimit(2, per=60, name="x").on(names=["read_items"]),
        RateLimit(2, per=60, name="x").on(tags=["api"], methods=["GET"]),
        RateLimit(2, per=60, name="x").on(routers=[api], methods=["GET"]),
    ],
)
async def test_rule_counts_at_the_routes_that_it_chooses(clerk: Clerk, rule: RateLimitRule) -> None:
    """By paths, names, tags, routers and methods, as policies choose them."""
    asked = ["GET /api/items", "POST /api/items", "GET /pages/a", *["GET /api/items"] * 2]
    found = await left(application(clerk, rule), *asked)
    assert found == ['"x";r=1', None, None, '"x";r=0', "no"]


async def test_rule_counts_no_other_methods_of_a_route(clerk: Clerk) -> None:
    """One route may serve several."""
    app = application(clerk, RateLimit(2, per=60, name="x").on("/pages(.*)", methods=["POST"]))
    assert await left(app, "GET /pages/a", "POST /pages/a") == [None, '"x";r=1']


async def test_limit_without_routes_is_for_all(clerk: Clerk, ada: Headers) -> None:
    """One count for everything, WebSockets as well."""
    app = application(clerk, RateLimit(3, per=60, name="all"))
    found = await left(app, "GET /api/items", "POST /api/items", headers=ada)
    assert found == ['"all";r=2', '"all";r=1']
    async with running(app):
        (first, *_), (second, *_) = [await open_websocket(app, "/api/live", ada) for _ in range(2)]
    assert first["type"] == "websocket.accept"
    assert (second["type"], second["code"]) == ("websocket.close", 1013)


async def test_every_rule_that_chooses_a_route_counts(clerk: Clerk) -> None:
    """Not only the first one, as with policies."""
    app = application(
        clerk,
        RateLimit(9, per=60, name="all"),
        RateLimit(3, per=60, name="api").on("/api(.*)"),
        RateLimit(1, per=60, name="write").on(tags=["api"], methods=["POST"]),
    )
    found = []
    async with running(app) as client:
        for asked in ("GET /pages/a", "GET /api/items", "POST /api/items", "POST /api/items"):
            answer = await client.request(*asked.split())
            found.append((answer.status_code, told(answer)["RateLimit"].replace(";t=60", "")))
    assert found == [
        (200, '"all";r=8'),
        (200, '"all";r=7, "api";r=2'),
        (200, '"all";r=6, "api";r=1, "write";r=0'),
        (429, '"all";r=5, "api";r=0, "write";r=0'),
    ]


async def test_what_policies_refuse_does_not_count(clerk: Clerk, ada: Headers) -> None:
    """Whoever may not ask uses up nothing."""
    app = application(
        clerk,
        RateLimit(1, per=60, by="address", name="x").on("/api(.*)"),
        policies=[Policy("signed_in", "/api(.*)")],
    )
    async with running(app) as client:
        refused = [(await client.get("/api/items")).status_code for _ in range(3)]
        found = [(await client.get("/api/items", headers=ada)).status_code for _ in range(2)]
    assert refused == [401] * 3
    assert found == [200, 429]


async def test_request_counts_once_however_often_it_is_asked(clerk: Clerk) -> None:
    """One limit as a rule, at the router and at the route."""
    limit = RateLimit(5, per=60, name="x")
    app = FastAPI(lifespan=clerk.lifespan, dependencies=[Depends(limit)])
    app.add_middleware(ClerkMiddleware, rate_limits=[limit, limit.on("/")])

    @app.get("/", dependencies=[Depends(limit), Depends(limit, use_cache=False)])
    def page() -> str:
        return "page"

    assert await left(app, "GET /", "GET /") == ['"x";r=4', '"x";r=3']


async def test_rule_holds_in_what_is_mounted(clerk: Clerk) -> None:
    """By the paths that the outer application knows; the mounted one may have rules of its own."""
    inner = FastAPI()
    inner.add_middleware(
        ClerkMiddleware, rate_limits=[RateLimit(5, per=60, name="inner").on("/items")]
    )
    inner.get("/items")(read_items)
    app = application(clerk, RateLimit(9, per=60, name="outer").on("/shop/items"))
    app.mount("/shop", inner)
    async with running(app) as client:
        answer = await client.get("/shop/items")
    policy = told(answer)["RateLimit-Policy"]
    assert policy == '"outer";q=9;w=60, "inner";q=5;w=60'


async def test_late_routes_are_limited(clerk: Clerk) -> None:
    """As soon as they are there; one that fits in part is limited altogether."""
    app = application(clerk, RateLimit(2, per=60, name="x").on("/api(.*)"))
    async with running(app) as client:
        app.get("/api/late")(read_items)
        app.get("/{place}/later")(read_items)
        late = await client.get("/api/late")
        later = await client.get("/api/later")
    assert [each.headers["RateLimit-Remaining"] for each in (late, later)] == ["1", "0"]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (RateLimit(1, per=60).on("/apis(.*)"), "No route has the path '/apis(.*)' of a rate limit"),
        (RateLimit(1, per=60).on(names=["read_item"]), "did you mean 'read_items'?"),
        (RateLimit(1, per=60).on(routers=[APIRouter()]), "A router of a rate limit has no routes"),
        (RateLimit(1, per=60).on("/pages/a"), "path '/pages/a' of a rate limit is only a part of"),
        (RateLimit(1, per=60).on(tags=["api"], names=["page"]), "fits all that <RateLimitRule '1 "),
    ],
)
async def test_rule_that_chooses_nothing_stops_the_start_up(
    clerk: Clerk, rule: RateLimitRule, said: str
) -> None:
    """A typing error would leave open what was to be limited."""
    with pytest.raises(ConfigurationError) as error:
        async with running(application(clerk, rule)):
            raise AssertionError("it has started")
    assert said in error.value.message


async def test_part_of_a_route_needs_a_decision(clerk: Clerk) -> None:
    """Nobody could know that the rest of it is not limited; a limit of its own says so."""
    narrow = RateLimit(2, per=60, name="narrow").on("/:any/items")
    other = RateLimit(9, per=60).on("/pages/{page}", methods=["POST"])
    for limits in ([narrow], [narrow, other]):
        with pytest.raises(ConfigurationError, match="or give that route a limit of its own"):
            async with running(application(clerk, *limits)):
                raise AssertionError("it has started")
    wide = RateLimit(9, per=60, name="wide").on("/pages/{page}")
    found = await left(application(clerk, narrow, wide), "GET /pages/items", "GET /api/items")
    assert found == ['"wide";r=8', '"narrow";r=1']


@pytest.mark.parametrize(
    "limits", [RateLimit(1, per=60), [5], ["/api"], iter([RateLimit(1, per=60)]), None]
)
async def test_what_is_no_list_of_limits_stops_the_start_up(clerk: Clerk, limits: Any) -> None:
    """With an example of what it takes."""
    app = FastAPI(lifespan=clerk.lifespan)
    app.add_middleware(ClerkMiddleware, rate_limits=limits)
    with pytest.raises(ConfigurationError, match="rate_limits is a list"):
        async with running(app):
            raise AssertionError("it has started")


@pytest.mark.parametrize(
    "selectors",
    [{}, {"tags": "api"}, {"names": [5]}, {"methods": ["GET /"]}, {"routers": ["api"]}],
)
def test_malformed_selectors_are_refused_at_once(selectors: Any) -> None:
    """Where the rule is declared."""
    with pytest.raises(ConfigurationError):
        RateLimit(1, per=60).on(**selectors)
