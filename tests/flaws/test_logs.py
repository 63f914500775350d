"""Flaws of debug output: whole tokens in the log."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.testing import FORGERIES, LocalClerk, Session, User
from clerk_fastapi.testing.server import serve
from tests.backend.clock import Clock
from tests.flaws.application import DOCUMENT, ORIGIN, application, ask, bearer, jar
from tests.web.serving import running

pytestmark = pytest.mark.anyio

LOGGERS = ("asyncio", "clerk_fastapi", "httpcore", "httpx")
# How the tokens and keys begin, and enough of what follows to be one.
SECRET = re.compile(
    r"eyJ[\w-]{8}|(?:sk_(?:live|test)|ak|mt|oat|dvb|nonce|refresh)_[\w-]{8}|__session=\w"
)

OWN = f"HTTP Request: GET {ORIGIN}"  # by the client of these tests


@contextmanager
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Everybody may log anything in the block but secrets, and the calls themselves are logged."""
    caplog.set_level(logging.DEBUG)
    for name in LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.clear()
    yield
    written = "\n".join(
        f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text or ''}"
        for record in caplog.records
        if not record.getMessage().startswith(OWN)
    )
    assert SECRET.findall(written) == []
    assert {"httpx", "httpcore.http11"} <= {record.name for record in caplog.records}


@pytest.fixture
def over_http(dev: LocalClerk) -> Iterator[dict[str, Any]]:
    """The settings of an application that reaches the development instance over HTTP."""
    with serve(dev.app) as url:
        settings: Any = {**dev.settings(), "transport": None, "api_url": url}
        yield settings


async def test_debug_output_held_session_and_refresh_tokens(
    dev: LocalClerk,
    dev_ada: Session,
    clock: Clock,
    over_http: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Row 15: neither of a request that is believed, nor of one that is refreshed or refused."""
    cookies = dev.cookies(dev_ada, refresh=True)
    clerk: Clerk[Any] = Clerk(**over_http)
    with silence(caplog):
        headers: list[dict[str, str]] = [bearer(dev.token(dev_ada)), jar(cookies)]
        headers += [bearer(dev.forge(name, dev_ada)) for name in ("kid-unknown", "cat-template")]
        for each in headers:
            await ask(clerk, headers=each)
        clock.now += 3_600
        assert (await ask(clerk, headers=jar(cookies) | DOCUMENT)).json() == dev_ada.user.id
        dev.end_session(dev_ada)
        assert (await ask(clerk, headers=jar(cookies) | DOCUMENT)).status_code == 307
    assert len(dev.requests_to(f"/sessions/{dev_ada.id}/refresh")) == 2


async def test_debug_output_held_what_a_handshake_brought(
    dev: LocalClerk,
    dev_ada: Session,
    clock: Clock,
    over_http: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Row 15: a nonce is as good as the session behind it, and stands in a URL that is called."""
    clerk: Clerk[Any] = Clerk(**over_http)
    directives = [f"{name}={value}; Path=/" for name, value in dev.cookies(dev_ada).items()]
    nonce, token = dev.nonces.keep(directives), dev.handshake_token(directives)
    template = dev.forge_handshake("cat-template", directives)
    async with running(application(clerk)) as client:
        with silence(caplog):
            for query in (
                f"__clerk_handshake_nonce={nonce}",
                f"__clerk_handshake_nonce={nonce}",
                f"__clerk_handshake={token}",
                f"__clerk_handshake={template}",
                f"__clerk_db_jwt={dev_ada.browser.token}",
            ):
                await client.get(f"{ORIGIN}/session?{query}", headers=DOCUMENT)
    assert len(dev.requests_to("/clients/handshake_payload")) == 2


async def test_debug_output_held_tokens_of_machines(
    dev: LocalClerk,
    dev_ada: Session,
    over_http: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Row 15: good, revoked or unknown, opaque or not, and the keys with which Clerk is asked."""
    ada: User = dev_ada.user
    machine = dev.add_machine("cron")
    tokens: list[Any] = [
        dev.create_api_key(ada),
        dev.create_m2m_token(machine),
        dev.create_m2m_token(machine, token_format="jwt"),
        dev.create_oauth_token(ada, client_id="c_1"),
        dev.create_oauth_token(ada, client_id="c_1", token_format="jwt"),
    ]
    revoked = dev.create_api_key(ada)
    dev.revoke(revoked)
    texts = [each.token for each in (*tokens, revoked)]
    texts += ["ak_unknown12345", "mt_unknown12345", "oat_unknown12345"]
    clerk: Clerk[Any] = Clerk(**over_http, machine_secret_key=dev.machine_secret_key)
    with silence(caplog):
        statuses = [(await ask(clerk, "/any", bearer(text))).status_code for text in texts]
    assert statuses == [200] * 5 + [401] * 4


@pytest.mark.parametrize("name", [name for name in FORGERIES if "huge" not in name])
async def test_error_held_the_token(dev: LocalClerk, dev_ada: Session, name: str) -> None:
    """Row 15: nor does an answer repeat what it refuses."""
    token = dev.forge(name, dev_ada)
    clerk: Clerk[Any] = Clerk(**dev.settings(), authorized_parties=[ORIGIN])
    answer: httpx.Response = await ask(clerk, headers=bearer(token))
    shown = f"{answer.headers!r} {answer.text}"
    assert answer.status_code == 401
    assert not SECRET.search(shown)
    assert [part for part in token.split(".") if len(part) > 8 and part in shown] == []
