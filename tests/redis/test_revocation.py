"""Two processes and a real Redis: what one revokes, the other refuses, whatever happens between."""

import re
from collections.abc import Iterator

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk
from clerk_fastapi.testing.records import Session
from tests.redis.workers import client, workers
from tests.redis_server import RedisServer

HEARTBEAT = {"xread", "eval", "get", "exists", "info", "quit"}


class Pair:
    """Two workers of one application, and the Clerk that they believe."""

    def __init__(self, here: httpx.Client, there: httpx.Client, local: LocalClerk) -> None:
        self.here, self.there, self.local = here, there, local
        self._user = local.add_user("ada@example.com")

    def sign_in(self) -> tuple[Session, dict[str, str]]:
        """A session, and a header with a token that is good for an hour."""
        session = self.local.sign_in(self._user)
        token = self.local.token(session, expires_in=3_600)
        return session, {"Authorization": f"Bearer {token}"}

    def until_refused(self, worker: httpx.Client, headers: dict[str, str]) -> None:
        """Ask until the answer is no; nothing else may come between."""
        for _ in range(20_000):
            answer = worker.get("/me", headers=headers)
            if answer.status_code == 401:
                assert answer.json()["detail"]["code"] == "session-ended"
                return
            assert answer.status_code in (200, 503)
        raise AssertionError("was never refused")

    def until_told(self, *, behind: bool) -> None:
        """Ask until both know that Redis is away, or back."""
        for worker in (self.here, self.there):
            for _ in range(20_000):
                if worker.get("/behind").json() is behind:
                    break
            else:
                raise AssertionError("was never told")


@pytest.fixture(params=["continue", "refuse"])
def pair(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[Pair]:
    """Two workers on one Redis."""
    local = LocalClerk()
    environment = {
        "CLERK_PUBLISHABLE_KEY": local.publishable_key,
        "CLERK_JWT_KEY": local.jwt_key,
        "REDIS_URL": redis_server.url,
        "ON_OUTAGE": request.param,
    }
    application = "tests.redis.application:app"
    with workers(application, 2, environment) as urls:
        here, there = map(client, urls)
        with here, there:
            yield Pair(here, there, local)


def calls(server: RedisServer) -> dict[str, int]:
    """How often each command was called."""
    said = server.command("INFO", "commandstats").decode()
    return {name: int(count) for name, count in re.findall(r"cmdstat_([^:]+):calls=(\d+)", said)}


def test_revoked_here_is_refused_there(pair: Pair) -> None:
    """Though the token is good for an hour; others are not touched."""
    (session, headers), (_, others) = pair.sign_in(), pair.sign_in()
    for worker in (pair.here, pair.there):
        assert worker.get("/me", headers=headers).status_code == 200
    assert pair.here.post(f"/ended/{session.id}").json() is True
    assert pair.here.get("/me", headers=headers).status_code == 401
    pair.until_refused(pair.there, headers)
    assert pair.there.get("/me", headers=others).status_code == 200


def test_requests_ask_redis_nothing(pair: Pair, redis_server: RedisServer) -> None:
    """What it does meanwhile is the heartbeat of two workers, twice a second."""
    _, headers = pair.sign_in()
    pair.here.get("/me", headers=headers)
    pair.there.get("/me", headers=headers)
    before = calls(redis_server)
    for _ in range(60):
        for worker in (pair.here, pair.there):
            assert worker.get("/me", headers=headers).status_code == 200
    after = calls(redis_server)
    asked = {name: count - before.get(name, 0) for name, count in after.items()}
    asked = {name: count for name, count in asked.items() if count}
    assert asked.keys() <= HEARTBEAT
    # Listening asks each of them once at a time, however slow this machine is.
    counts = [asked.get(name, 0) for name in HEARTBEAT - {"quit"}]
    assert max(counts) - min(counts) < 60, asked


@pytest.mark.parametrize("with_its_data", [True, False], ids=["with data", "empty"])
def test_nothing_is_missed_in_an_outage(
    pair: Pair, redis_server: RedisServer, with_its_data: bool, request: pytest.FixtureRequest
) -> None:
    """Redis dies, each worker revokes a session, Redis is started again."""
    sessions = [pair.sign_in() for _ in range(3)]
    (before, _), (one, one_headers), (other, _) = sessions
    assert pair.here.post(f"/ended/{before.id}").json() is True
    redis_server.kill()
    pair.until_told(behind=True)
    answer = pair.there.get("/me", headers=one_headers)
    refuses = "refuse" in request.node.callspec.id
    assert answer.status_code == (503 if refuses else 200)
    assert pair.here.post(f"/ended/{one.id}").json() is False
    assert pair.there.post(f"/ended/{other.id}").json() is False
    if not with_its_data:
        redis_server.forget()
    redis_server.start()
    for worker in (pair.here, pair.there):
        for _, headers in sessions:
            pair.until_refused(worker, headers)
    pair.until_told(behind=False)
    assert pair.there.get("/me", headers=pair.sign_in()[1]).status_code == 200
