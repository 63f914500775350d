"""The Backend API answers those who have the secret key, and nobody else."""

import httpx
import pytest
from clerk_backend_api import models
from starlette.types import Message

from clerk_fastapi.testing import LocalClerk
from tests.testing.official import Official, codes
from tests.testing.reading import assert_error

pytestmark = pytest.mark.anyio


BACKEND_PATHS = ["/v1/jwks", "/jwks"]


@pytest.mark.parametrize("path", BACKEND_PATHS)
async def test_backend_api_gives_the_keys_for_the_secret_key(
    local: LocalClerk, client: httpx.AsyncClient, path: str
) -> None:
    """With the secret key, under either path that Clerk's own SDKs use."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    response = await client.get(f"https://api.clerk.com{path}", headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == local.jwks()


@pytest.mark.parametrize("path", [*BACKEND_PATHS, "/v1/users", "/"])
@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "authentication_invalid"),
        ("", "authentication_invalid"),
        ("Bearer", "authentication_invalid"),
        ("Basic c2s6", "authentication_invalid"),
        ("Bearer sk_test_of_another_instance", "clerk_key_invalid"),
        ("Bearer sk_t\u00e9st", "clerk_key_invalid"),
    ],
)
async def test_backend_api_refuses_everyone_else(
    client: httpx.AsyncClient, path: str, authorization: str | None, code: str
) -> None:
    """Without the secret key nothing of the Backend API is answered, not even what is not there."""
    headers = httpx.Headers(
        {} if authorization is None else {"Authorization": authorization}, encoding="latin-1"
    )
    assert_error(await client.get(f"https://api.clerk.com{path}", headers=headers), 401, code)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/domains"), ("POST", "/v1/jwks"), ("GET", "/nothing/x")]
)
async def test_endpoint_that_is_left_out_is_named(
    local: LocalClerk, client: httpx.AsyncClient, method: str, path: str
) -> None:
    """Unknown paths and methods are no records that are missing, and no outage."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    answer = await client.request(method, f"https://api.clerk.com{path}?a=1", headers=headers)
    assert_error(answer, 400, "not_in_local_clerk")
    assert answer.json()["errors"][0]["message"] == f"LocalClerk has no {method} {path}."


async def test_websocket_is_closed(local: LocalClerk) -> None:
    """Clerk has none."""
    said: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        said.append(message)

    scope = {"type": "websocket", "path": "/v1/users", "query_string": b"", "headers": []}
    await local.app(scope, receive, send)
    assert [message["type"] for message in said] == ["websocket.close"]


async def test_official_client_is_told_what_is_left_out(client_in_process: Official) -> None:
    """As of any other refusal."""
    with pytest.raises(models.ClerkErrors, match="LocalClerk has no GET /v1/phone") as caught:
        await client_in_process.phone_numbers.get(phone_number_id="idn_1")
    assert codes(caught.value, 400) == ["not_in_local_clerk"]
