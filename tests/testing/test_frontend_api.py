"""The Frontend API: what browsers get without any secret."""

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk
from tests.testing.reading import assert_error

pytestmark = pytest.mark.anyio


async def test_frontend_api_publishes_the_keys(
    local: LocalClerk, client: httpx.AsyncClient
) -> None:
    """Whoever knows the publishable key can have them."""
    response = await client.get(f"https://{local.host}/.well-known/jwks.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == local.jwks()


async def test_dev_browser_is_new_every_time(local: LocalClerk, client: httpx.AsyncClient) -> None:
    """Whoever asks gets a token that the instance knows from then on."""
    tokens = [
        (await client.post(f"https://{local.host}/v1/dev_browser")).json()["id"] for _ in range(2)
    ]
    assert list(local.browsers) == tokens
    assert local.browsers[tokens[0]].session is None


async def test_production_has_no_dev_browsers(production: LocalClerk) -> None:
    """There, a browser is known by its ``__client`` cookie."""
    async with httpx.AsyncClient(transport=production.transport()) as client:
        response = await client.post("https://clerk.example.com/v1/dev_browser")
    assert_error(response, 404, "resource_not_found")
