"""What is answered to those who do not get in, and to errors raised further inside."""

from typing import Annotated

import pytest
from fastapi import Depends, FastAPI

from clerk_fastapi import (
    Auth,
    Clerk,
    Plan,
    Reverified,
    Role,
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

    @app.get("/action", dependencies=[Depends(guard)])  # type: ignore[arg-type]  # any guard
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
