"""Tokens are minted by Clerk, or it is said why not: no session, no template, no Clerk."""

import asyncio
import json

import httpx
import pytest
from pydantic import SecretStr

from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.tokens import TokenEndpoint
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import (
    BackendError,
    BackendRateLimited,
    BackendUnavailable,
    ConfigurationError,
    SecretKeyRefused,
    SessionEnded,
    TemplateNotFound,
)
from tests.backend.test_official_ids import ELSEWHERE, URL
from tests.backend.test_official_outages import Hanging
from tests.backend.test_transport import SECRET, Script

pytestmark = pytest.mark.anyio

MINTED = httpx.Response(200, json={"object": "token", "jwt": "a.b.c"})
MISSING = httpx.Response(
    404, json={"errors": [{"code": "resource_not_found", "message": ""}], "clerk_trace_id": "t"}
)


def session(status: object) -> httpx.Response:
    """A session, as Clerk describes it."""
    return httpx.Response(200, json={"object": "session", "id": "sess_1", "status": status})


def endpoint(script: httpx.AsyncBaseTransport) -> TokenEndpoint:
    """Where tokens are minted, according to a script."""
    calls = BackendCalls(Transport(script), SecretStr(SECRET), 5.0, (0, 0))
    return TokenEndpoint(calls, URL)


@pytest.mark.parametrize(
    ("template", "seconds", "path", "body"),
    [
        (None, 30, "/v1/sessions/sess_1/tokens", {"expires_in_seconds": 30}),
        ("supabase", None, "/v1/sessions/sess_1/tokens/supabase", {}),
        ("my hasura?", 5, "/v1/sessions/sess_1/tokens/my%20hasura%3F", {"expires_in_seconds": 5}),
    ],
)
async def test_clerk_is_asked_in_its_own_words(
    template: str | None, seconds: int | None, path: str, body: dict[str, int]
) -> None:
    """With the secret key, at the path of the session, the name as one segment of it."""
    script = Script(MINTED)
    assert await endpoint(script).mint("sess_1", template, seconds) == "a.b.c"
    (request,) = script.requests
    assert (request.method, request.url.raw_path.decode()) == ("POST", path)
    assert json.loads(request.content) == body
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["clerk-api-version"] == "2026-05-12"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("text", ELSEWHERE)
async def test_names_that_lead_elsewhere_are_sent_nowhere(text: str) -> None:
    """Neither as a session nor as a template."""
    script = Script(MINTED)
    with pytest.raises(SessionEnded):
        await endpoint(script).mint(text, "supabase", None)
    with pytest.raises(ConfigurationError, match="JWT template"):
        await endpoint(script).mint("sess_1", text, None)
    assert script.requests == []


@pytest.mark.parametrize("refusal", [400, 401, 403, 404, 410, 422])
@pytest.mark.parametrize("found", [MISSING, *map(session, ["ended", "revoked", "expired"])])
async def test_session_that_is_no_more_has_ended(refusal: int, found: httpx.Response) -> None:
    """Whatever Clerk calls it, but for a refused key: the session itself tells."""
    code = "authentication_invalid" if refusal == 401 else "whatever"
    body = {"errors": [{"code": code, "message": ""}]}
    script = Script(httpx.Response(refusal, json=body), found)
    with pytest.raises(SessionEnded):
        await endpoint(script).mint("sess_1", "supabase", None)
    assert [request.method for request in script.requests] == ["POST", "GET"]
    assert script.requests[1].url.path == "/v1/sessions/sess_1"


@pytest.mark.parametrize(
    "said",
    [
        b"<html>maintenance</html>",
        b"null",
        b'{"object": "session", "id": "sess_1"}',
        b'{"object": "session", "id": "sess_1", "status": null}',
        b'{"object": "session", "id": "sess_2", "status": "ended"}',
    ],
)
async def test_answer_that_is_no_session_signs_nobody_out(said: bytes) -> None:
    """It says nothing about the session."""
    script = Script(httpx.Response(405), httpx.Response(200, content=said))
    with pytest.raises(BackendError) as failure:
        await endpoint(script).mint("sess_1", "supabase", None)
    assert failure.value.backend_status == 200


