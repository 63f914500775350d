"""Flaws of keys: shared between instances, asked for without end, told to strangers, missing."""

import asyncio
from typing import Any

import httpx
import pytest

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.testing import LocalClerk, Session, SigningKey
from tests.backend.clock import Clock
from tests.flaws.application import ORIGIN, application, ask, bearer, code, jar
from tests.web.serving import running

pytestmark = pytest.mark.anyio


def stranger(clock: Clock, key: SigningKey, host: str = "clerk.example.org") -> LocalClerk:
    """Another instance, with a user whom nobody here knows."""
    return LocalClerk(host=host, instance_type="production", signing_key=key, clock=clock)


def token_of(local: LocalClerk) -> str:
    """A token of somebody who signed in at an instance."""
    return local.token(local.sign_in(local.add_user("eve@example.com"), origin=ORIGIN))


@pytest.mark.parametrize("source", ["secret", "published"])
async def test_keys_fetched_for_one_instance_served_another(
    live: LocalClerk, clock: Clock, other_key: SigningKey, source: str
) -> None:
    """Row 1: each instance has keys of its own, although both live in one process."""
    other = stranger(clock, other_key)
    token = token_of(other)
    arguments: Any = [live.settings(), other.settings()]
    if source == "published":
        for each in arguments:
            del each["secret_key"]
    own, others = (Clerk(**each) for each in arguments)
    assert (await ask(others, headers=bearer(token))).status_code == 200  # warm now
    assert code(await ask(own, headers=bearer(token))) == "jwk-kid-mismatch"


async def test_key_of_the_same_name_served_another_instance(
    live: LocalClerk, ada: Session, clock: Clock, key: SigningKey, other_key: SigningKey
) -> None:
    """Row 1: names of keys are not unique; a PEM has none at all."""
    other = stranger(clock, SigningKey(key.kid, other_key.private))
    token = token_of(other)
    for pem in ({}, {"jwt_key": other.jwt_key}):
        others: Any = {**other.settings(), **pem}
        assert (await ask(Clerk(**others), headers=bearer(token))).status_code == 200
    for pem in ({}, {"jwt_key": live.jwt_key}):
        own: Any = {**live.settings(), **pem}
        clerk = Clerk(**own)
        assert (await ask(clerk, headers=bearer(live.token(ada)))).status_code == 200
        assert code(await ask(clerk, headers=bearer(token))) == "token-invalid-signature"


@pytest.mark.parametrize("pem", [True, False])
async def test_issuer_was_not_looked_at(
    live: LocalClerk, clock: Clock, key: SigningKey, pem: bool
) -> None:
    """Row 1: even with the same key, a token of another instance is one of other users."""
    arguments: Any = live.settings() | ({"jwt_key": live.jwt_key} if pem else {})
    token = token_of(stranger(clock, key))
    assert code(await ask(Clerk(**arguments), headers=bearer(token))) == "token-invalid-issuer"


async def test_error_listed_the_names_of_all_keys(live: LocalClerk, ada: Session) -> None:
    """Row 17: they are ids of instances; whoever asks with a made-up one is told none."""
    live.rotate_keys()
    kids = [key["kid"] for key in live.jwks()["keys"]]
    answer = await ask(Clerk(**live.settings()), headers=bearer(live.forge("kid-unknown", ada)))
    assert code(answer) == "jwk-kid-mismatch"
    assert len(kids) == 2
    assert [kid for kid in kids if kid in answer.text + str(answer.headers)] == []


async def test_every_unknown_key_was_asked_for(live: LocalClerk, ada: Session) -> None:
    """Row 29: a hundred made-up names, one after the other and at once, make two fetches."""
    tokens = [live.token(ada, header={"kid": f"ins_{number}"}) for number in range(100)]
    async with running(application(Clerk(**live.settings()))) as client:

        async def ask_with(headers: dict[str, str]) -> int:
            return (await client.get(f"{ORIGIN}/session", headers=headers)).status_code

        assert await ask_with(bearer(live.token(ada))) == 200
        told = [await ask_with(bearer(token)) for token in tokens[:50]]
        told += await asyncio.gather(*(ask_with(bearer(token)) for token in tokens[50:]))
    assert set(told) == {401}
    assert live.jwks_requests <= 2


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_secret_key_was_tried_again_and_again(
    live: LocalClerk, ada: Session, status: int
) -> None:
    """Row 29: a refusal is final, and for a while nobody asks anew."""
    with live.outage(status=status):
        async with running(application(Clerk(**live.settings()))) as client:
            for _ in range(20):
                answer = await client.get(f"{ORIGIN}/session", headers=bearer(live.token(ada)))
                assert answer.status_code == 503
    assert live.jwks_requests == 1


@pytest.mark.parametrize("rules", [{}, {"issuer": False}, {"issuer": "https://clerk.example.com"}])
def test_authentication_was_skipped_without_keys(rules: dict[str, Any]) -> None:
    """Row 25: an application that could believe nobody does not start."""
    with pytest.raises(ConfigurationError, match="CLERK_"):
        Clerk(**rules)


async def test_guard_without_a_running_clerk_let_everybody_in(live: LocalClerk) -> None:
    """Row 25: a lifespan that was forgotten is an error of the server's, for guests as well."""
    for path in ("/session", "/optional", "/any"):
        app = application(Clerk(**live.settings()))
        transport = httpx.ASGITransport(app)  # without its lifespan
        async with httpx.AsyncClient(transport=transport) as client:
            with pytest.raises(ConfigurationError, match="lifespan"):
                await client.get(ORIGIN + path)


async def test_token_that_nobody_could_ask_about_was_accepted(
    live: LocalClerk, ada: Session
) -> None:
    """Row 25: opaque tokens need a secret key; with a PEM alone they are an error, not a yes."""
    settings: Any = live.settings() | {"jwt_key": live.jwt_key}
    del settings["secret_key"]
    clerk = Clerk(**settings)
    assert (await ask(clerk, headers=bearer(live.token(ada)))).status_code == 200
    key = live.create_api_key(ada.user)
    with pytest.raises(ConfigurationError, match="CLERK_SECRET_KEY"):
        await ask(clerk, "/any", headers=live.bearer(key))
    assert code(await ask(clerk, headers=live.bearer(key))) == "token-invalid"
    assert code(await ask(clerk, headers=jar({"__session": key.token, "__client_uat": "1"})))
    assert live.requests == []
