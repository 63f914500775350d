"""Everything that comes in is noted, and fails in every way a test may want."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, User

pytestmark = pytest.mark.anyio

URL = "https://local-clerk-0.clerk.accounts.dev/.well-known/jwks.json"


async def test_requests_are_noted(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """Every request to Clerk is on record, those for the keys are counted, our own are not."""
    await client.get("https://api.clerk.com/v1/jwks")
    await client.get(f"https://{local.host}/.well-known/jwks.json")
    await client.post("https://api.clerk.com/v1/users")
    await client.post("http://localhost/local/tokens")
    assert local.requests == [
        ("GET", "/v1/jwks"),
        ("GET", "/.well-known/jwks.json"),
        ("POST", "/v1/users"),
    ]
    assert local.jwks_requests == 2


async def test_noted_request_keeps_what_it_carried_and_hides_it(
    local: LocalClerk, client: httpx.AsyncClient
) -> None:
    """Query, headers and body are there for a test to read; printing shows method and path."""
    headers = {"Authorization": "Bearer sk_test_hush"}
    url = "https://api.clerk.com/v1/api_keys/verify?a=hush"
    await client.post(url, json={"secret": "ak_hush"}, headers=headers)
    (seen,) = local.requests
    assert (seen.query, seen.headers["authorization"]) == ("a=hush", "Bearer sk_test_hush")
    assert json.loads(seen.body) == {"secret": "ak_hush"}
    assert repr(seen) == "SeenRequest(method='POST', path='/v1/api_keys/verify')"


async def test_requests_to_one_path_are_found(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """Under either path that Clerk's SDKs use, and no other."""
    for path in ("/v1/api_keys/verify", "/api_keys/verify", "/m2m_tokens/verify"):
        await client.post(f"https://api.clerk.com{path}")
    assert local.requests_to("/api_keys/verify") == local.requests[:2]


async def test_body_is_noted_and_still_read(
    local: LocalClerk, client: httpx.AsyncClient, ada: User
) -> None:
    """What the instance is told in a body arrives, however it is sent."""
    key = local.create_api_key(ada)

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"secret": "', key.token.encode(), b'"}'):
            yield piece

    headers = {"Authorization": f"Bearer {local.secret_key}"}
    url = "https://api.clerk.com/v1/api_keys/verify"
    assert (await client.post(url, content=pieces(), headers=headers)).json()["id"] == key.id
    with local.outage("half"), pytest.raises(httpx.RemoteProtocolError):
        await client.post(url, content=pieces(), headers=headers)
    assert len({seen.body for seen in local.requests}) == 1


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
