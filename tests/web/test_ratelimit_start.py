"""Rate limits that nobody could count stop the start-up, and not the first request."""

import sys
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

from clerk_fastapi import Clerk, ClerkMiddleware, ConfigurationError, MemoryStore, RateLimit
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.testing import LocalClerk
from tests.redis_server import RedisServer
from tests.web.conftest import Headers
from tests.web.limiting import asked, limited
from tests.web.serving import running

pytestmark = pytest.mark.anyio

LIMIT = RateLimit(9, per=60, on_outage="allow")


@pytest.fixture
def without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``pip install "clerk-fastapi[redis]"`` leaves out."""
    monkeypatch.setitem(sys.modules, "limits.aio.storage.redis.bridge", None)


def in_redis(local: LocalClerk, url: str = "redis://127.0.0.1:1/0") -> Clerk[Any]:
    """A Clerk with a store that needs the extra."""
    return Clerk(**local.settings(), store=RedisStore(url))


async def inner(limit: Annotated[None, Depends(LIMIT)]) -> None:
    """A dependency with a limit inside."""


def guard(app: FastAPI) -> None:
    """A limit of a route."""
    app.get("/a", dependencies=[Depends(LIMIT)])(lambda: None)


def below_a_dependency(app: FastAPI) -> None:
    """A limit that another dependency depends on."""
    app.get("/a", dependencies=[Depends(inner)])(lambda: None)


def rule(app: FastAPI) -> None:
    """A limit of certain routes."""
    app.get("/a")(lambda: None)
    app.add_middleware(ClerkMiddleware, rate_limits=[LIMIT.on("/a")])


def of_all(app: FastAPI) -> None:
    """A limit of all routes."""
    app.add_middleware(ClerkMiddleware, rate_limits=(LIMIT,))


def mounted(app: FastAPI) -> None:
    """A limit of an application that is mounted."""
    there = FastAPI()
    guard(there)
    app.mount("/there", there)


def mounted_rule(app: FastAPI) -> None:
    """A rule of an application that is mounted."""
    there = FastAPI()
    of_all(there)
    app.mount("/there", there)


Add = Callable[[FastAPI], None]


@pytest.mark.parametrize("add", [guard, below_a_dependency, rule, of_all, mounted, mounted_rule])
@pytest.mark.usefixtures("without_extra")
async def test_missing_extra_stops_the_start_up(local: LocalClerk, add: Add) -> None:
    """Wherever the limit is; nobody is left to find out by a 500."""
    app = FastAPI(lifespan=in_redis(local).lifespan)
    add(app)
    with pytest.raises(ConfigurationError, match=r'pip install "clerk-fastapi\[ratelimit\]"'):
        async with running(app):
            pass


@pytest.mark.usefixtures("without_extra")
async def test_memory_needs_no_extra(local: LocalClerk, ada: Headers) -> None:
    """Limits of one process are counted by ourselves."""
    clerk = Clerk(**local.settings(), store=MemoryStore())
    (answer,) = await asked(limited(clerk, LIMIT), [ada])
    assert answer.status_code == 200


@pytest.mark.usefixtures("without_extra")
async def test_without_limits_the_extra_is_not_missed(
    local: LocalClerk, ada: Headers, redis_server: RedisServer
) -> None:
    """Revocations and webhooks in Redis do without; so does somebody else's middleware."""
    app = limited(in_redis(local, redis_server.url))
    app.add_middleware(Foreign, rate_limits=7)
    app.add_middleware(ClerkMiddleware)
    (answer,) = await asked(app, [ada])
    assert answer.status_code == 200


class Foreign:
    """A middleware with an argument that has the name of ours."""

    def __init__(self, app: Any, rate_limits: object) -> None:
        self.app = app

    async def __call__(self, *message: Any) -> None:
        """Pass everything on."""
        await self.app(*message)


async def test_arguments_of_other_middleware_are_none_of_ours(clerk: Clerk, ada: Headers) -> None:
    """Limits get their names without them."""
    app = limited(clerk, LIMIT)
    app.add_middleware(Foreign, rate_limits=None)
    (answer,) = await asked(app, [ada])
    assert answer.status_code == 200
