"""Clerk answers 429 or 500, hangs or breaks off: bounded, typed, tried again where that is safe."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from clerk_fastapi import Clerk
from clerk_fastapi.backend import calls
from clerk_fastapi.backend.calls import BackendCalls
from clerk_fastapi.backend.official import Official
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import (
    BackendError,
    BackendRateLimited,
    BackendUnavailable,
    ResourceNotFound,
    SecretKeyRefused,
)
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.server import serve
from clerk_fastapi.testing.traffic import Outage
from tests.backend.test_official_ids import URL, official
from tests.backend.test_transport import SECRET, Script

pytestmark = pytest.mark.anyio

GOOD = httpx.Response(200, json=[])
Ask = Callable[[Any], Awaitable[Any]]


async def read(client: Any) -> Any:
    """A call that may be repeated."""
    return await client.sessions.list_async(user_id="user_1")


async def write(client: Any) -> Any:
    """A call that may not be repeated."""
    return await client.sessions.revoke_async(session_id="sess_1")


async def remove(client: Any) -> Any:
    """A call whose repetition would tell that there is nothing to delete."""
    return await client.users.delete_async(user_id="user_1")


def limited(seconds: object = None) -> httpx.Response:
    """A rate limit, with or without a word on how long it lasts."""
    headers = {} if seconds is None else {"retry-after": str(seconds)}
    return httpx.Response(429, json={}, headers=headers)


@pytest.mark.parametrize("ask", [read, write, remove])
async def test_rate_limit_is_waited_for(ask: Ask) -> None:
    """Nothing was done yet, so that any call may be made again."""
    body = {"errors": [{"code": "resource_not_found", "message": ""}]}
    script = Script(limited(), limited(0), httpx.Response(404, json=body))
    with pytest.raises(ResourceNotFound):
        await ask(official(script).client)
    assert len(script.requests) == 3


@pytest.mark.parametrize("ask", [read, write])
async def test_rate_limit_that_lasts_is_an_error_of_its_own(ask: Ask) -> None:
    """After three attempts, with the time that Clerk asks for."""
    script = Script(limited(0), limited(0), limited(2))
    with pytest.raises(BackendRateLimited) as failure:
        await ask(official(script).client)
    assert (failure.value.retry_after, failure.value.backend_status) == (2, 429)
    assert len(script.requests) == 3


@pytest.mark.parametrize("ask", [read, write])
@pytest.mark.parametrize("seconds", [5, 6, 3_600])
async def test_rate_limit_that_outlasts_the_call_is_not_waited_for(ask: Ask, seconds: int) -> None:
    """The caller is told at once, rather than after five seconds of waiting in vain."""
    script = Script(limited(seconds))
    with pytest.raises(BackendRateLimited) as failure:
        await ask(official(script).client)
    assert failure.value.retry_after == min(seconds, 300)
    assert len(script.requests) == 1


async def test_waits_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two waits of three seconds are more than the five that a call may take."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(calls.asyncio, "sleep", wait)
    script = Script(limited(3))
    with pytest.raises(BackendRateLimited):
        await read(official(script).client)
    assert (waits, len(script.requests)) == ([3], 2)


@pytest.mark.parametrize(
    "failure", [httpx.Response(500), httpx.Response(503), httpx.ReadError("reset")]
)
async def test_what_may_be_repeated_is_tried_again(failure: httpx.Response | Exception) -> None:
    """Twice, and then all may be well."""
    script = Script(failure, failure, GOOD)
    assert await read(official(script).client) == []
    assert len(script.requests) == 3


@pytest.mark.parametrize("ask", [write, remove])
@pytest.mark.parametrize("failure", [httpx.Response(500), httpx.ConnectError("refused")])
async def test_what_may_not_be_repeated_is_sent_once(
    ask: Ask, failure: httpx.Response | Exception
) -> None:
    """Nobody knows what has become of it."""
    script = Script(failure)
    with pytest.raises(BackendUnavailable):
        await ask(official(script).client)
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_error_that_lasts_is_unavailable(status: int) -> None:
    """With what Clerk said of it."""
    body = {"errors": [{"code": "internal_clerk_error", "message": ""}], "clerk_trace_id": "abc"}
    script = Script(httpx.Response(status, json=body))
    with pytest.raises(BackendUnavailable) as failure:
        await read(official(script).client)
    assert (failure.value.backend_status, failure.value.trace_id) == (status, "abc")
    assert failure.value.errors[0].code == "internal_clerk_error"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """The secret key goes where the operator said, and nowhere else."""
    script = Script(httpx.Response(status, headers={"location": "https://evil.example/v1/users"}))
    with pytest.raises(BackendError) as failure:
        await read(official(script).client)
    assert failure.value.backend_status == status
    assert [request.url.host for request in script.requests] == ["api.clerk.com"]


async def test_redirect_that_leads_to_no_url_is_an_error_as_well() -> None:
    """httpx examines it in any case."""
    script = Script(httpx.Response(302, headers={"location": "https://[/"}))
    with pytest.raises(BackendError):
        await read(official(script).client)


async def test_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded."""
    monkeypatch.setattr(calls, "_LARGEST", 1_000)
    script = Script(httpx.Response(200, json=["x" * 1_000]))
    with pytest.raises(BackendUnavailable):
        await read(official(script).client)


