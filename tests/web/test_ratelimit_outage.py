"""While nobody can know how often somebody has asked, the operator has decided what is done."""

import logging
from typing import Any

import pytest

from clerk_fastapi import Clerk, RateLimit
from clerk_fastapi.testing import LocalClerk
from tests.backend.clock import Clock
from tests.web.conftest import Headers
from tests.web.limiting import FailingStore, limited, told
from tests.web.serving import running

pytestmark = pytest.mark.anyio


@pytest.fixture
def store() -> FailingStore:
    """A store that can be away."""
    return FailingStore()


@pytest.fixture
def clerk(local: LocalClerk, store: FailingStore) -> Clerk[Any]:
    """A Clerk with that store."""
    return Clerk(**local.settings(), store=store)


async def test_limit_refuses_by_default(clerk: Clerk, store: FailingStore, ada: Headers) -> None:
    """503 with Retry-After, and everything as before when the store is back."""
    async with running(limited(clerk, RateLimit(2, per=60))) as client:
        await client.get("/", headers=ada)
        store.is_away = True
        refused = await client.get("/", headers=ada)
        store.is_away = False
        found = [(await client.get("/", headers=ada)).status_code for _ in range(2)]
    assert refused.status_code == 503
    assert refused.json()["detail"]["code"] == "store-unavailable"
    assert refused.headers["Retry-After"] == "1"
    assert told(refused) == {}
    assert found == [200, 429]


async def test_limit_that_allows_lets_all_pass(
    clerk: Clerk, store: FailingStore, ada: Headers, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so once, in the log, and nothing to clients."""
    app = limited(clerk, RateLimit(1, per=60, on_outage="allow", name="search"))
    async with running(app) as client:
        for _ in range(2):
            store.is_away = True
            with caplog.at_level(logging.WARNING, "clerk_fastapi"):
                found = [await client.get("/", headers=ada) for _ in range(3)]
            assert [answer.status_code for answer in found] == [200] * 3
            assert told(found[0]) == {}
            store.is_away = False
            await client.get("/", headers=ada)
        assert (await client.get("/", headers=ada)).status_code == 429
    assert [record.getMessage() for record in caplog.records] == [
        "no store to count with: <RateLimit 'search'> is not enforced"
    ] * 2


async def test_limit_that_counts_locally_goes_on_limiting(
    clerk: Clerk, store: FailingStore, clock: Clock, ada: Headers, bob: Headers
) -> None:
    """Each process for itself, and with the store again when it is back."""
    app = limited(clerk, RateLimit(1, per=10, on_outage="local"))
    found = []
    async with running(app) as client:
        for is_away, who in [
            *((False, ada), (True, ada), (True, ada), (True, bob), (True, bob)),
            *((False, ada), (False, bob)),
        ]:
            store.is_away = is_away
            found.append((await client.get("/", headers=who)).status_code)
        store.is_away = True
        clock.now += 10
        answer = await client.get("/", headers=ada)
    assert found == [200, 200, 429, 200, 429, 429, 200]
    assert answer.status_code == 200
    assert told(answer)["RateLimit-Remaining"] == "0"


async def test_another_limit_may_decide_otherwise(
    clerk: Clerk, store: FailingStore, ada: Headers
) -> None:
    """One that must hold, and one that is for comfort."""
    store.is_away = True
    comfort = RateLimit(1, per=60, on_outage="allow")
    async with running(limited(clerk, comfort)) as client:
        assert (await client.get("/", headers=ada)).status_code == 200
    async with running(limited(clerk, comfort, RateLimit(1, per=60))) as client:
        assert (await client.get("/", headers=ada)).status_code == 503
