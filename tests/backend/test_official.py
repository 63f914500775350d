"""The official client, opened in the name of an instance: every method of Clerk's, our manners."""

import gc
import inspect
import sys
from types import ModuleType
from typing import Any

import httpx
import pytest
from clerk_backend_api import models
from clerk_backend_api.utils import BackoffStrategy, RetryConfig

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.errors import BackendError, BackendRateLimited
from clerk_fastapi.protocol.events import Session as SessionData
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.server import serve
from tests.backend.test_official_ids import URL, official
from tests.backend.test_transport import SECRET, Script

pytestmark = pytest.mark.anyio

EMPTY = httpx.Response(200, json=[])


async def test_clerk_backend_is_the_official_client(local: LocalClerk, session: Session) -> None:
    """Configured from the same settings, with every method, and typed models for answers."""
    async with Clerk(**local.settings()) as clerk:
        assert clerk.backend is clerk.backend
        user = await clerk.backend.users.get_async(user_id=session.user.id)
        (membered,) = await clerk.backend.sessions.list_async(user_id=session.user.id)
    assert isinstance(user, models.User)
    assert (user.id, membered.id) == (session.user.id, session.id)


async def test_clerk_backend_asks_over_http(local: LocalClerk, session: Session) -> None:
    """At ``api_url``, as in production."""
    with serve(local.app) as url:
        settings: Any = {**local.settings(), "transport": None, "api_url": url}
        async with Clerk(**settings) as clerk:
            user = await clerk.backend.users.get_async(user_id=session.user.id)
    assert user.id == session.user.id


async def test_calls_carry_the_secret_key_and_the_version_of_the_client() -> None:
    """And nothing is asked of the caller for that."""
    script = Script(EMPTY)
    await official(script).client.sessions.list_async(user_id="user_1", limit=2)
    (request,) = script.requests
    assert str(request.url).startswith(f"{URL}/v1/sessions")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.headers["clerk-api-version"]
    assert request.url.params["limit"] == "2"


async def test_another_key_can_be_given_to_one_call() -> None:
    """Machines ask for M2M tokens in their own name."""
    script = Script(httpx.Response(201, json={}))
    client = official(script).client
    with pytest.raises(BackendError):
        await client.m2m.create_token_async(http_headers={"Authorization": "Bearer ak_machine"})
    assert script.requests[0].headers["authorization"] == "Bearer ak_machine"


async def test_refusal_of_another_key_is_not_about_the_secret_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The operator has nothing to set."""
    client = official(Script(httpx.Response(401, json={}))).client
    with pytest.raises(BackendError) as failure:
        await client.m2m.create_token_async(http_headers={"Authorization": "Bearer ak_wrong"})
    assert (failure.type, failure.value.backend_status) == (BackendError, 401)
    assert "CLERK_SECRET_KEY" not in caplog.text


@pytest.mark.parametrize("charset", ["idna", "undefined", "hex", "utf-16", "a\0b", ""])
async def test_json_is_utf_8_whatever_else_is_said(charset: str) -> None:
    """Some codecs of Python's fail in ways of their own."""
    headers = {"content-type": f"application/json; charset={charset}"}
    script = Script(httpx.Response(200, content=b"[]", headers=headers))
    assert await official(script).client.sessions.list_async(user_id="user_1") == []


async def test_what_the_official_client_cannot_read_can_be_read_here() -> None:
    """It builds the request; a word that it does not know yet does no harm."""
    body = {"id": "sess_1", "user_id": "user_1", "client_id": None, "status": "brand_new"}
    script = Script(httpx.Response(200, json=body))
    asked = official(script)

    async def call(client: Any) -> object:
        return await client.sessions.get_async(session_id="sess_1")

    assert (await asked.ask(SessionData, call)).status == "brand_new"
    with pytest.raises(BackendError):
        await call(asked.client)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"id": "sess_1"}', b"NaN"])
async def test_answer_that_makes_no_sense_is_an_error_without_values(body: bytes) -> None:
    """With the status and the trace id, for Clerk's support."""
    script = Script(httpx.Response(200, content=body, headers={"cf-ray": "8f-FRA"}))
    with pytest.raises(BackendError) as failure:
        await official(script).ask(
            SessionData, lambda client: client.sessions.get_async(session_id="sess_1")
        )
    error = failure.value
    assert (type(error), error.backend_status, error.trace_id) == (BackendError, 200, "8f-FRA")
    assert error.__context__ is None


async def test_secret_key_goes_to_the_backend_api_alone() -> None:
    """Naming another server does not send it there."""
    script = Script(EMPTY)
    client = official(script).client
    for elsewhere in ("https://evil.example/v1", "https://api.clerk.com.evil.example/v1"):
        with pytest.raises(ConfigurationError, match="CLERK_API_URL"):
            await client.sessions.list_async(user_id="user_1", server_url=elsewhere)
    assert script.requests == []


async def test_client_itself_holds_no_secret_key(local: LocalClerk) -> None:
    """Whoever prints, pickles or logs it finds nothing."""
    client: Any = official(Script(EMPTY)).client
    assert client.sdk_configuration.security is None
    assert repr(client) == "<OfficialClient>"


async def test_blocking_methods_are_refused_with_the_cure() -> None:
    """They would keep every other request waiting."""
    script = Script(EMPTY)
    with pytest.raises(ConfigurationError, match="get_async"):
        official(script).client.users.get(user_id="user_1")
    with pytest.raises(ConfigurationError, match="_async"):
        official(script).client.jwks.get_jwks()
    assert script.requests == []


