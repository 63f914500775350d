"""Whose words an answer is in: what Clerk says counts, and a proxy's page leads to the address."""

import logging
from collections.abc import Awaitable, Callable

import httpx
import pytest
from pydantic import SecretStr

from clerk_fastapi.backend.browser import BrowserBackend
from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.jwks import fetch_keys
from clerk_fastapi.backend.machine import VerifyEndpoints
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import BackendError, SecretKeyRefused

pytestmark = pytest.mark.anyio

URL = "https://api.clerk.com"
SECRET = SecretStr("sk_test_" + "not-a-real-one")


async def verify(transport: Transport) -> object:
    """Ask about an API key."""
    return await VerifyEndpoints(transport, URL, SECRET, None).ask(b"ak_opaque", "api_key")


async def keys(transport: Transport) -> object:
    """Fetch the instance's keys."""
    return await fetch_keys(transport, f"{URL}/v1/jwks", SECRET)


async def nonce(transport: Transport) -> object:
    """Turn in what a handshake left."""
    return await BrowserBackend(transport, URL, SECRET).handshake_payload("nonce_1")


async def user(transport: Transport) -> object:
    """Call any other method of the Backend API."""
    calls = BackendCalls(transport, SECRET, 5.0, ())
    return await calls.send(httpx.Request("GET", f"{URL}/v1/users/user_1"))


WAYS = [verify, keys, nonce, user]
Way = Callable[[Transport], Awaitable[object]]


async def failure(way: Way, answer: httpx.Response) -> BackendError:
    """What comes of it if Clerk, or whoever is there, answers so."""
    with pytest.raises(BackendError) as found:
        await way(Transport(httpx.MockTransport(lambda _: answer), retry_delays=()))
    return found.value


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """What the operator is told."""
    return [
        each.getMessage()
        for each in caplog.records
        if (each.name, each.levelno) == ("clerk_fastapi", level)
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("code", ["clerk_key_invalid", "authorization_header_format_invalid", "x"])
async def test_401_of_clerk_is_about_the_key_whatever_was_asked(
    way: Way, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """One error, with Clerk's own code, a time to wait, and one line for the operator."""
    error = await failure(way, httpx.Response(401, json={"errors": [{"code": code}]}))
    assert isinstance(error, SecretKeyRefused)
    assert (error.backend_status, error.retry_after) == (401, 60)
    assert [problem.code for problem in error.errors] == [code]
    (line,) = lines(caplog, logging.ERROR)
    assert "CLERK_SECRET_KEY" in line


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("status", "code"), [(401, "authentication_invalid"), (403, "clerk_key_invalid"), (403, "x")]
)
async def test_other_refusals_of_clerk_are_about_no_key(
    way: Way, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A session that is missing, or something that is not for sale, sends nobody after a key."""
    error = await failure(way, httpx.Response(status, json={"errors": [{"code": code}]}))
    assert not isinstance(error, SecretKeyRefused)
    assert lines(caplog, logging.ERROR) == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 405, 410, 422, 429, 502])
async def test_page_of_a_proxy_is_no_answer_of_clerks(
    way: Way, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither about the key, nor about what was asked for; the address may be wrong."""
    error = await failure(way, httpx.Response(status, html="<h1>nginx</h1>"))
    assert error.status in (502, 503)
    assert not isinstance(error, SecretKeyRefused)
    (line,) = lines(caplog, logging.WARNING)
    assert line.startswith(URL)
    assert str(status) in line
    assert "CLERK_API_URL" in line
