"""Asking Clerk about an opaque token: what is sent, what each answer means, and that it ends."""

import asyncio
import json
import logging
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from clerk_fastapi import ClerkError, ConfigurationError
from clerk_fastapi.backend.machine import VerifyEndpoints
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import (
    BackendUnavailable,
    SecretKeyRefused,
    TokenInvalid,
    TokenNotUnderstood,
)
from clerk_fastapi.protocol.machine import MachineTokenType
from tests.backend.endpoint import Endpoint, Mood

pytestmark = pytest.mark.anyio

URL = "https://api.clerk.com"
SECRET = "sk_test_" + "not-a-real-one"
MACHINE_SECRET = "ak_" + "machines-own"
TOKENS: dict[MachineTokenType, bytes] = {
    "api_key": b"ak_opaque",
    "m2m_token": b"mt_opaque",
    "oauth_token": b"oat_opaque",
}
KINDS = sorted(TOKENS)
ANSWER = {"object": "api_key", "id": "ak_1"}
NO = {"errors": [{"code": "whatever", "message": ""}]}


class Backend(httpx.MockTransport):
    """Answers every request alike, and remembers them."""

    def __init__(self, answer: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._says = answer
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self._says, Exception):
            raise self._says
        return self._says


def endpoints(
    backend: httpx.AsyncBaseTransport | None = None,
    url: str = URL,
    secret: str | None = SECRET,
    machine_secret: str | None = None,
    **options: Any,
) -> VerifyEndpoints:
    """The endpoints at ``url``, asked without waiting between attempts."""
    return VerifyEndpoints(
        Transport(backend, **{"retry_delays": (0, 0)} | options),
        url,
        None if secret is None else SecretStr(secret),
        None if machine_secret is None else SecretStr(machine_secret),
    )


