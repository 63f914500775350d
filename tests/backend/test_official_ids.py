"""Ids go into paths as one segment, or nowhere: nobody reaches another route by naming it."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.official import Official
from clerk_fastapi.backend.paths import path_segment
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import BackendError, ConfigurationError, ResourceNotFound
from tests.backend.test_transport import SECRET, Script

URL = "https://api.clerk.com"

ELSEWHERE = [
    "",
    " ",
    ".",
    "..",
    "../organizations",
    "user_1/../../organizations",
    "user_1/metadata",
    "/",
    "\\..\\organizations",
    "%2e%2e",
    "%2E.",
    "%252e%252e",
    "%25252e%25252e",
    "%2e%2e%2forganizations",
    "user_1%2fmetadata",
    "user_1%252Fmetadata",
    "user_1%5cmetadata",
    "user_1\n",
    "user_1%00",
    "x" * 257,
]
HARMLESS = {
    "user_2abcDEF": b"user_2abcDEF",
    "a b": b"a%20b",
    "user_1?limit=1": b"user_1%3Flimit%3D1",
    "user_1#top": b"user_1%23top",
    "org:admin": b"org%3Aadmin",
    "...": b"...",
    "a%zz": b"a%25zz",
    "größe": b"gr%C3%B6%C3%9Fe",
    "\udc80": b"%3F",
}


def official(script: httpx.AsyncBaseTransport) -> Official:
    """The official client, with a transport that is scripted."""
    return Official(BackendCalls(Transport(script), SecretStr(SECRET), 5.0, (0, 0)), URL)


@pytest.mark.parametrize("text", ELSEWHERE)
def test_what_leads_elsewhere_is_the_id_of_nothing(text: str) -> None:
    """However often it would have to be decoded for that."""
    with pytest.raises(ResourceNotFound):
        path_segment(text)


@pytest.mark.parametrize("thing", [None, 5, b"user_1", ["user_1"]])
def test_what_is_no_text_is_the_id_of_nothing(thing: object) -> None:
    """Callers are not always type checked."""
    with pytest.raises(ResourceNotFound):
        path_segment(thing)


@pytest.mark.parametrize(("text", "encoded"), HARMLESS.items(), ids=list(HARMLESS.values()))
def test_whatever_else_is_one_segment(text: str, encoded: bytes) -> None:
    """It is encoded, whatever it is."""
    assert path_segment(text).encode() == encoded


@pytest.mark.anyio
@pytest.mark.parametrize("text", ELSEWHERE)
async def test_official_client_sends_nothing_for_an_id_that_leads_elsewhere(text: str) -> None:
    """The official client puts ids into paths as they are; here that is not possible."""
    script = Script(httpx.Response(200, json={}))
    client = official(script).client
    with pytest.raises(ResourceNotFound):
        await client.users.get_async(user_id=text)
    with pytest.raises(ResourceNotFound):
        await client.organization_memberships.update_async(
            organization_id="org_1", user_id=text, role="org:admin"
        )
    assert script.requests == []


@pytest.mark.anyio
@pytest.mark.parametrize(("text", "encoded"), HARMLESS.items(), ids=list(HARMLESS.values()))
async def test_official_client_sends_every_other_id_as_one_segment(
    text: str, encoded: bytes
) -> None:
    """What looks like a query or a fragment is part of the id."""
    script = Script(httpx.Response(404, json={}))
    with pytest.raises(BackendError):
        await official(script).client.users.ban_async(user_id=text)
    (request,) = script.requests
    assert request.url.raw_path == b"/v1/users/" + encoded + b"/ban"


@pytest.mark.anyio
async def test_what_is_no_id_at_all_is_a_mistake_without_values() -> None:
    """Nor is metadata that is none; the name of the argument is enough."""
    script = Script(httpx.Response(200, json={}))
    users: Any = official(script).client.users
    with pytest.raises(ConfigurationError, match="user_id") as wrong_id:
        await users.get_async(user_id=4111)
    with pytest.raises(ConfigurationError) as wrong_metadata:
        await users.update_metadata_async(user_id="user_1", private_metadata="4111")
    for failure in (wrong_id, wrong_metadata):
        assert "4111" not in str(failure.value)
        assert failure.value.__context__ is None
    assert script.requests == []
