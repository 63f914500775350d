"""The Backend API answers those who have the secret key, and nobody else."""

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk
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


async def test_what_is_not_there_is_said_as_clerk_does(
    local: LocalClerk, client: httpx.AsyncClient
) -> None:
    """Unknown paths and methods are errors in Clerk's shape too."""
    headers = {"Authorization": f"Bearer {local.secret_key}"}
    missing = await client.get("https://api.clerk.com/v1/nothing", headers=headers)
    assert_error(missing, 404, "resource_not_found")
    posted = await client.post("https://api.clerk.com/v1/jwks", headers=headers)
    assert_error(posted, 405, "request_invalid")
