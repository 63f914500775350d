"""What must stay secret appears in no log, at no level, and in no error."""

import logging

import pytest

from clerk_fastapi import Clerk, ClerkError, SessionClaims
from clerk_fastapi.testing import ABSENT, FORGERIES, LocalClerk, Session
from clerk_fastapi.testing.server import serve
from tests.backend.clock import Clock

pytestmark = pytest.mark.anyio


class Demanding(SessionClaims):
    """Custom claims that no token of these tests carries as declared."""

    card: int


@pytest.fixture
def everything(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """All that is logged by anybody, httpx and httpcore included."""
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "clerk_fastapi", "httpcore", "httpx"):
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def clerk_at(local: LocalClerk, url: str, **options: object) -> Clerk:
    """A ``Clerk`` that asks over HTTP, as in production."""
    return Clerk(
        publishable_key=local.publishable_key,
        secret_key=local.secret_key,
        clock=local.clock,
        api_url=url,
        **options,  # type: ignore[arg-type]  # of any kind: a test names one
    )


async def test_no_secret_in_logs_or_errors_at_debug(
    everything: pytest.LogCaptureFixture, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Neither the secret key, nor a token good or evil, nor the value of a claim."""
    good = local.token(session, claims={"card": "4111-1111", "email": "ada@example.com"})
    tokens = [good, *(local.forge(name, session) for name in FORGERIES)]
    tokens += [local.token(session, claims={"sid": ABSENT}), local.token(session, issued_ago=900)]
    said = []
    with serve(local.app) as url:
        for clerk in (clerk_at(local, url), clerk_at(local, url, claims=Demanding)):
            async with clerk:
                for token in tokens:
                    try:
                        said.append(repr(await clerk.verify_token(token)))
                    except ClerkError as error:
                        said += [str(error), repr(error), repr(vars(error))]
                said.append(repr(clerk))
    logged = everything.text + "\n".join(said)
    assert {"httpx", "httpcore.http11", "clerk_fastapi"} <= {
        record.name for record in everything.records
    }
    secrets = [local.secret_key, session.user.id, session.id, "4111-1111", "ada@example.com"]
    for token in tokens:
        secrets += [part for part in token.split(".")[1:] if len(part) > 20]
    assert [secret for secret in secrets if secret in logged] == []


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_no_secret_in_logs_of_failing_calls(
    everything: pytest.LogCaptureFixture, local: LocalClerk, session: Session, status: int
) -> None:
    """A refused secret key is named by its variable, never by its value."""
    token = local.token(session)
    with serve(local.app) as url, local.outage(status=status):
        async with clerk_at(local, url, backend_timeout=30) as clerk:
            with pytest.raises(ClerkError) as refusal:
                await clerk.verify_token(token)
    logged = everything.text + str(refusal.value) + repr(vars(refusal.value))
    assert local.secret_key not in logged
    assert token.split(".")[2] not in logged
    assert local.secret_key.removeprefix("sk_test_") not in logged
    assert ("CLERK_SECRET_KEY" in everything.text) == (status == 401)


async def test_refused_secret_key_is_logged_as_an_error_once_a_minute(
    caplog: pytest.LogCaptureFixture, local: LocalClerk, session: Session, clock: Clock
) -> None:
    """The operator is told, and not by every request."""
    with local.outage(status=401):
        async with Clerk(**local.settings()) as clerk:
            for _ in range(60):
                with pytest.raises(ClerkError) as refusal:
                    await clerk.verify_token(local.token(session))
                assert refusal.value.code == "secret-key-invalid"
                clock.now += 1
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert local.jwks_requests == 1