async def ask(answer: httpx.Response | Exception, kind: MachineTokenType = "api_key") -> object:
    """What comes of a token if Clerk answers so."""
    return await endpoints(Backend(answer)).ask(TOKENS[kind], kind)


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        ("api_key", "/v1/api_keys/verify", {"secret": "ak_opaque"}),
        ("m2m_token", "/v1/m2m_tokens/verify", {"token": "mt_opaque"}),
        (
            "oauth_token",
            "/v1/oauth_applications/access_tokens/verify",
            {"access_token": "oat_opaque"},
        ),
    ],
)
async def test_each_kind_has_its_endpoint(
    kind: MachineTokenType, path: str, body: dict[str, str]
) -> None:
    """Its path, the name of its field, and what Clerk says of it, unexamined."""
    backend = Backend(httpx.Response(200, json=ANSWER))
    assert await endpoints(backend).ask(TOKENS[kind], kind) == ANSWER
    (request,) = backend.requests
    assert (request.method, str(request.url)) == ("POST", f"{URL}{path}")
    assert json.loads(request.content) == body
    assert request.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("secret", "machine_secret"),
    [(SECRET, MACHINE_SECRET), (None, MACHINE_SECRET), (SECRET, None), (None, None)],
)
async def test_machines_speak_for_themselves(
    kind: MachineTokenType, secret: str | None, machine_secret: str | None
) -> None:
    """M2M tokens are verified with the machine's key if there is one, others with the instance's.

    Without the right key nothing is sent, and the operator is told which one to set.
    """
    backend = Backend(httpx.Response(200, json=ANSWER))
    asked = endpoints(backend, secret=secret, machine_secret=machine_secret)
    expected = secret if kind != "m2m_token" or machine_secret is None else machine_secret
    if expected is None:
        with pytest.raises(ConfigurationError, match="CLERK_SECRET_KEY") as mistake:
            await asked.ask(TOKENS[kind], kind)
        assert ("MACHINE" in mistake.value.message) == (kind == "m2m_token")
        assert backend.requests == []
    else:
        await asked.ask(TOKENS[kind], kind)
        assert backend.requests[0].headers["authorization"] == f"Bearer {expected}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, TokenInvalid),
        (400, TokenNotUnderstood),
        (422, TokenNotUnderstood),
        (401, SecretKeyRefused),
        (403, BackendUnavailable),
        (302, BackendUnavailable),
        (405, BackendUnavailable),
        (409, BackendUnavailable),
        (429, BackendUnavailable),
        (500, BackendUnavailable),
        (503, BackendUnavailable),
        (201, BackendUnavailable),
        (204, BackendUnavailable),
    ],
)
async def test_status_tells_whose_fault_it_is(
    kind: MachineTokenType, status: int, error: type[ClerkError]
) -> None:
    """The caller's token is a 401, everything else about Clerk is a 503, and nothing is a yes."""
    with pytest.raises(ClerkError) as refusal:
        await ask(httpx.Response(status, json={**ANSWER, **NO}), kind)
    assert type(refusal.value) is error
    assert refusal.value.__context__ is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [({}, 1), ({"Retry-After": "7"}, 7), ({"Retry-After": "999999"}, 300)],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_callers_wait_as_long_as_clerk_asks(
    status: int, header: dict[str, str], seconds: int
) -> None:
    """Within reason; and such an answer is not asked for again at once."""
    backend = Backend(httpx.Response(status, headers=header))
    with pytest.raises(BackendUnavailable) as outage:
        await endpoints(backend).ask(b"ak_opaque", "api_key")
    assert outage.value.retry_after == seconds
    assert len(backend.requests) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Just a moment</title>",
        b'{"object": "api_k',
        b"null",
        b"[]",
        b'"active"',
        b"5",
        b'{"expiration": NaN}',
        b"\xff\xfe",
        b'{"a":' * 5_000,
        b"{}",
        b'{"data": []}',
        b'{"status": "maintenance"}',
        b'{"errors": []}',
        b'{"errors": "no"}',
    ],
    ids=lambda body: repr(body[:12]),
)
@pytest.mark.parametrize("status", [200, 400, 401, 404, 422])
async def test_body_that_is_not_clerks_says_nothing_about_the_token(
    status: int, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Half of one, a page of HTML, or JSON of a server that is no Clerk: look at the address."""
    with pytest.raises(BackendUnavailable) as outage:
        await ask(httpx.Response(status, content=body))
    assert type(outage.value) is BackendUnavailable
    assert outage.value.__context__ is None
    (line,) = [each.getMessage() for each in caplog.records if each.name == "clerk_fastapi"]
    assert f"{URL}/v1/api_keys/verify was answered with {status}" in line
    assert "CLERK_API_URL" in line


async def test_token_that_is_none_is_described_by_no_more_than_that() -> None:
    """As Clerk does with OAuth tokens; that one is active needs more words."""
    said = {"active": False}
    assert await ask(httpx.Response(200, json=said), "oauth_token") == said
    with pytest.raises(BackendUnavailable):
        await ask(httpx.Response(200, json={"active": True}), "oauth_token")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "text/plain", None])
async def test_content_type_does_not_matter(kind: str | None) -> None:
    """Clerk's own backend takes a body apart only if the header reads exactly so."""
    headers = {} if kind is None else {"Content-Type": kind}
    body = json.dumps(ANSWER).encode()
    assert await ask(httpx.Response(200, content=body, headers=headers)) == ANSWER


async def test_network_error_is_tried_again_and_ends() -> None:
    """Asking twice does no harm."""
    backend = Backend(httpx.ConnectError("refused"))
    with pytest.raises(BackendUnavailable) as outage:
        await endpoints(backend).ask(b"ak_opaque", "api_key")
    assert len(backend.requests) == 3
    assert outage.value.__context__ is None


@pytest.mark.parametrize("mood", ["hangs", "stalls", "hangs up", "says nothing", "redirects"])
async def test_bad_server_ends_in_503_within_bounds(mood: Mood) -> None:
    """Over real sockets: whatever the server does, the caller gets an answer in time."""
    async with asyncio.timeout(60), Endpoint(ANSWER).serving() as endpoint:
        assert await endpoints(url=endpoint.url).ask(b"ak_opaque", "api_key") == ANSWER
        endpoint.mood = mood
        with pytest.raises(BackendUnavailable):
            await endpoints(url=endpoint.url, timeout=0.2).ask(b"ak_opaque", "api_key")


@pytest.mark.parametrize("says", [ANSWER, NO])
@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 429, 500])
async def test_debug_output_holds_no_machine_token(
    caplog: pytest.LogCaptureFixture, status: int, says: object
) -> None:
    """Neither the token nor a secret key, whoever logs, and in no error (row 15)."""
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "clerk_fastapi", "httpcore", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name)
    said = []
    for kind, token in TOKENS.items():
        for answer in (httpx.Response(status, json=says), httpx.ReadError("reset")):
            asked = endpoints(Backend(answer), machine_secret=MACHINE_SECRET)
            said.append(repr(asked))
            try:
                await asked.ask(token, kind)
            except ClerkError as error:
                said += [str(error), repr(error), repr(vars(error)), repr(error.__context__)]
    async with Endpoint(ANSWER).serving() as endpoint:
        await endpoints(url=endpoint.url).ask(b"ak_opaque", "api_key")
    said.append(caplog.text)
    assert "httpcore.http11" in {record.name for record in caplog.records}
    for secret in (*map(bytes.decode, TOKENS.values()), "_opaque", SECRET, MACHINE_SECRET):
        assert [text for text in said if secret in text] == []
