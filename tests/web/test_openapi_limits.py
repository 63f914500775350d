"""Rate limits in the OpenAPI document: an operation says that it can answer 429."""

from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from openapi_spec_validator import validate

from clerk_fastapi import ClerkMiddleware, RateLimit, document, require_auth
from clerk_fastapi.web.ratelimit import RateLimitRule


def answers(app: FastAPI, around: FastAPI | None = None, status: str = "429") -> dict[str, Any]:
    """What a valid document says of refusals, by method and path."""
    document(around or app)
    schema = app.openapi()
    validate(schema)
    return {
        f"{method.upper()} {path}": operation["responses"].get(status)
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }


def application(*limits: RateLimit | RateLimitRule) -> FastAPI:
    """An application with a route of two methods, and rules."""
    app = FastAPI(title="Test", version="1")
    app.add_middleware(ClerkMiddleware, rate_limits=limits)
    app.add_api_route("/items", lambda: None, methods=["GET"])
    app.add_api_route("/items", lambda: None, methods=["POST"])
    return app


def test_limit_of_a_route_is_documented() -> None:
    """With its numbers, the body, and the headers; also if nothing else is demanded."""
    app = application()
    app.add_api_route("/a", lambda: None, dependencies=[Depends(RateLimit(10, per=60))])
    found = answers(app)
    assert found["GET /items"] is None
    answer = found["GET /a"]
    assert answer["description"] == "Too many requests; the limit is 10 per 60 s by user."
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/ClerkRefusal")
    assert answer["headers"].keys() == {"Retry-After", "RateLimit", "RateLimit-Policy"}


def test_limits_of_routers_and_rules_are_documented() -> None:
    """Wherever they stand, each once, and for the methods that they are for."""
    limit = RateLimit(10, per=60, name="all")
    app = application(limit, RateLimit(2, per=1, name="writing").on("/items", methods=["POST"]))
    router = APIRouter(dependencies=[Depends(limit), Depends(require_auth)])
    router.add_api_route("/b", lambda: None)
    app.include_router(router)
    found = {name: answer["description"] for name, answer in answers(app).items()}
    assert found == {
        "GET /items": "Too many requests; the limit is all.",
        "POST /items": "Too many requests; the limit is all and writing.",
        "GET /b": "Too many requests; the limit is all.",
    }


def test_limits_around_what_is_mounted_are_documented() -> None:
    """In the document of the inner application."""
    app = application(RateLimit(10, per=60, name="outer"))
    inner = application()
    app.mount("/inner", inner)
    assert answers(inner, app)["GET /items"]["description"].endswith("the limit is outer.")


def test_what_an_operation_says_itself_stays() -> None:
    """Its own words for 429 are kept."""
    app = application(RateLimit(10, per=60))
    app.add_api_route("/c", lambda: None, responses={429: {"description": "Not so fast."}})
    assert answers(app)["GET /c"]["description"] == "Not so fast."


def test_outage_that_refuses_is_documented() -> None:
    """Also where nobody needs to be signed in; what passes or counts by itself answers nothing."""
    app = application()
    for path, outcome in (("/a", "refuse"), ("/b", "allow"), ("/c", "local")):
        limit = Depends(RateLimit(10, per=60, on_outage=outcome))  # type: ignore[arg-type]  # all
        app.add_api_route(path, lambda: None, dependencies=[limit])
    guarded = [Depends(RateLimit(10, per=60, on_outage="allow")), Depends(require_auth)]
    app.add_api_route("/d", lambda: None, dependencies=guarded)
    found = answers(app, status="503")
    assert found["GET /a"] == found["GET /d"]
    assert found["GET /a"]["description"] == "Clerk, or the store, cannot be asked at the moment."
    assert found["GET /a"]["headers"].keys() == {"Retry-After"}
    assert (found["GET /b"], found["GET /c"], found["GET /items"]) == (None, None, None)
