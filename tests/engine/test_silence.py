"""Nothing that is secret is ever written down: not in a log at any level, not in an error."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from clerk_fastapi import BackendUnavailable, Clerk, SessionClaims, SignedOut, TokenError
from clerk_fastapi.testing import FORGERIES, LocalClerk, Session
from tests.engine.connections import bearer, browser

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


class Demanding(SessionClaims):
    """A claim that no token here has."""

    email: str


def secrets_of(local: LocalClerk, session: Session, *tokens: str) -> set[str]:
    """What must not be read anywhere: keys, parts of tokens, and values of claims."""
    organization = session.organization
    assert organization is not None
    parts = {part for token in tokens for part in token.split(".") if len(part) > 12}
    return {
        local.secret_key,
        local.jwt_key.splitlines()[1],
        local.jwks()["keys"][0]["n"],
        session.user.id,
        session.user.email,
        session.id,
        organization.id,
        "swordfish",
        "eyJ",
        *parts,
    }


def written(caplog: pytest.LogCaptureFixture) -> str:
    """All that was logged, by anybody, with the arguments of every record."""
    return "\n".join(
        f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text or ''}"
        for record in caplog.records
    )


def assert_silent(text: str, secrets: set[str]) -> None:
    """None of the secrets is in the text."""
    assert [secret for secret in secrets if secret in text] == []


@pytest.mark.parametrize("source", ["published", "pem"])
async def test_no_log_holds_a_secret(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    source: str,
) -> None:
    """Every forgery, carried in every way, at the most talkative level: codes and nothing else."""
    caplog.set_level(logging.DEBUG)
    keys = {"jwt_key": local.jwt_key} if source == "pem" else {}
    clerk = make_clerk(authorized_parties=["https://app.example.com"], **keys)
    tokens = [local.token(session), *(local.forge(name, session) for name in FORGERIES)]
    async with clerk:
        for token in tokens:
            for connection in (bearer(token), browser({"__session": token, "__client_uat": "5"})):
                await clerk.authenticate(connection)
    assert "signed out" in written(caplog)
    assert_silent(written(caplog), secrets_of(local, session, *tokens))


@pytest.mark.parametrize("name", FORGERIES)
async def test_no_error_holds_a_secret(
    clerk: Clerk[Any], local: LocalClerk, session: Session, name: str
) -> None:
    """Neither the sentence nor the traceback repeats what was refused."""
    token = local.forge(name, session)
    with pytest.raises(TokenError) as caught:
        await clerk.verify_token(token)
    told = "".join(traceback.format_exception(caught.value))
    secrets = secrets_of(local, session, token)
    assert_silent(f"{told} {caught.value!r} {caught.value.message} {caught.value.args!r}", secrets)
    state = await clerk.authenticate(bearer(token))
    assert isinstance(state, SignedOut)
    assert_silent(f"{state!r} {state.error!r} {state.error.message}", secrets)
    assert state.error.__traceback__ is None  # whose frames would hold the token


async def test_misfits_and_outages_are_silent_too(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Refused models and failing networks talk about themselves only."""
    caplog.set_level(logging.DEBUG)
    token = local.token(session, claims={"metadata": {"swordfish": "swordfish"}})
    told = []
    with pytest.raises(TokenError) as refused:
        await make_clerk(claims=Demanding).verify_token(token)
    told.append("".join(traceback.format_exception(refused.value)))
    for status in (401, 403, 404):
        with local.outage(status=status), pytest.raises(BackendUnavailable) as failed:
            await make_clerk().verify_token(token)
        told.append("".join(traceback.format_exception(failed.value)))
    assert "custom claims" in written(caplog)
    assert_silent(written(caplog) + "".join(told), secrets_of(local, session, token))


async def test_unknown_key_gets_no_inventory(
    clerk: Clerk[Any], local: LocalClerk, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever asks with a made-up ``kid`` is not told which ones there are."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(TokenError) as caught:
        await clerk.verify_token(local.forge("kid-unknown", session))
    told = written(caplog) + "".join(traceback.format_exception(caught.value))
    assert_silent(told, {key["kid"] for key in local.jwks()["keys"]} | {"ins_unknown"})


async def test_objects_do_not_print_secrets(
    clerk: Clerk[Any], local: LocalClerk, session: Session
) -> None:
    """What a debugger or an error page shows of a ``Clerk`` and its answers is harmless."""
    token = local.token(session)
    state = await clerk.authenticate(bearer(token))
    shown = f"{clerk!r} {state!r} {getattr(state, 'auth', None)!r}"
    assert_silent(shown, secrets_of(local, session, token))