async def test_404_of_a_web_server_is_no_end_of_a_session() -> None:
    """An address that leads to no Clerk is the operator's mistake."""
    script = Script(httpx.Response(404, html="<h1>nginx</h1>"))
    with pytest.raises(BackendError) as failure:
        await endpoint(script).mint("sess_1", "supabase", None)
    assert type(failure.value) is BackendError


@pytest.mark.parametrize("status", ["active", "pending"])
async def test_unknown_template_is_told_apart(status: str) -> None:
    """With what Clerk said, for those who ask its support."""
    script = Script(MISSING, session(status))
    with pytest.raises(TemplateNotFound) as failure:
        await endpoint(script).mint("sess_1", "supabase", None)
    error = failure.value
    assert (error.backend_status, error.trace_id, len(error.errors)) == (404, "t", 1)


@pytest.mark.parametrize(
    ("template", "status"), [(None, 404), ("supabase", 422), ("supabase", 403)]
)
async def test_other_refusals_are_passed_on(template: str | None, status: int) -> None:
    """A live session, and yet no token."""
    script = Script(httpx.Response(status, json={}), session("active"))
    with pytest.raises(BackendError) as failure:
        await endpoint(script).mint("sess_1", template, None)
    assert not isinstance(failure.value, TemplateNotFound | BackendUnavailable)
    assert failure.value.backend_status == status


async def test_refused_key_is_no_end_of_a_session() -> None:
    """It says nothing about users."""
    body = {"errors": [{"code": "clerk_key_invalid", "message": ""}]}
    script = Script(httpx.Response(401, json=body))
    with pytest.raises(SecretKeyRefused):
        await endpoint(script).mint("sess_1", "supabase", None)
    assert len(script.requests) == 1


async def test_outage_while_finding_out_why_is_an_outage() -> None:
    """Nobody is signed out by guesswork."""
    script = Script(MISSING, httpx.Response(503))
    with pytest.raises(BackendUnavailable):
        await endpoint(script).mint("sess_1", "supabase", None)


async def test_network_errors_are_tried_again() -> None:
    """A token too many does no harm."""
    script = Script(httpx.ReadError("reset"), httpx.Response(500), MINTED)
    assert await endpoint(script).mint("sess_1", "supabase", None) == "a.b.c"


async def test_rate_limit_is_typed() -> None:
    """With the time to wait."""
    script = Script(httpx.Response(429, headers={"retry-after": "60"}))
    with pytest.raises(BackendRateLimited) as failure:
        await endpoint(script).mint("sess_1", "supabase", None)
    assert failure.value.retry_after == 60
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b"[]", b"{}", b'{"jwt": 5}', b'{"jwt": ""}', b'{"jwt": "a b"}', b"<html>"],
)
async def test_answer_without_a_token_is_an_error(said: bytes) -> None:
    """A 200 is not enough."""
    script = Script(httpx.Response(200, content=said))
    with pytest.raises(BackendError) as failure:
        await endpoint(script).mint("sess_1", "supabase", None)
    assert failure.value.backend_status == 200


async def test_asking_why_takes_what_is_left_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both questions together are as bounded as one."""
    loop = asyncio.get_running_loop()
    late, clock = 0.0, loop.time
    monkeypatch.setattr(loop, "time", lambda: clock() + late)

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal late
        late += 400.0
        for _ in range(10):
            await asyncio.sleep(0)
        return MISSING if request.method == "POST" else session("active")

    calls = BackendCalls(Transport(httpx.MockTransport(answer)), SecretStr(SECRET), 600.0)
    with pytest.raises(BackendUnavailable):
        await TokenEndpoint(calls, URL).mint("sess_1", "unknown", None)
    assert late == 800.0


async def test_call_that_has_no_time_left_is_not_waited_for() -> None:
    """Whatever else takes long, nobody waits for longer than was said."""
    calls = BackendCalls(Transport(Hanging()), SecretStr(SECRET), 3_600)
    for seconds in (0.0, -1.0):
        with pytest.raises(BackendUnavailable):
            await calls.send(httpx.Request("GET", f"{URL}/v1/sessions/sess_1"), seconds=seconds)
