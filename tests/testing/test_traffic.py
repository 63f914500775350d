"""The instance fails in every way a test may want, and recovers."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, User

pytestmark = pytest.mark.anyio

URL = "https://local-clerk-0.clerk.accounts.dev/.well-known/jwks.json"


@pytest.fixture
async def client(local: LocalClerk) -> AsyncIterator[httpx.AsyncClient]:
    """A client all of whose requests end up at the instance."""
    async with httpx.AsyncClient(transport=local.transport()) as client:
        yield client


async def test_outage_answers_with_an_error(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """Status and headers are those asked for, the body is an error in Clerk's shape."""
    with local.outage(status=429, headers={"Retry-After": "7"}):
        response = await client.get(URL)
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")
    assert response.json()["errors"][0]["code"] == "internal_clerk_error"


async def test_outage_ends_with_its_block(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """An outage inside another takes its place, then the other goes on."""
    statuses = []
    with local.outage():
        with local.outage(status=401):
            statuses.append((await client.get(URL)).status_code)
        statuses.append((await client.get(URL)).status_code)
    statuses.append((await client.get(URL)).status_code)
    assert statuses == [401, 503, 200]
    assert local.jwks_requests == 3


async def test_outage_can_be_a_web_page(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """As from a network that wants a sign-in first: 200, and no JSON."""
    with local.outage("html"):
        response = await client.get(URL)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")


async def test_outage_can_cut_an_answer_short(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """The connection ends in the middle of the body."""
    with local.outage("half"), pytest.raises(httpx.RemoteProtocolError):
        await client.get(URL)


async def test_outage_can_be_no_connection(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """Nobody takes the call, and the attempt is noted."""
    with local.outage("unreachable"), pytest.raises(httpx.ConnectError):
        await client.get(URL)
    assert local.jwks_requests == 1


async def test_outage_can_be_silence(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """A request is taken and never answered, until whoever asked gives up."""
    with local.outage("hang"):
        asking = asyncio.create_task(client.get(URL))
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert local.jwks_requests == 1
        assert not asking.done()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_outage_is_clerks_alone(
    local: LocalClerk, client: httpx.AsyncClient, ada: User
) -> None:
    """Tokens for the asking are no part of Clerk and go on."""
    with local.outage():
        response = await client.post("http://localhost/local/tokens", data={"user": ada.id})
    assert response.status_code == 200
