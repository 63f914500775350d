"""Asking Clerk for a browser: what is sent, what each answer means, and what is kept quiet."""

import json
import logging
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from clerk_fastapi.backend.browser import BrowserBackend
from clerk_fastapi.backend.transport import Transport
from clerk_fastapi.errors import BackendUnavailable, SecretKeyRefused

pytestmark = pytest.mark.anyio

URL = "https://api.clerk.com"
SECRET = "sk_test_" + "not-a-real-one"
COOKIES = ["__session=a.b.c; Path=/", "__client_uat=5"]
BODY = {"format": "cookie", "expired_token": "a.b.c"}
Answers = httpx.Response | Exception


class Clerk(httpx.MockTransport):
    """Answers every request alike, and remembers them."""

    def __init__(self, answer: Answers) -> None:
        self.requests: list[httpx.Request] = []
        self._says = answer
        super().__init__(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if isinstance(self._says, Exception):
            raise self._says
        return self._says

    @property
    def backend(self) -> BrowserBackend:
        """What asks it, without waiting between attempts."""
        return BrowserBackend(Transport(self, retry_delays=(0, 0)), URL, SecretStr(SECRET))


async def payload(answer: Answers, nonce: str = "nonce_1") -> list[object] | None:
    """What comes of a nonce if Clerk answers so."""
    return await Clerk(answer).backend.handshake_payload(nonce)


async def refreshed(answer: Answers, session_id: str = "sess_1") -> list[object] | str:
    """What comes of a refresh if Clerk answers so."""
    return await Clerk(answer).backend.refresh(session_id, BODY, suffixed=True)


def errors(*codes: Any, status: int = 400) -> httpx.Response:
    """What Clerk says is wrong."""
    return httpx.Response(status, json={"errors": [{"code": code} for code in codes]})


# --- what a handshake left ------------------------------------------------------------------------


async def test_nonce_is_turned_in_with_the_secret_key() -> None:
    """Escaped, since it came with a URL, and once, since it is good for one time."""
    clerk = Clerk(httpx.Response(200, json={"nonce": "x", "directives": COOKIES}))
    assert await clerk.backend.handshake_payload("a&b=/../?#%") == COOKIES
    (request,) = clerk.requests
    assert request.method == "GET"
    assert request.url.raw_path == b"/v1/clients/handshake_payload?nonce=a%26b%3D%2F..%2F%3F%23%25"
    assert request.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    "nonce", ["", " ", "a b", "a\r\nb", "a\x00", "\u00e9", "\ud800", "n" * 2049]
)
async def test_nonce_that_clerk_cannot_have_made_is_not_turned_in(nonce: str) -> None:
    """Anybody can write one into a cookie."""
    clerk = Clerk(httpx.Response(200, json={"directives": COOKIES}))
    assert await clerk.backend.handshake_payload(nonce) is None
    assert clerk.requests == []


@pytest.mark.parametrize("status", [400, 404, 410, 422])
async def test_unknown_nonce_is_nothing(status: int, caplog: pytest.LogCaptureFixture) -> None:
    """It was used before, or never made; the log does not repeat it."""
    caplog.set_level(logging.INFO, "clerk_fastapi")
    assert await payload(errors("resource_not_found", status=status), "nonce_secret") is None
    assert [record.levelname for record in caplog.records if record.name == "clerk_fastapi"] == [
        "INFO"
    ]
    assert "nonce_secret" not in caplog.text


async def test_refused_secret_key_is_the_operators_fault(caplog: pytest.LogCaptureFixture) -> None:
    """Not the browser's: 503, and an error in the log."""
    with pytest.raises(SecretKeyRefused):
        await payload(errors("clerk_key_invalid", status=401))
    assert [record.levelname for record in caplog.records if record.name == "clerk_fastapi"] == [
        "ERROR"
    ]
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("answer", "wait"),
    [
        (httpx.Response(429, json={}), 1),
        (httpx.Response(429, json={}, headers={"Retry-After": "7"}), 7),
        (httpx.Response(429, json={}, headers={"Retry-After": "0"}), 1),
        (httpx.Response(500, json={"directives": COOKIES}), 1),
        (httpx.Response(503, headers={"Retry-After": "9"}), 9),
        (httpx.Response(302, headers={"Location": "https://evil.example"}), 1),
        (httpx.Response(204), 1),
        (httpx.Response(201, json={"directives": COOKIES}), 1),
        (httpx.Response(200, text="<!doctype html>"), 1),
        (httpx.Response(200, text='{"directives": ["a"'), 1),
        (httpx.Response(200, content=b"\xff"), 1),
        (httpx.Response(200, text="[" * 100_000), 1),
        (httpx.Response(200, json=[]), 1),
        (httpx.Response(200, json=None), 1),
        (httpx.Response(200, json={}), 1),
        (httpx.Response(200, json={"directives": None}), 1),
        (httpx.Response(200, json={"directives": "a=b"}), 1),
        (httpx.Response(200, json={"directives": {}}), 1),
        (httpx.ConnectError("no"), 1),
        (httpx.ReadTimeout("no"), 1),
    ],
)
async def test_anything_else_is_an_outage(answer: Answers, wait: int) -> None:
    """Nobody knows whether the nonce was good, so nobody is called signed out."""
    with pytest.raises(BackendUnavailable) as caught:
        await payload(answer)
    assert caught.value.code == "backend-unavailable"
    assert caught.value.retry_after == wait


