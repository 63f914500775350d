"""Two processes and a real Redis: they count together, exactly, and as told without it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

import httpx
import pytest

from clerk_fastapi.testing import LocalClerk
from tests.redis.workers import client, workers
from tests.redis_server import RedisServer

Headers = dict[str, str]


class Pair:
    """Two workers of one application, and two users."""

    def __init__(self, both: list[httpx.Client], local: LocalClerk) -> None:
        self.both = both
        self.ada, self.bob = (self._sign_in(local, name) for name in ("ada", "bob"))

    @staticmethod
    def _sign_in(local: LocalClerk, name: str) -> Headers:
        session = local.sign_in(local.add_user(f"{name}@example.com"))
        return {"Authorization": f"Bearer {local.token(session, expires_in=3_600)}"}

    def ask(self, path: str, headers: Headers, times: int) -> list[httpx.Response]:
        """Ask both workers in turns, in many threads, all at once."""
        turns = [worker for worker, _ in zip(cycle(self.both), range(times), strict=False)]
        with ThreadPoolExecutor(16) as threads:
            return list(threads.map(lambda worker: worker.get(path, headers=headers), turns))

    def statuses(self, path: str, times: int) -> list[list[int]]:
        """What each worker answers Ada, one request after the other."""
        return [
            [worker.get(path, headers=self.ada).status_code for _ in range(times)]
            for worker in self.both
        ]

    def until_back(self) -> None:
        """Ask until both workers count again."""
        for worker in self.both:
            for _ in range(20_000):
                if worker.get("/refuse", headers=self.ada).status_code != 503:
                    break
            else:
                raise AssertionError("never counted again")


@pytest.fixture
def pair(redis_server: RedisServer, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two workers on one Redis, which do not wait long for one that is frozen."""
    local = LocalClerk()
    environment = {
        "CLERK_PUBLISHABLE_KEY": local.publishable_key,
        "CLERK_JWT_KEY": local.jwt_key,
        "REDIS_URL": redis_server.url,
        "PATIENCE": "2" if "freeze" in request.node.name else "60",
    }
    with (
        workers("tests.redis.limited:app", 2, environment) as urls,
        client(urls[0]) as here,
        client(urls[1]) as there,
    ):
        yield Pair([here, there], local)


def test_ten_pass_and_no_more(pair: Pair) -> None:
    """However many ask at once; each is told another number, and others are not affected."""
    answers = pair.ask("/hour", pair.ada, 80)
    passed = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(passed), len(refused)) == (10, 70)
    assert sorted(answer.headers["RateLimit-Remaining"] for answer in passed) == list("0123456789")
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"10"}
    assert {answer.headers["RateLimit-Remaining"] for answer in refused} == {"0"}
    for answer in refused:
        wait = answer.headers["Retry-After"]
        assert 3_000 < int(wait) <= 3_600
        assert answer.headers["RateLimit"] == f'"10 per 3600 s by user";r=0;t={wait}'
        assert answer.headers["RateLimit-Policy"] == '"10 per 3600 s by user";q=10;w=3600'
    assert [each.status_code for each in pair.ask("/hour", pair.bob, 2)] == [200, 200]


def test_ten_pass_in_any_window(pair: Pair) -> None:
    """Asked without a pause: by the clocks of the servers no second has eleven."""
    passed: list[tuple[float, float]] = []
    while len(passed) < 35:
        answers = pair.ask("/second", pair.ada, 64)
        assert {answer.status_code for answer in answers} <= {200, 429}
        passed += [answer.json() for answer in answers if answer.status_code == 200]
    passed.sort()
    # Decided was between coming and being handled: at the least so long apart.
    eleven = [passed[at : at + 11] for at in range(len(passed) - 10)]
    spans = [max(handled for _, handled in some) - some[0][0] for some in eleven]
    assert min(spans) > 1


@pytest.mark.parametrize("lose", [RedisServer.kill, RedisServer.freeze])
def test_without_redis_each_limit_does_as_it_was_told(
    pair: Pair, redis_server: RedisServer, lose: Callable[[RedisServer], None]
) -> None:
    """Refused, allowed, or counted by each worker; and together again when Redis is back."""
    paths = ("/refuse", "/allow", "/local")
    for path in paths:
        assert pair.statuses(path, 2) == [[200, 200], [200, 429]]
    lose(redis_server)
    assert pair.statuses("/refuse", 2) == [[503, 503]] * 2
    assert pair.statuses("/allow", 4) == [[200] * 4] * 2
    assert pair.statuses("/local", 4) == [[200, 200, 200, 429]] * 2
    if lose is RedisServer.kill:
        redis_server.start()
    else:
        redis_server.thaw()
    pair.until_back()
    for path in paths:
        assert (path, pair.statuses(path, 1)) == (path, [[429]] * 2)
