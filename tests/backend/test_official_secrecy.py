"""What is asked, answered and refused stays between this server and Clerk."""

import gc
import logging
from types import TracebackType
from typing import Any

import httpx
import pytest

from clerk_fastapi import Clerk, ClerkError
from clerk_fastapi.errors import BackendError, BackendUnavailable
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.server import serve
from tests.backend.test_official_ids import official
from tests.backend.test_transport import SECRET, Script

pytestmark = pytest.mark.anyio


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that is logged by anybody."""
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "clerk_fastapi", "httpcore", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


async def test_no_secret_in_logs_at_debug(
    everything: pytest.LogCaptureFixture, local: LocalClerk, session: Session
) -> None:
    """Neither keys and tokens nor whom a call is about: paths are logged as patterns."""
    local.add_jwt_template("supabase", claims={"email": "{{user.primary_email_address}}"})
    token, said = local.token(session), []
    with serve(local.app) as url:
        settings: Any = {**local.settings(), "transport": None, "api_url": url}
        async with Clerk(**settings) as clerk:
            auth = await clerk.verify_token(token)
            minted = [await auth.get_token("supabase"), await auth.get_token(expires_in_seconds=9)]
            for wrong in ("no-such-template", "supabase"):
                with local.outage(status=401 if wrong == "supabase" else 500):
                    try:
                        await auth.get_token(wrong, expires_in_seconds=7)
                    except ClerkError as error:
                        said += [str(error), repr(error), repr(vars(error))]
            await clerk.backend.users.update_metadata_async(
                user_id=session.user.id, private_metadata={"card": "4111-1111"}
            )
            await clerk.users.get(session.user.id)
            await clerk.sessions.sign_out_everywhere(session.user.id)
            said += [repr(clerk.backend), repr(clerk.sessions), repr(clerk.users), repr(auth)]
    logged = everything.text + "\n".join(said)
    assert {"httpx", "httpcore.http11"} <= {record.name for record in everything.records}
    secrets = [local.secret_key, session.user.id, session.id, "4111-1111", "ada@example.com"]
    for each in (token, *minted):
        secrets += [part for part in each.split(".")[1:] if len(part) > 20]
    assert [secret for secret in secrets if secret in logged] == []
    assert "/v1/users/{user_id}/metadata" in logged
    assert "/v1/sessions/{session_id}/tokens/{template}" in logged


FAILURES = {
    "network": httpx.ConnectError("refused"),
    "refused key": httpx.Response(401, json={}),
    "unreadable": httpx.Response(200, json=["hunter2"]),
    "missing": httpx.Response(404, json={}),
    "redirect": httpx.Response(302, headers={"location": "https://[/"}),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_error_leads_to_neither_key_nor_request_nor_answer(
    failure: httpx.Response | Exception,
) -> None:
    """Error trackers send whatever hangs on an exception, with the variables of its frames."""
    client = official(Script(failure)).client
    with pytest.raises(BackendError) as raised:
        await client.users.verify_password_async(user_id="user_1", password="correct horse")
    found = within_reach(raised.value, outside=raised.tb.tb_next)
    for secret in (SECRET, "correct horse", "hunter2"):
        assert [text for text in found if secret in text] == []


async def test_error_for_a_token_leads_to_no_key(local: LocalClerk, session: Session) -> None:
    """The same goes for tokens, which are asked for without the official client."""
    async with Clerk(**local.settings(), backend_timeout=30) as clerk:
        auth = await clerk.verify_token(local.token(session))
        with local.outage("unreachable"), pytest.raises(BackendUnavailable) as raised:
            await auth.get_token("supabase")
    found = within_reach(raised.value, outside=None)
    assert [text for text in found if local.secret_key in text] == []


def within_reach(error: BaseException, *, outside: TracebackType | None) -> list[str]:
    """The texts that an error holds: its own, and those in the frames after the test's."""
    things: list[object] = [vars(error), error.args]
    chain: list[BaseException | None] = [error.__cause__, error.__context__]
    assert chain == [None, None]
    traceback = outside
    while traceback is not None:
        things.append(dict(traceback.tb_frame.f_locals))
        traceback = traceback.tb_next
    return [text for thing in things for text in texts(thing, set(), 4)]


def texts(thing: object, seen: set[int], depth: int) -> list[str]:
    """All texts within a few steps of a thing; only containers and plain objects are followed."""
    if isinstance(thing, bytes):
        return [thing.decode("latin-1")]
    if isinstance(thing, str):
        return [thing]
    if id(thing) in seen or depth == 0:
        return []
    seen.add(id(thing))
    if isinstance(thing, dict | list | tuple | httpx.Request | httpx.Response | httpx.Headers):
        return [text for each in gc.get_referents(thing) for text in texts(each, seen, depth - 1)]
    return []