async def test_without_a_secret_key_the_cure_is_named(local: LocalClerk) -> None:
    """At access, because many applications never need it."""
    settings: Any = {**local.settings(), "secret_key": ""}
    async with Clerk(**settings) as clerk:
        with pytest.raises(ConfigurationError, match="CLERK_SECRET_KEY"):
            _ = clerk.backend
        with pytest.raises(ConfigurationError, match="CLERK_SECRET_KEY"):
            await clerk.users.get("user_1")


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has imported the official client yet."""
    for name in list(sys.modules):
        if name.startswith("clerk_backend_api") or name.endswith("._clerk_client"):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("forgotten")
async def test_without_the_extra_the_cure_is_named(
    local: LocalClerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a line to copy."""
    monkeypatch.setitem(sys.modules, "clerk_backend_api", None)
    async with Clerk(**local.settings()) as clerk:
        with pytest.raises(ConfigurationError, match=r"pip install \"clerk-fastapi\[backend\]\""):
            _ = clerk.backend
        with pytest.raises(ConfigurationError, match=r"clerk-fastapi\[backend\]"):
            await clerk.users.get("user_1")


@pytest.mark.usefixtures("forgotten")
async def test_what_else_is_missing_is_not_blamed_on_the_extra(
    local: LocalClerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken installation is shown as it is."""
    monkeypatch.setitem(sys.modules, "clerk_backend_api", ModuleType("clerk_backend_api"))
    async with Clerk(**local.settings()) as clerk:
        with pytest.raises(ImportError) as failure:
            _ = clerk.backend
    assert not isinstance(failure.value, ConfigurationError)


@pytest.mark.usefixtures("forgotten")
async def test_something_else_that_is_missing_is_named_itself(
    local: LocalClerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a package that the official client needs."""
    monkeypatch.setitem(sys.modules, "clerk_fastapi.backend._clerk_client", None)
    async with Clerk(**local.settings()) as clerk:
        with pytest.raises(ModuleNotFoundError, match="_clerk_client"):
            _ = clerk.backend


async def test_client_is_made_once_for_all_who_wait_for_it(local: LocalClerk) -> None:
    """While it is imported the event loop goes on."""
    async with Clerk(**local.settings()) as clerk:
        assert await clerk.official.ready() is await clerk.official.ready() is clerk.backend


async def test_leaving_its_own_context_closes_nothing() -> None:
    """Habits from elsewhere do no harm: connections belong to the lifespan."""
    script = Script(EMPTY)
    client = official(script).client
    async with client as inner:
        assert await inner.sessions.list_async(user_id="user_1") == []
    with client as inner:
        assert await inner.sessions.list_async(user_id="user_1") == []
    assert await client.sessions.list_async(user_id="user_1") == []
    del client, inner
    gc.collect()


UNREADABLE = {
    "not JSON": httpx.Response(200, content=b"{", headers={"content-type": "application/json"}),
    "another shape": httpx.Response(200, json={"id": 5, "password": "hunter2"}),
    "a list": httpx.Response(200, json=["hunter2"]),
    "a web page": httpx.Response(200, html="<!doctype html>hunter2"),
    "nothing": httpx.Response(204),
    "another yes": httpx.Response(202, json={"password": "hunter2"}),
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
async def test_answer_that_the_client_cannot_read_is_an_error_without_it(
    answer: httpx.Response,
) -> None:
    """The client's own errors quote the body."""
    answer.headers["cf-ray"] = "8f-FRA"
    with pytest.raises(BackendError) as failure:
        await official(Script(answer)).client.users.get_async(user_id="user_1")
    error = failure.value
    assert (error.status, error.backend_status) == (502, answer.status_code)
    assert error.trace_id == "8f-FRA"
    assert "hunter2" not in str(error) + repr(vars(error))
    assert error.__cause__ is error.__context__ is None


async def test_answer_is_read_whole_however_it_is_encoded() -> None:
    """Lists are long, and compressed on the way."""
    import gzip

    body = gzip.compress(b"[]")
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    script = Script(httpx.Response(200, content=body, headers=headers))
    assert await official(script).client.sessions.list_async(user_id="user_1") == []


async def test_files_are_sent() -> None:
    """Pictures come in parts, not as JSON."""
    script = Script(httpx.Response(404, json={}))
    picture: Any = {"file": {"file_name": "ada.png", "content": b"\x89PNG"}}
    with pytest.raises(BackendError):
        await official(script).client.users.set_profile_image_async(user_id="user_1", **picture)
    assert b"\x89PNG" in script.requests[0].content
    assert script.requests[0].headers["content-type"].startswith("multipart/form-data")


async def test_retries_of_its_own_are_not_added_to_ours() -> None:
    """Whoever configures them waits no longer for that."""
    script = Script(httpx.Response(429, json={}))
    forever = RetryConfig("backoff", BackoffStrategy(60_000, 60_000, 1.5, 3_600_000), True)
    with pytest.raises(BackendRateLimited):
        await official(script).client.sessions.list_async(user_id="user_1", retries=forever)
    assert len(script.requests) == 3


async def test_every_method_of_the_client_speaks_through_us() -> None:
    """None is left that would send ids unchecked, or raise what quotes bodies."""
    client: Any = official(Script(EMPTY)).client
    for part in client._sub_sdk_map:
        for name in dir(getattr(client, part)):
            if name.endswith("_async") and not name.startswith(("_", "do_request")):
                method = getattr(getattr(client, part), name)
                assert inspect.unwrap(method) is not method, f"{part}.{name}"


async def test_unknown_part_of_the_client_is_an_attribute_error() -> None:
    """As with any object."""
    client: Any = official(Script(EMPTY)).client
    with pytest.raises(AttributeError):
        _ = client.no_such_part
