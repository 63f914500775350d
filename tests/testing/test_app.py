"""The faces of the instance: Frontend API, Backend API, and the tokens for the asking."""

from collections.abc import AsyncIterator

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, Organization, User, seed
from tests.testing.reading import claims_of

pytestmark = pytest.mark.anyio

BACKEND_PATHS = ["/v1/jwks", "/jwks"]


@pytest.fixture
async def client(local: LocalClerk) -> AsyncIterator[httpx.AsyncClient]:
    """A client all of whose requests end up at the instance."""
    async with httpx.AsyncClient(transport=local.transport()) as client:
        yield client


def assert_error(response: httpx.Response, status: int, code: str) -> None:
    """The response is an error in Clerk's shape."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["errors"][0].keys() == {"code", "message", "long_message"}
    assert document["errors"][0]["code"] == code
    assert len(document["clerk_trace_id"]) == 32


async def test_frontend_api_publishes_the_keys(
    local: LocalClerk, client: httpx.AsyncClient
) -> None:
    """Whoever knows the publishable key can have them."""
    response = await client.get(f"https://{local.host}/.well-known/jwks.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == local.jwks()


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


async def test_tokens_for_the_asking(
    local: LocalClerk, client: httpx.AsyncClient, ada: User, acme: Organization
) -> None:
    """A form naming a user, and perhaps an organization, gets a token as plain text."""
    form = {"user": "ada@example.com", "organization": "acme", "azp": "http://localhost:8000"}
    response = await client.post("http://localhost/local/tokens", data=form)
    assert response.headers["content-type"].startswith("text/plain")
    claims = claims_of(response.text)
    assert (claims["sub"], claims["o"]["id"]) == (ada.id, acme.id)
    assert claims["azp"] == "http://localhost:8000"
    assert claims["sid"] in local.sessions


async def test_tokens_for_the_asking_may_be_pending(client: httpx.AsyncClient, ada: User) -> None:
    """The session's status can be asked for."""
    form = {"user": ada.id, "status": "pending"}
    response = await client.post("http://localhost/local/tokens", data=form)
    assert claims_of(response.text)["sts"] == "pending"


async def test_page_in_development_gets_tokens_for_its_origin(
    client: httpx.AsyncClient, ada: User
) -> None:
    """The origin of a page on this machine becomes ``azp``, and that page may read the answer."""
    headers = {"Origin": "http://localhost:3000"}
    url = "http://localhost:8787/local/tokens"
    response = await client.post(url, data={"user": ada.id}, headers=headers)
    assert claims_of(response.text)["azp"] == "http://localhost:3000"
    assert response.headers["access-control-allow-origin"] == "http://localhost:3000"


@pytest.mark.parametrize("origin", ["https://a.example", "http://localhost.a.example", "null"])
async def test_page_from_elsewhere_reads_no_tokens(
    client: httpx.AsyncClient, ada: User, origin: str
) -> None:
    """Nothing tells the browser to give the answer to a page that is not on this machine."""
    url = "http://localhost:8787/local/tokens"
    response = await client.post(url, data={"user": ada.id}, headers={"Origin": origin})
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 422, "form_param_nil"),
        ({"user": "ada@example.com", "status": "revoked"}, 422, "form_param_value_invalid"),
        ({"user": "nobody@example.com"}, 404, "resource_not_found"),
        ({"user": "ada@example.com", "organization": "globex"}, 404, "resource_not_found"),
        ({"user": "\udcff"}, 404, "resource_not_found"),
    ],
)
async def test_tokens_that_cannot_be_had(
    client: httpx.AsyncClient, ada: User, form: dict[str, str], status: int, code: str
) -> None:
    """Whatever is wrong with the form is said in Clerk's shape."""
    body = "&".join(f"{name}={value}" for name, value in form.items())
    content = body.encode("utf-8", "surrogateescape")
    assert_error(await client.post("http://localhost/local/tokens", content=content), status, code)


async def test_every_seeded_member_gets_a_token(
    local: LocalClerk, client: httpx.AsyncClient
) -> None:
    """What the command prints for a member works."""
    for member in seed(local):
        form = {"user": member.user.email, "status": member.status}
        if member.organization is not None:
            form["organization"] = member.organization.slug
        response = await client.post("http://localhost/local/tokens", data=form)
        assert claims_of(response.text)["sub"] == member.user.id