@pytest.mark.parametrize("directives", [[], ["a=b", 5, None]])
async def test_directives_are_handed_on_as_they_are(directives: list[object]) -> None:
    """They are examined where they are used."""
    assert await payload(httpx.Response(200, json={"directives": directives})) == directives


# --- a session made fresh -------------------------------------------------------------------------


@pytest.mark.parametrize(("suffixed", "query"), [(True, b"?suffixed_cookies=true"), (False, b"")])
async def test_refresh_is_asked_for_at_the_session(suffixed: bool, query: bytes) -> None:
    """With the body as it is, and the secret key."""
    clerk = Clerk(httpx.Response(200, json={"object": "cookies", "cookies": COOKIES}))
    assert await clerk.backend.refresh("sess_1", BODY, suffixed=suffixed) == COOKIES
    (request,) = clerk.requests
    assert request.method == "POST"
    assert request.url.raw_path == b"/v1/sessions/sess_1/refresh" + query
    assert json.loads(request.content) == BODY
    assert request.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    "session_id", ["", "../m2m_tokens", "sess_1/revoke?", "sess 1", "s\u00e9", "s" * 129, "a\n"]
)
async def test_session_id_is_one_segment_of_a_path(session_id: str) -> None:
    """No claim of a token leads to another endpoint."""
    clerk = Clerk(httpx.Response(200, json={"cookies": COOKIES}))
    answer = await clerk.backend.refresh(session_id, BODY, suffixed=False)
    assert answer == "expired-session-token-missing-sid-claim"
    assert clerk.requests == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (httpx.ConnectError("no"), "fetch-error"),
        (httpx.ReadTimeout("no"), "fetch-error"),
        (httpx.Response(502, text="<!doctype html>"), "fetch-error"),
        (httpx.Response(200, text="<!doctype html>"), "fetch-error"),
        (httpx.Response(200, text='{"cookies": ["a'), "fetch-error"),
        (errors("unexpected_error", status=500), "fetch-error"),
        (errors("refresh_token_expired"), "refresh_token_expired"),
        (errors("session-gone", "other", status=401), "session-gone"),
        (errors("Capital"), "unexpected-bapi-error"),
        (errors("a b"), "unexpected-bapi-error"),
        (errors("a\r\nSet-Cookie: b"), "unexpected-bapi-error"),
        (errors("a\n"), "unexpected-bapi-error"),
        (errors("&evil=1"), "unexpected-bapi-error"),
        (errors("x" * 65), "unexpected-bapi-error"),
        (errors(""), "unexpected-bapi-error"),
        (errors(None), "unexpected-bapi-error"),
        (errors(5), "unexpected-bapi-error"),
        (errors(), "unexpected-bapi-error"),
        (httpx.Response(400, json={"errors": "no"}), "unexpected-bapi-error"),
        (httpx.Response(400, json={"errors": ["no"]}), "unexpected-bapi-error"),
        (httpx.Response(400, json={"errors": {}}), "unexpected-bapi-error"),
        (httpx.Response(400, json={}), "unexpected-bapi-error"),
        (httpx.Response(400, json=[]), "unexpected-bapi-error"),
        (httpx.Response(302, json={"cookies": COOKIES}), "unexpected-bapi-error"),
        (httpx.Response(429, json={"cookies": COOKIES}), "unexpected-bapi-error"),
        (httpx.Response(200, json={}), "unexpected-sdk-error"),
        (httpx.Response(200, json=[]), "unexpected-sdk-error"),
        (httpx.Response(200, json={"cookies": []}), "unexpected-sdk-error"),
        (httpx.Response(200, json={"cookies": "a=b"}), "unexpected-sdk-error"),
        (httpx.Response(200, json={"object": "token", "jwt": "a.b.c"}), "unexpected-sdk-error"),
    ],
)
async def test_refresh_that_failed_has_a_word_for_why(answer: Answers, why: str) -> None:
    """It becomes part of a reason and of a URL, so Clerk's own is taken if it looks like one."""
    assert await refreshed(answer) == why


@pytest.mark.parametrize("answer", [httpx.Response(500, json={}), httpx.ConnectError("no")])
async def test_refresh_is_tried_once(answer: Answers) -> None:
    """A refresh token may be good for one time only, and the browser is waiting."""
    clerk = Clerk(answer)
    await clerk.backend.refresh("sess_1", BODY, suffixed=False)
    assert len(clerk.requests) == 1


async def test_no_log_repeats_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    """Neither nonces nor tokens nor keys, at any level."""
    with caplog.at_level(logging.DEBUG):
        await payload(httpx.Response(200, json={"directives": COOKIES}), "nonce_secret")
        await refreshed(httpx.Response(200, json={"cookies": COOKIES}))
        await refreshed(errors("refresh_token_expired"))
    for secret in ("nonce_secret", SECRET, "a.b.c"):
        assert secret not in caplog.text
