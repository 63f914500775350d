"""Allow-lists of the audit: what is on them passes, and nothing may be on them needlessly."""

import pytest
from fastapi import Depends, FastAPI, WebSocket

from clerk_fastapi import ClerkMiddleware, ConfigurationError, Policy, require_auth
from clerk_fastapi.testing import assert_routes_guarded
from clerk_fastapi.web.routing.allowance import unguarded
from clerk_fastapi.web.routing.audit import audit_routes


def handler() -> None:
    """A handler that wants nothing."""


async def opaque(scope: object, receive: object, send: object) -> None:
    """An application that nobody can look into."""


@pytest.fixture
def app() -> FastAPI:
    """An application with routes of all sorts, most of them open."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(ClerkMiddleware, policies=[Policy("public", "/public")])
    app.add_api_route("/items/{id:int}", handler, methods=["GET", "POST"])
    app.add_api_route("/files/list", handler, methods=["GET", "HEAD"])
    app.add_api_route("/files", handler)
    app.add_api_route("/me", handler, dependencies=[Depends(require_auth)])
    app.add_api_route("/public", handler)
    app.add_api_websocket_route("/live", live)
    app.mount("/opaque", opaque)
    return app


async def live(ws: WebSocket) -> None:
    """A handler of WebSockets."""


OPEN = [
    "GET POST /items/{id:int}",
    "GET /files/list",
    "GET /files",
    "WEBSOCKET /live",
    "/opaque/{path:path}",
]


def left(app: FastAPI, *allow: str) -> list[str]:
    """What an allow-list leaves."""
    return [*map(str, unguarded(audit_routes(app), allow))]


def test_without_a_list_all_that_is_open_is_found(app: FastAPI) -> None:
    """Neither what has a guard nor what is public by a policy."""
    assert left(app) == OPEN


@pytest.mark.parametrize(
    ("allow", "passes"),
    [
        ("/items/{id:int}", [0]),
        ("/items/{id}", [0]),
        ("/items/(.*)", [0]),
        ("get post /items/{id}", [0]),
        ("/files", [2]),
        ("GET /files", [2]),
        ("GET /files/list", [1]),
        ("/files(.*)", [1, 2]),
        ("GET /files/:name", [1]),
        ("WEBSOCKET /live", [3]),
        ("/live", [3]),
        ("/opaque/{path:path}", [4]),
        ("/opaque(.*)", [4]),
        ("/(.*)", [0, 1, 2, 3, 4]),
    ],
)
def test_entry_lets_pass_what_it_names(app: FastAPI, allow: str, passes: list[int]) -> None:
    """By template, with and without convertors, or by pattern; ``GET`` stands for ``HEAD``."""
    assert left(app, allow) == [name for at, name in enumerate(OPEN) if at not in passes]


def test_every_line_of_a_report_is_an_entry(app: FastAPI) -> None:
    """They can be copied from one to the other."""
    assert left(app, *OPEN) == []


def test_methods_that_are_not_named_are_left(app: FastAPI) -> None:
    """Of a route with several."""
    assert left(app, "GET /items/{id}")[0] == "POST /items/{id:int}"
    assert left(app, "HEAD /files/list") == OPEN  # it was there without saying


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("/filse", "did you mean '/files'"),
        ("/zzz", "no route has that path.$"),
        ("DELETE /files", "need not be allowed"),
        ("GET /live", "need not be allowed"),
        ("WEBSOCKET /opaque/{path:path}", "need not be allowed"),
        ("/me", "need not be allowed any more: take it off the list"),
        ("/public", "need not be allowed"),
        ("files", "'GET /health'"),
        ("GET", "'GET /health'"),
        ("", "'GET /health'"),
    ],
)
def test_needless_entry_is_an_error(app: FastAPI, entry: str, sentence: str) -> None:
    """Else it would hide what comes under that name some day."""
    with pytest.raises(ConfigurationError, match=sentence):
        left(app, entry)


def test_template_need_not_be_a_pattern() -> None:
    """Paths hold what has a meaning in patterns, and are taken as they are."""
    app = FastAPI(openapi_url=None)
    app.add_api_route("/c++", handler)
    assert left(app, "/c++") == []


def test_entries_may_overlap(app: FastAPI) -> None:
    """Each is measured by what is open, not by what others have left."""
    assert left(app, "/(.*)", "GET /files") == []


def test_assertion_has_a_line_for_each_route(app: FastAPI) -> None:
    """With the place where it is defined, and the cure."""
    with pytest.raises(AssertionError) as caught:
        assert_routes_guarded(app, allow=["/items/{id}", "/live", "/opaque(.*)"])
    first, *lines, cure = str(caught.value).splitlines()
    assert first == "These routes are guarded by nothing:"
    assert [line.split("  (")[0] for line in lines] == ["  GET /files/list", "  GET /files"]
    assert all("test_allowance.py:" in line for line in lines)
    assert "allow=[...]" in cure


def test_assertion_is_silent_where_all_is_decided(app: FastAPI) -> None:
    """It asserts, and tells nothing."""
    assert_routes_guarded(app, allow=OPEN)


def test_assertion_does_not_hold_with_a_needless_entry(app: FastAPI) -> None:
    """Not even where everything is guarded."""
    with pytest.raises(ConfigurationError, match="'/me' need not"):
        assert_routes_guarded(app, allow=[*OPEN, "/me"])
