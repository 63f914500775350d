"""Errors raised further inside: ours, the user's, and who gets to answer them."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from clerk_fastapi import (
    AccessDenied,
    Auth,
    BackendError,
    BackendUnavailable,
    Clerk,
    ClerkError,
    ConfigurationError,
    Permission,
    ReverificationRequired,
    Reverified,
    Role,
    TokenError,
    require_auth,
    require_permission,
)
from tests.web.conftest import Headers
from tests.web.serving import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def app(clerk: Clerk) -> FastAPI:
    """An application with one route for the signed in."""
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/me")
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    return app


ERRORS = [
    (AccessDenied(Permission("org:data:read")), 403, "permission-denied"),
    (TokenError(), 401, "token-verification-failed"),
    (BackendUnavailable(retry_after=7), 503, "backend-unavailable"),
    (BackendError(), 502, "backend-error"),
]


@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=lambda value: str(value)[:20])
async def test_error_raised_in_a_guarded_handler_is_answered_alike(
    app: FastAPI, ada: Headers, error: ClerkError, status: int, code: str
) -> None:
    """A handler that decides for itself refuses with the same words as a guard."""

    @app.get("/own", dependencies=[Depends(require_auth)])
    async def own() -> str:
        raise error

    async with running(app) as client:
        answer = await client.get("/own", headers=ada)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (status, code)
    assert answer.headers["cache-control"] == "no-store"


async def test_error_raised_without_any_guard_is_answered_alike(app: FastAPI) -> None:
    """With ``clerk.lifespan`` alone, whatever was requested before."""

    @app.get("/own")
    async def own() -> str:
        raise AccessDenied(Permission("org:data:read"))

    async with running(app) as client:
        assert (await client.get("/own")).status_code == 403


async def test_error_raised_without_any_guard_is_answered_in_a_mounted_application(
    app: FastAPI,
) -> None:
    """It has exception handlers of its own."""
    sub = FastAPI()

    @sub.get("/own")
    async def own() -> str:
        raise AccessDenied(Permission("org:data:read"))

    app.mount("/sub", sub)
    async with running(app) as client:
        assert (await client.get("/sub/own")).status_code == 403


async def test_error_raised_without_any_guard_is_answered_behind_middleware(
    app: FastAPI,
) -> None:
    """Of whatever make it is."""

    class Opaque:
        def __init__(self, app: ASGIApp) -> None:
            self._inner = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self._inner(scope, receive, send)

    @app.get("/own")
    async def own() -> str:
        raise AccessDenied(Permission("org:data:read"))

    app.add_middleware(Opaque)
    async with running(app) as client:
        assert (await client.get("/own")).status_code == 403


async def test_reverification_raised_in_a_handler_has_the_browser_sdks_body(
    app: FastAPI, ada: Headers
) -> None:
    """Whether a guard or a handler finds out that a proof is missing."""

    @app.get("/own", dependencies=[Depends(require_auth)])
    async def own() -> str:
        raise ReverificationRequired(Reverified("lax"))

    async with running(app) as client:
        answer = await client.get("/own", headers=ada)
    metadata = answer.json()["clerk_error"]["metadata"]
    assert (answer.status_code, metadata) == (403, {"reverification": "lax"})


async def test_error_in_a_synchronous_handler_is_answered_alike(app: FastAPI, ada: Headers) -> None:
    """Those run in threads of their own."""

    @app.get("/own")
    def own(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        raise AccessDenied(Role("org:owner"))

    async with running(app) as client:
        answer = await client.get("/own", headers=ada)
    assert answer.json()["detail"]["missing"] == {"role": "org:owner"}


async def test_configuration_error_is_the_developers_and_goes_up(
    app: FastAPI, ada: Headers
) -> None:
    """A fault of the server's is nobody's refusal: no JSON, but the error itself."""

    @app.get("/own", dependencies=[Depends(require_auth)])
    async def own() -> str:
        raise ConfigurationError("mend me")

    async with running(app) as client:
        with pytest.raises(ConfigurationError, match="mend me"):
            await client.get("/own", headers=ada)


async def test_configuration_error_in_a_mounted_application_goes_up_unchanged(
    app: FastAPI, ada: Headers
) -> None:
    """What the developer gets to read is the sentence with the cure."""
    sub = FastAPI()

    @sub.get("/own", dependencies=[Depends(require_auth)])
    async def own() -> str:
        raise ConfigurationError("mend me")

    app.mount("/sub", sub)
    async with running(app) as client:
        await client.get("/me")
        with pytest.raises(ConfigurationError, match="mend me"):
            await client.get("/sub/own", headers=ada)


@pytest.mark.parametrize("handled", [AccessDenied, ClerkError, TokenError])
async def test_users_own_exception_handler_wins(
    app: FastAPI, bob: Headers, handled: type[ClerkError]
) -> None:
    """The closest class decides, as Starlette looks handlers up."""

    @app.exception_handler(handled)
    async def own(request: Request, error: Exception) -> PlainTextResponse:
        assert isinstance(error, ClerkError)
        return PlainTextResponse(f"own {error.code}", error.status)

    @app.get("/data", dependencies=[Depends(require_permission("org:data:read"))])
    async def data() -> str:
        return "data"

    async with running(app) as client:
        denied = await client.get("/data", headers=bob)
        nobody = await client.get("/data")
    assert (denied.status_code, nobody.status_code) == (403, 401)
    assert (denied.text == "own permission-denied") == (handled is not TokenError)
    assert (nobody.text == "own session-token-and-uat-missing") == (handled is not AccessDenied)


async def test_users_handlers_of_other_errors_are_untouched(app: FastAPI, ada: Headers) -> None:
    """Neither ``HTTPException`` nor validation errors are ours."""

    @app.exception_handler(StarletteHTTPException)
    async def teapot(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse("teapot", 418)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"own": "invalid"}, 400)

    @app.get("/brew/{cups}", dependencies=[Depends(require_auth)])
    async def brew(cups: int) -> str:
        raise HTTPException(403)

    async with running(app) as client:
        assert (await client.get("/brew/1", headers=ada)).text == "teapot"
        assert (await client.get("/brew/many", headers=ada)).json() == {"own": "invalid"}
        refusal = await client.get("/brew/1")
    assert refusal.json()["detail"]["code"] == "session-token-and-uat-missing"