async def test_refused_key_is_an_error_of_its_own() -> None:
    """It is the operator's to set, and not tried again."""
    body = {"errors": [{"code": "clerk_key_invalid", "message": ""}]}
    script = Script(httpx.Response(401, json=body))
    with pytest.raises(SecretKeyRefused) as failure:
        await read(official(script).client)
    assert failure.value.errors[0].code == "clerk_key_invalid"
    assert len(script.requests) == 1


class Hanging(httpx.AsyncBaseTransport):
    """Never answers, but for what comes first."""

    def __init__(
        self, *first: httpx.Response, when_it_hangs: Callable[[], None] = lambda: None
    ) -> None:
        self.first = list(first)
        self.when_it_hangs = when_it_hangs
        self.timeouts: list[Any] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.timeouts.append(request.extensions.get("timeout"))
        if self.first:
            return self.first.pop(0)
        self.when_it_hangs()
        await asyncio.Event().wait()
        raise AssertionError("waited for ever")


@pytest.mark.parametrize("ask", [read, write])
async def test_call_that_hangs_ends(ask: Ask) -> None:
    """All attempts share the time that a call may take."""
    calls = BackendCalls(Transport(Hanging()), SecretStr(SECRET), 0.02)
    with pytest.raises(BackendUnavailable):
        await ask(Official(calls, URL).client)


async def test_call_can_have_another_time_limit() -> None:
    """As the official client's parameter says, for the call as a whole."""
    hanging = Hanging()
    calls = BackendCalls(Transport(hanging), SecretStr(SECRET), 3_600)
    with pytest.raises(BackendUnavailable):
        await Official(calls, URL).client.sessions.get_async(session_id="sess_1", timeout_ms=20)
    assert hanging.timeouts[0]["read"] == 0.02


@pytest.mark.parametrize("ask", [read, write, remove])
async def test_attempt_that_hangs_after_a_rate_limit_is_no_rate_limit(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what has become of it, so that it must not look as if nothing had."""
    limit = asyncio.timeout(None)  # which is over when that attempt hangs, and not before
    monkeypatch.setattr(asyncio, "timeout", lambda seconds: limit)
    hanging = Hanging(limited(0), when_it_hangs=lambda: limit.reschedule(0))
    calls = BackendCalls(Transport(hanging), SecretStr(SECRET), 3_600, (0,))
    with pytest.raises(BackendUnavailable) as failure:
        await ask(Official(calls, URL).client)
    assert (failure.type, failure.value.backend_status) == (BackendUnavailable, None)


@pytest.mark.parametrize("ask", [write, remove])
async def test_attempt_that_breaks_off_after_a_rate_limit_is_no_rate_limit(ask: Ask) -> None:
    """Likewise."""
    script = Script(limited(0), httpx.ReadError("reset"))
    with pytest.raises(BackendUnavailable) as failure:
        await ask(official(script).client)
    assert (failure.type, failure.value.backend_status) == (BackendUnavailable, None)
    assert len(script.requests) == 2


@pytest.mark.parametrize("lost", [httpx.Response(502), httpx.ReadError("reset")])
@pytest.mark.parametrize("refusal", [limited(0), httpx.Response(409, json={})])
async def test_refusal_after_an_attempt_that_was_lost_is_not_the_whole_story(
    lost: Any, refusal: httpx.Response
) -> None:
    """The first one may have been carried out."""
    with pytest.raises(BackendUnavailable) as failure:
        await official(Script(lost, refusal)).ask(BaseModel, write, repeatable=True)
    assert failure.type is BackendUnavailable


async def test_refusal_to_read_is_one_whatever_came_before() -> None:
    """Reading leaves nothing behind."""
    with pytest.raises(BackendRateLimited):
        await read(official(Script(httpx.ReadError("reset"), limited(0))).client)


@pytest.fixture(params=["in process", "over HTTP"])
async def impatient(
    local: LocalClerk, session: Session, request: pytest.FixtureRequest
) -> AsyncIterator[Clerk[Any]]:
    """A Clerk that does not wait long, least of all for nothing; its instance has no outage yet."""
    hangs = "hang" in request.node.callspec.params.values()
    settings: Any = {**local.settings(), "backend_timeout": 0.05 if hangs else 20}
    if request.param == "in process":
        async with Clerk(**settings) as clerk:
            yield clerk
        return
    with serve(local.app) as url:
        async with Clerk(**settings | {"transport": None, "api_url": url}) as clerk:
            yield clerk


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("error", BackendUnavailable),
        ("html", BackendError),
        ("half", BackendUnavailable),
        ("hang", BackendUnavailable),
        ("unreachable", BackendUnavailable),
    ],
)
async def test_every_outage_is_bounded_and_typed(
    impatient: Clerk[Any], local: LocalClerk, kind: Outage, error: type[BackendError]
) -> None:
    """Whatever Clerk does, callers are told soon, and served again when it is over."""
    user_id = next(iter(local.users))
    await impatient.official.ready()
    with local.outage(kind):
        for ask in (impatient.users.get, impatient.users.ban, impatient.sessions.of_user):
            async with asyncio.timeout(60):
                with pytest.raises(error):
                    await ask(user_id)


@pytest.mark.parametrize("headers", [{}, {"retry-after": "30"}])
async def test_rate_limit_of_the_instance(
    impatient: Clerk[Any], local: LocalClerk, headers: dict[str, str]
) -> None:
    """A 429 of Clerk's is a 503 of ours, with the time to wait."""
    with local.outage(status=429, headers=headers), pytest.raises(BackendRateLimited) as failure:
        await impatient.users.get(next(iter(local.users)))
    assert failure.value.retry_after == int(headers.get("retry-after", 1))
    assert failure.value.trace_id is not None
