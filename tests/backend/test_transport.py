"""A call to Clerk: what it says, how often it is tried, and that it ends."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import httpx
import pytest
from pydantic import SecretStr

import clerk_fastapi
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import BackendUnavailable

pytestmark = pytest.mark.anyio

URL = "https://api.clerk.com/v1/jwks"
SECRET = "sk_test_" + "not-a-real-one"


class Script(httpx.MockTransport):
    """Answers one after the other, the last one for ever, and remembers the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.requests: list[httpx.Request] = []
        self._answers = list(answers)
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def impatient(transport: httpx.AsyncBaseTransport, **options: float) -> Transport:
    """A transport that tries three times in all and does not wait in between."""
    return Transport(transport, retry_delays=(0, 0), **options)


async def test_calls_say_who_calls_and_which_version_they_speak() -> None:
    """The headers that Clerk's Backend API asks of its clients, and the secret key as bearer."""
    script = Script(httpx.Response(200))
    await Transport(script).get(URL, bearer=SecretStr(SECRET))
    headers = script.requests[0].headers
    assert headers["user-agent"] == f"clerk-fastapi/{clerk_fastapi.__version__}"
    assert headers["clerk-api-version"] == "2026-05-12"
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == f"Bearer {SECRET}"


async def test_calls_without_a_secret_key_carry_none() -> None:
    """The Frontend API is asked in nobody's name."""
    script = Script(httpx.Response(200))
    await Transport(script).get(URL)
    assert "authorization" not in script.requests[0].headers


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_server_errors_are_tried_again(status: int) -> None:
    """A third attempt may succeed, and then all is well."""
    script = Script(*[httpx.Response(status)] * 2, httpx.Response(200, content=b"keys"))
    answer = await impatient(script).get(URL)
    assert (answer.status, answer.body) == (200, b"keys")
    assert len(script.requests) == 3


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("half"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_network_errors_are_tried_again(error: Exception) -> None:
    """Three attempts in all; after the last one Clerk counts as unavailable."""
    script = Script(error, error, httpx.Response(200))
    assert (await impatient(script).get(URL)).status == 200
    failing = Script(error)
    with pytest.raises(BackendUnavailable):
        await impatient(failing).get(URL)
    assert len(failing.requests) == 3


async def test_post_carries_json_the_key_and_the_same_headers() -> None:
    """The body arrives as it was given, whatever characters it has."""
    script = Script(httpx.Response(200, content=b"{}"))
    body = {"token": 'mt_\udcff"\\', "format": None}
    answer = await Transport(script).post(URL, body, bearer=SecretStr(SECRET), retry=False)
    (request,) = script.requests
    assert (answer.status, answer.body, request.method) == (200, b"{}", "POST")
    assert json.loads(request.content) == body
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(("retry", "attempts"), [(True, 3), (False, 1)])
async def test_post_is_repeated_only_if_that_does_no_harm(retry: bool, attempts: int) -> None:
    """A network error leaves open whether Clerk acted; the caller knows whether that matters."""
    failing = Script(httpx.ReadError("reset"))
    with pytest.raises(BackendUnavailable):
        await impatient(failing).post(URL, {}, retry=retry)
    assert len(failing.requests) == attempts
    answered = Script(httpx.Response(503))
    assert (await impatient(answered).post(URL, {}, retry=retry)).status == 503
    assert len(answered.requests) == 1


async def test_post_is_bounded_in_time_and_size() -> None:
    """Neither a silent server nor an endless one keeps a request waiting."""
    large = Script(httpx.Response(200, content=bytes(2 * 1024 * 1024)))
    async with asyncio.timeout(60):
        for transport in (Transport(Hanging(), timeout=0.01), Transport(large, retry_delays=())):
            with pytest.raises(BackendUnavailable):
                await transport.post(URL, {}, retry=True)


@pytest.mark.parametrize("answer", [httpx.Response(200), httpx.ConnectError("refused")])
async def test_query_is_sent_and_never_logged(
    caplog: pytest.LogCaptureFixture, answer: httpx.Response | Exception
) -> None:
    """A nonce in a URL is as good as a session; httpx logs URLs, and so do we."""
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "clerk_fastapi"):
        caplog.set_level(logging.DEBUG, logger=name)
    script = Script(answer)
    with suppress(BackendUnavailable):
        await impatient(script).get(f"{URL}?nonce=hush")
    with suppress(BackendUnavailable):
        await impatient(script).post(f"{URL}?nonce=hush", {}, retry=False)
    assert {request.url.query for request in script.requests} == {b"nonce=hush"}
    assert URL in caplog.text
    assert "hush" not in caplog.text


async def test_outage_does_not_hold_on_to_the_request() -> None:
    """Whoever logs the error with all it refers to finds neither the key nor the body."""
    with pytest.raises(BackendUnavailable) as outage:
        await Transport(Script(httpx.ConnectError("refused")), retry_delays=()).post(
            URL, {"token": "mt_secret"}, bearer=SecretStr(SECRET), retry=False
        )
    assert outage.value.__context__ is None
    assert outage.value.__cause__ is None


async def test_last_server_error_is_the_answer() -> None:
    """Whoever asked decides what a 503 means."""
    script = Script(httpx.Response(503))
    answer = await impatient(script).get(URL)
    assert (answer.status, answer.retry_after) == (503, None)
    assert len(script.requests) == 3


