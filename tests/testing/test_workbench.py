"""Tokens for the asking, which only a stand-in gives."""

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk, Organization, User, seed
from tests.testing.reading import assert_error, claims_of

pytestmark = pytest.mark.anyio


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
