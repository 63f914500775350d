"""An endpoint that fails over real sockets: 503 within the bound, and everybody else is served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from clerk_fastapi import Auth, Clerk, require_auth
from clerk_fastapi.testing import LocalClerk, Session
from tests.backend.clock import Clock
from tests.backend.endpoint import Endpoint, Mood

pytestmark = pytest.mark.anyio

BOUND = 0.2
LONG = 30.0  # where the answer matters and not when it comes: machines can be busy


@pytest.fixture
async def endpoint(local: LocalClerk) -> AsyncIterator[Endpoint]:
    """A server that publishes the instance's keys."""
    async with Endpoint(local.jwks()).serving() as endpoint:
        yield endpoint


def application(local: LocalClerk, endpoint: Endpoint, timeout: float = LONG) -> FastAPI:
    """An application that asks the endpoint for keys, with one guarded and one open route."""
    clerk = Clerk(
        publishable_key=local.publishable_key,
        secret_key=local.secret_key,
        clock=local.clock,
        api_url=endpoint.url,
        backend_timeout=timeout,
    )
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/me")
    async def me(auth: Annotated[Auth, Depends(require_auth)]) -> str:
        return auth.user_id

    @app.get("/health")
    async def health() -> str:
        return "well"

    return app


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, which runs meanwhile."""
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client


@pytest.fixture
async def client(local: LocalClerk, endpoint: Endpoint) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application, which is patient."""
    async with client_of(application(local, endpoint)) as client:
        yield client


@pytest.fixture
async def hasty(local: LocalClerk, endpoint: Endpoint) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application, which does not wait long for keys."""
    async with client_of(application(local, endpoint, timeout=BOUND)) as client:
        yield client


async def test_keys_are_fetched_over_http(
    client: httpx.AsyncClient, endpoint: Endpoint, local: LocalClerk, session: Session
) -> None:
    """One request to the Backend API, with the secret key, for any number of ours."""
    answers = await asyncio.gather(
        *(client.get("/me", headers=local.bearer(session)) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}
    (request,) = endpoint.requests
    assert request.startswith("GET /v1/jwks HTTP/1.1\r\n")
    assert f"authorization: bearer {local.secret_key}".lower() in request.lower()


async def test_server_that_never_answers_gives_503_within_the_bound(
    hasty: httpx.AsyncClient, endpoint: Endpoint, local: LocalClerk, session: Session
) -> None:
    """All who wait for the keys are told, after one request."""
    endpoint.mood = "hangs"
    async with asyncio.timeout(60):
        answers = await asyncio.gather(
            *(hasty.get("/me", headers=local.bearer(session)) for _ in range(5))
        )
    for answer in answers:
        assert answer.status_code == 503
        assert answer.json()["detail"]["code"] == "jwk-remote-failed-to-load"
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["cache-control"] == "no-store"
    assert len(endpoint.requests) <= 1


async def test_others_are_served_while_a_server_does_not_answer(
    client: httpx.AsyncClient, endpoint: Endpoint, local: LocalClerk, session: Session
) -> None:
    """The event loop is free, and only those who need the keys wait."""
    endpoint.mood = "hangs"
    async with asyncio.timeout(60):
        waiting = [
            asyncio.create_task(client.get("/me", headers=local.bearer(session))) for _ in range(5)
        ]
        await endpoint.asked.wait()
        for _ in range(20):
            assert (await client.get("/health")).json() == "well"
            assert (await client.get("/me")).status_code == 401
        assert not any(task.done() for task in waiting)
        assert len(endpoint.requests) == 1
        endpoint.let_go()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {503}


async def test_known_keys_go_on_while_a_look_up_hangs(
    client: httpx.AsyncClient, endpoint: Endpoint, local: LocalClerk, session: Session
) -> None:
    """A rotation during an outage keeps the new tokens waiting, and nobody else."""
    old = local.bearer(session)
    assert (await client.get("/me", headers=old)).status_code == 200
    endpoint.mood = "hangs"
    endpoint.asked.clear()
    local.rotate_keys()
    async with asyncio.timeout(60):
        waiting = asyncio.create_task(client.get("/me", headers=local.bearer(session)))
        await endpoint.asked.wait()
        for _ in range(20):
            assert (await client.get("/me", headers=old)).status_code == 200
        assert not waiting.done()
        endpoint.let_go()
        assert (await waiting).status_code == 503
    assert (await client.get("/me", headers=old)).status_code == 200


async def test_those_who_come_after_the_failure_do_not_wait(
    hasty: httpx.AsyncClient, endpoint: Endpoint, local: LocalClerk, session: Session
) -> None:
    """Within the pause between attempts the answer is 503 at once, without a call."""
    endpoint.mood = "hangs"
    for _ in range(11):
        assert (await hasty.get("/me", headers=local.bearer(session))).status_code == 503
    assert len(endpoint.requests) <= 1


@pytest.mark.parametrize("mood", ["stalls", "hangs up", "says nothing", "redirects"])
async def test_broken_answers_are_503_within_the_bound(
    hasty: httpx.AsyncClient, endpoint: Endpoint, local: LocalClerk, session: Session, mood: Mood
) -> None:
    """Half a body, a dropped connection, a redirect: an outage, never a 401 and never a 500."""
    endpoint.mood = mood
    async with asyncio.timeout(60):
        answer = await hasty.get("/me", headers=local.bearer(session))
    assert answer.status_code == 503
    assert all("/v1/jwks" in request for request in endpoint.requests)


async def test_unreachable_server_is_503(local: LocalClerk, session: Session) -> None:
    """Nobody listens at the address."""
    async with Endpoint({}).serving() as endpoint:
        pass
    app = application(local, endpoint)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        answer = await client.get("/me", headers=local.bearer(session))
    assert answer.status_code == 503


async def test_answer_after_an_outage_lets_everybody_in(
    client: httpx.AsyncClient,
    endpoint: Endpoint,
    local: LocalClerk,
    session: Session,
    clock: Clock,
) -> None:
    """Nothing but the pause stands between the end of the outage and the first 200."""
    endpoint.mood = "says nothing"
    refusal = await client.get("/me", headers=local.bearer(session))
    endpoint.mood = "answers"
    clock.now += int(refusal.headers["retry-after"])
    answers = await asyncio.gather(
        *(client.get("/me", headers=local.bearer(session)) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}


async def test_shutdown_does_not_wait_for_a_server_that_never_answers(
    endpoint: Endpoint, local: LocalClerk, session: Session
) -> None:
    """A call under way is abandoned with the application."""
    endpoint.mood = "hangs"
    app = application(local, endpoint, timeout=3_600)
    transport = httpx.ASGITransport(app)
    async with asyncio.timeout(60):
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            request = asyncio.create_task(client.get("/me", headers=local.bearer(session)))
            await endpoint.asked.wait()
        await asyncio.gather(request, return_exceptions=True)
    assert request.done()