async def test_server_that_asks_for_time_is_not_tried_again_at_once() -> None:
    """``Retry-After`` holds for retries as well; whoever called decides what to do meanwhile."""
    script = Script(httpx.Response(503, headers={"Retry-After": "7"}))
    answer = await impatient(script).get(URL)
    assert (answer.status, answer.retry_after) == (503, 7)
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429])
async def test_everything_else_is_final(status: int) -> None:
    """A refusal is not asked for twice, least of all one of the secret key."""
    script = Script(httpx.Response(status))
    assert (await impatient(script).get(URL, bearer=SecretStr(SECRET))).status == status
    assert len(script.requests) == 1


async def test_redirects_are_not_followed() -> None:
    """The secret key goes to the host that was configured and to no other."""
    script = Script(httpx.Response(302, headers={"Location": "https://evil.example/v1/jwks"}))
    await Transport(script).get(URL, bearer=SecretStr(SECRET))
    assert [request.url.host for request in script.requests] == ["api.clerk.com"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("-1", None),
        ("1.5", 2),
        ("0.0", 0),
        ("1.", None),
        (".5", None),
        ("1e3", None),
        ("nan", None),
        ("inf", None),
        ("3 3", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("301", 300),
        ("9" * 20, 300),
        ("9" * 5_000, 300),
        ("9" * 5_000 + ".9", 300),
    ],
)
async def test_retry_after_is_read_as_whole_seconds(
    header: str | None, seconds: int | None
) -> None:
    """RFC 9110 section 10.2.3, of any length; what is nothing of the kind counts as not said."""
    headers = {} if header is None else {"Retry-After": header.encode()}
    answer = await Transport(Script(httpx.Response(429, headers=headers))).get(URL)
    assert answer.retry_after == seconds


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        ("Wed, 21 Oct 2026 07:28:30 GMT", 30),
        ("Wednesday, 21-Oct-26 07:28:30 GMT", 30),
        ("Wed Oct 21 07:28:30 2026", 30),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 300),
        ("Wed, 21 Oct 2099999 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", None),
    ],
)
async def test_date_to_wait_for_counts_from_that_of_the_answer(
    until: str, seconds: int | None
) -> None:
    """In each of the three ways that RFC 9110 section 5.6.7 writes it; whatever our clock shows."""
    headers = {"Retry-After": until, "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    answer = await Transport(Script(httpx.Response(429, headers=headers))).get(URL)
    assert answer.retry_after == seconds


@pytest.mark.parametrize("date", [{}, {"Date": "now"}])
async def test_date_is_far_away_if_nobody_knows_how_far(date: dict[str, str]) -> None:
    """Whoever names one does not want to be asked again at once."""
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", **date}
    answer = await Transport(Script(httpx.Response(429, headers=headers))).get(URL)
    assert answer.retry_after == 300


class Hanging(httpx.AsyncBaseTransport):
    """Never answers."""

    def __init__(self) -> None:
        self.calls = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        await asyncio.Event().wait()
        raise AssertionError


async def test_server_that_never_answers_ends_in_503() -> None:
    """The whole call is bounded, not each attempt of it."""
    hanging = Hanging()
    async with asyncio.timeout(60):
        with pytest.raises(BackendUnavailable):
            await impatient(hanging, timeout=0.01).get(URL)
    assert hanging.calls == 1


async def test_waiting_between_attempts_counts() -> None:
    """Retries do not outlive the bound either."""
    script = Script(httpx.ConnectError("refused"))
    async with asyncio.timeout(60):
        with pytest.raises(BackendUnavailable):
            await Transport(script, timeout=0.01, retry_delays=(3_600,)).get(URL)
    assert len(script.requests) == 1


async def test_body_that_never_ends_in_time_ends_in_503() -> None:
    """Half an answer and then silence is no answer."""

    async def half() -> AsyncIterator[bytes]:
        yield b'{"keys": ['
        await asyncio.Event().wait()

    async with asyncio.timeout(60):
        with pytest.raises(BackendUnavailable):
            await Transport(Script(httpx.Response(200, content=half())), timeout=0.01).get(URL)


async def test_time_bound_leaves_other_cancellations_alone() -> None:
    """A request that is cancelled while it waits is cancelled, and not told of an outage."""
    call = asyncio.create_task(Transport(Hanging(), timeout=60).get(URL))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.parametrize("compressed", [False, True])
async def test_body_of_2_mb_is_not_read_to_its_end(compressed: bool) -> None:
    """What is larger than any key set is dropped on the way, compressed or not."""
    body = gzip.compress(bytes(2 * 1024 * 1024)) if compressed else bytes(2 * 1024 * 1024)
    sent = []

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 64):
            sent.append(start)
            yield body[start : start + 64]

    headers = {"Content-Encoding": "gzip"} if compressed else {}
    response = httpx.Response(200, headers=headers, content=chunks())
    with pytest.raises(BackendUnavailable):
        await Transport(Script(response), retry_delays=()).get(URL)
    assert 0 < len(sent) * 64 < len(body) * 0.6


async def test_one_client_serves_from_start_up_to_shutdown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Connections are kept between calls, and closed with the application."""
    closed = []

    class Watched(Script):
        async def aclose(self) -> None:
            closed.append(self)

    watched = Watched(httpx.Response(200))
    transport = Transport(watched)
    await transport.open()
    await transport.get(URL)
    await transport.get(URL)
    assert closed == []
    await transport.close()
    await transport.close()
    assert closed == [watched]


@pytest.mark.parametrize("call", [lambda t: t.get(URL), lambda t: t.close()])
async def test_transport_that_was_never_opened_is_no_mistake(
    call: Callable[[Transport], object],
) -> None:
    """A script may verify a token without running an application."""
    await call(Transport(Script(httpx.Response(200))))  # type: ignore[misc]  # two kinds of call
