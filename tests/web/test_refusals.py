"""What is answered to those who do not get in, and to errors raised further inside."""

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
    Plan,
    ReverificationRequired,
    Reverified,
    Role,
    TokenError,
    require,
    require_auth,
    require_permission,
    require_reverification,
)
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
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


async def test_no_token_is_401_with_a_bare_challenge(app: FastAPI) -> None:
    """Whoever sent nothing made no mistake: RFC 6750 section 3.1 gives no error code."""
    async with running(app) as client:
        answer = await client.get("/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"
    detail = answer.json()["detail"]
    assert answer.json().keys() == {"detail"}
    assert detail.keys() == {"code", "message"}
    assert detail["code"] == "session-token-and-uat-missing"


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": 1_700_000_000}, "token-expired"),
        ({"nbf": 1_900_000_000}, "token-not-active-yet"),
        ({"iat": 1_900_000_000}, "token-iat-in-the-future"),
        ({"iss": "https://clerk.evil.example"}, "token-invalid-issuer"),
        ({"sub": 5}, "token-verification-failed"),
        ({"sts": "pending"}, "session-pending"),
    ],
)
async def test_unbelieved_token_is_401_with_its_reason(
    app: FastAPI, local: LocalClerk, ada_session: Session, claims: dict[str, object], code: str
) -> None:
    """In the body for programs, and in the challenge as RFC 6750 section 3 writes it."""
    token = local.token(ada_session, claims=claims)
    async with running(app) as client:
        answer = await client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    assert answer.json()["detail"]["code"] == code
    assert answer.headers["www-authenticate"] == (
        f'Bearer error="invalid_token", error_description="{code}"'
    )
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("Bearer garbage", "token-invalid"),
        ("Bearer", "token-invalid"),
        ("Bearer ", "token-invalid"),
        ("Bearer a.b.c", "token-invalid"),
        ("Bearer a b", "token-invalid"),
        ("garbage", "token-invalid"),
        ("Basic YWRhOnNlY3JldA==", "session-token-and-uat-missing"),
    ],
)
async def test_garbage_is_a_clean_401(
    app: FastAPI, local: LocalClerk, authorization: str, code: str
) -> None:
    """Whatever stands in the header, and without a word to Clerk."""
    async with running(app) as client:
        answer = await client.get("/me", headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, code)
    assert local.requests == []


async def test_foreign_token_is_401(app: FastAPI, eve: Headers) -> None:
    """A genuine token of another instance is signed with a key that ours does not publish."""
    async with running(app) as client:
        answer = await client.get("/me", headers=eve)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "jwk-kid-mismatch")


async def test_missing_permission_is_403_that_names_it(app: FastAPI, bob: Headers) -> None:
    """In words, for programs, and in the challenge (RFC 6750 section 3.1)."""

    @app.get("/data", dependencies=[Depends(require_permission("org:data:read"))])
    async def data() -> str:
        return "data"

    async with running(app) as client:
        answer = await client.get("/data", headers=bob)
    assert answer.status_code == 403
    assert answer.json() == {
        "detail": {
            "code": "permission-denied",
            "message": "This needs permission org:data:read.",
            "missing": {"permission": "org:data:read"},
        }
    }
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_scope", scope="org:data:read"'
    )
    assert answer.headers["cache-control"] == "no-store"


async def test_other_missing_things_are_named_in_words(app: FastAPI, bob: Headers) -> None:
    """What is met already is not named."""
    requirement = Role("org:member") & (Role("org:admin") | Plan("enterprise"))

    @app.get("/data", dependencies=[Depends(require(requirement))])
    async def data() -> str:
        return "data"

    async with running(app) as client:
        answer = await client.get("/data", headers=bob)
    assert answer.json()["detail"]["message"] == "This needs role org:admin or plan enterprise."
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    ("guard", "wanted"),
    [
        (require_reverification("strict"), "strict"),
        (require_reverification("strict_mfa"), "strict_mfa"),
        (
            require_reverification(level="first_factor", after_minutes=5),
            {"level": "first_factor", "afterMinutes": 5},
        ),
        (require(Role("org:member") & Reverified("strict")), "strict"),
    ],
    ids=["strict", "strict_mfa", "level and age", "joined"],
)
async def test_missing_reverification_has_the_body_that_clerks_browser_sdk_looks_for(
    app: FastAPI, bob: Headers, guard: object, wanted: object
) -> None:
    """With ``clerk.lifespan`` alone: nothing else was registered."""

    @app.get("/action", dependencies=[Depends(guard)])  # type: ignore[arg-type]
    async def action() -> str:
        return "done"

    async with running(app) as client:
        answer = await client.get("/action", headers=bob)
    assert answer.status_code == 403
    assert answer.json() == {
        "clerk_error": {
            "type": "forbidden",
            "reason": "reverification-error",
            "metadata": {"reverification": wanted},
        }
    }
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "secret-key-invalid"), (404, "jwk-remote-failed-to-load")],
)
async def test_keys_that_cannot_be_had_are_503_with_retry_after(
    app: FastAPI, local: LocalClerk, ada: Headers, status: int, code: str
) -> None:
    """An outage is not the caller's fault, so it is neither 401 nor 500."""
    with local.outage(status=status):
        async with running(app) as client:
            answer = await client.get("/me", headers=ada)
    assert (answer.status_code, answer.json()["detail"]["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) >= 1
    assert "www-authenticate" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert local.secret_key not in answer.text


async def test_retry_after_counts_down(
    app: FastAPI, local: LocalClerk, ada: Headers, clock: Clock
) -> None:
    """It says when the next attempt will be made."""
    waits = []
    with local.outage(status=429, headers={"Retry-After": "30"}):
        async with running(app) as client:
            for _ in range(3):
                answer = await client.get("/me", headers=ada)
                waits.append(answer.headers["retry-after"])
                clock.now += 10
    assert waits == ["30", "20", "10"]


async def test_refusals_tell_nothing_of_the_token(
    app: FastAPI, local: LocalClerk, ada_session: Session
) -> None:
    """Neither the token nor the value of a claim comes back."""
    token = local.token(ada_session, claims={"iss": "https://clerk.evil.example"})
    async with running(app) as client:
        answer = await client.get("/me", headers={"Authorization": f"Bearer {token}"})
    said = answer.text + str(answer.headers)
    assert "evil" not in said
    assert token.split(".")[2] not in said


async def test_method_that_is_not_there_is_405_and_not_401(app: FastAPI) -> None:
    """The router speaks before the guard does."""
    async with running(app) as client:
        assert (await client.head("/me")).status_code == 405
        assert (await client.options("/me")).status_code == 405
        assert (await client.get("/nowhere")).status_code == 404


async def test_head_and_options_routes_are_guarded_like_any_other(
    app: FastAPI, ada: Headers
) -> None:
    """A HEAD request gets the headers of the refusal and no body."""

    @app.api_route("/any", methods=["HEAD", "OPTIONS"], dependencies=[Depends(require_auth)])
    async def any_method() -> str:
        return "any"

    async with running(app) as client:
        refusal = await client.head("/any")
        assert (await client.options("/any")).status_code == 401
        assert (await client.head("/any", headers=ada)).status_code == 200
        assert (await client.options("/any", headers=ada)).status_code == 200
    assert refusal.status_code == 401
    assert refusal.headers["www-authenticate"] == "Bearer"


ERRORS = [
    (AccessDenied(Permission("org:data:read")), 403, "permission-denied"),
    (TokenError(), 401, "token-verification-failed"),
    (BackendUnavailable(retry_after=7), 503, "jwk-remote-failed-to-load"),
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
