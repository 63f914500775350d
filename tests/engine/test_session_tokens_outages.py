"""Clerk does not answer when a token is asked for, or badly: bounded, typed, nothing remembered."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clerk_fastapi import Clerk
from clerk_fastapi.errors import (
    BackendError,
    BackendRateLimited,
    BackendUnavailable,
    SecretKeyRefused,
)
from clerk_fastapi.testing import LocalClerk, Session
from clerk_fastapi.testing.server import serve
from clerk_fastapi.testing.traffic import Outage
from tests.backend.publisher import settle

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


@pytest.fixture(params=["in process", "over HTTP"])
async def impatient(
    make_clerk: MakeClerk, local: LocalClerk, request: pytest.FixtureRequest
) -> AsyncIterator[Clerk[Any]]:
    """A Clerk that knows its keys and does not wait long, least of all for nothing."""
    local.add_jwt_template("supabase", claims={})
    hangs = "hang" in request.node.callspec.params.values()
    settings: dict[str, Any] = {"backend_timeout": 0.05 if hangs else 20, "jwt_key": local.jwt_key}
    if request.param == "in process":
        async with make_clerk(**settings) as clerk:
            yield clerk
        return
    with serve(local.app) as url:
        async with make_clerk(**settings, transport=None, api_url=url) as clerk:
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
async def test_outage_is_bounded_and_typed(
    impatient: Clerk[Any],
    local: LocalClerk,
    session: Session,
    kind: Outage,
    error: type[BackendError],
) -> None:
    """For all who wait, and nothing of it is remembered."""
    auth = await impatient.verify_token(local.token(session))
    with local.outage(kind):
        async with asyncio.timeout(60):
            outcomes = await asyncio.gather(
                *(auth.get_token("supabase") for _ in range(10)), return_exceptions=True
            )
    assert {type(outcome) for outcome in outcomes} == {error}
    assert len([seen for seen in local.requests if "/tokens" in seen.path]) <= 3


@pytest.mark.parametrize("headers", [{}, {"retry-after": "30"}])
async def test_rate_limit_is_typed(
    impatient: Clerk[Any], local: LocalClerk, session: Session, headers: dict[str, str]
) -> None:
    """With the time to wait, and served again when it is over."""
    auth = await impatient.verify_token(local.token(session))
    with local.outage(status=429, headers=headers), pytest.raises(BackendRateLimited) as failure:
        await auth.get_token("supabase")
    assert failure.value.retry_after == int(headers.get("retry-after", 1))


async def test_token_is_there_when_the_outage_is_over(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """And a token that was remembered outlasts it."""
    local.add_jwt_template("supabase", claims={}, lifetime=600)
    async with make_clerk() as clerk:
        auth = await clerk.verify_token(local.token(session))
        wait = {"retry-after": "60"}
        with local.outage(status=429, headers=wait), pytest.raises(BackendRateLimited):
            await auth.get_token("supabase")
        token = await auth.get_token("supabase")
        with local.outage("unreachable"):
            assert await auth.get_token("supabase") == token


async def test_refused_key_is_the_operators_to_set(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """It signs nobody out."""
    wrong = {"secret_key": "sk_test_wrong", "jwt_key": local.jwt_key}
    async with make_clerk(**wrong) as clerk:
        auth = await clerk.verify_token(local.token(session))
        with pytest.raises(SecretKeyRefused):
            await auth.get_token("supabase")


async def test_stopping_ends_what_is_under_way(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Nobody waits for an application that has ended."""
    async with make_clerk(jwt_key=local.jwt_key) as clerk:
        auth = await clerk.verify_token(local.token(session))
        with local.outage("hang"):
            waiting = asyncio.create_task(auth.get_token("supabase"))
            await settle()
            await clerk.__aexit__(None, None, None)
            with pytest.raises(BackendUnavailable):
                await waiting
