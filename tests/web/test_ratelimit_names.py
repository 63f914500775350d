"""What limits are called in the store: the same in every worker, and like no other."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI

from clerk_fastapi import Clerk, ClerkMiddleware, RateLimit
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.store import Hit
from tests.web.conftest import Headers
from tests.web.limiting import limited
from tests.web.serving import running

pytestmark = pytest.mark.anyio

Make = Callable[[Clerk[Any]], FastAPI]


class NotingStore(MemoryStore):
    """A store that notes under which keys it counts."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    async def hit(self, key: str, *, limit: int, seconds: int) -> Hit:
        """Count, and note it."""
        self.keys.append(key)
        return await super().hit(key, limit=limit, seconds=seconds)


@pytest.fixture
def store() -> NotingStore:
    """What the clerk counts in."""
    return NotingStore()


@pytest.fixture
def clerk(local: Any, store: NotingStore) -> Clerk[Any]:
    """A Clerk with that store."""
    return Clerk(**local.settings(), store=store)


def in_a_loop(clerk: Clerk[Any]) -> FastAPI:
    """Limits from one line: at routes, at a router, and in the middleware of three applications."""
    app = FastAPI(lifespan=clerk.lifespan)
    limits = [RateLimit(9, per=60) for _ in range(6)]
    app.add_middleware(ClerkMiddleware, rate_limits=[limits[2], limits[3].on("/c")])
    router = APIRouter(dependencies=[Depends(limits[1])])
    for path in ("/a", "/b"):
        app.get(path, dependencies=[Depends(limits[0])])(lambda: "page")
    router.get("/c")(lambda: "page")
    app.include_router(router)
    for path, limit in (("/d", limits[4]), ("/e", limits[5])):
        inner = FastAPI()
        inner.add_middleware(ClerkMiddleware, rate_limits=[limit])
        inner.get("/")(lambda: "page")
        app.mount(path, inner)
    return app


async def keys(app: FastAPI, store: NotingStore, *paths: str) -> list[list[str]]:
    """The keys under which a request to each of several paths is counted."""
    found = []
    async with running(app) as client:
        for path in paths:
            store.keys.clear()
            assert (await client.get(path)).status_code == 200
            found.append(list(store.keys))
    return found


async def test_one_limit_counts_for_all_its_routes(clerk: Clerk, store: NotingStore) -> None:
    """And two limits apart, though they are made in the same line."""
    a, b, c = await keys(in_a_loop(clerk), store, "/a", "/b", "/c")
    assert a == b
    assert len({*a, *c}) == 4
    assert len(set(a) & set(c)) == 1


async def test_every_worker_finds_the_same_names(local: Any) -> None:
    """In whatever order requests come, and however many applications a process has made."""
    found = []
    for paths in (["/a", "/b", "/c", "/d/", "/e/"], ["/e/", "/d/", "/c", "/b", "/a"]):
        store = NotingStore()
        app = in_a_loop(Clerk(**local.settings(), store=store))
        found.append(dict(zip(paths, await keys(app, store, *paths), strict=True)))
    assert found[0] == found[1]


async def test_limits_of_one_name_count_together(clerk: Clerk, store: NotingStore) -> None:
    """Across applications and lines, as whoever names them wants it."""
    first = limited(clerk, RateLimit(9, per=60, name="search"))
    ((here,),) = await keys(first, store, "/")
    second = limited(clerk, RateLimit(9, per=60, name="search"))
    ((there,),) = await keys(second, store, "/")
    assert here == there


async def test_names_are_apart_whatever_is_counted(clerk: Clerk, store: NotingStore) -> None:
    """No end of a name is taken for the beginning of what is counted by."""
    limits = [
        RateLimit(1, per=60, name="a", by=lambda _: "keyb"),
        RateLimit(1, per=60, name="akey", by=lambda _: "b"),
    ]
    (found,) = await keys(limited(clerk, *limits), store, "/")
    assert len(set(found)) == 2


async def test_no_name_is_that_of_a_limit_without(clerk: Clerk, store: NotingStore) -> None:
    """Whatever somebody calls theirs."""
    ((made,),) = await keys(limited(clerk, RateLimit(9, per=60)), store, "/")
    name = made.partition("\n")[0]
    ((named,),) = await keys(limited(clerk, RateLimit(9, per=60, name=name)), store, "/")
    assert made.startswith("made at ")
    assert named.partition("\n")[0] != name


async def test_late_route_gets_a_name_of_its_own(clerk: Clerk, store: NotingStore) -> None:
    """Its limit may come from a line that has made others."""
    app = FastAPI(lifespan=clerk.lifespan)
    limits = [RateLimit(9, per=60) for _ in range(2)]
    app.get("/a", dependencies=[Depends(limits[0])])(lambda: "page")
    ((early,),) = await keys(app, store, "/a")
    app.get("/b", dependencies=[Depends(limits[1])])(lambda: "page")
    (again,), (late,) = await keys(app, store, "/a", "/b")
    assert early == again != late


async def test_limits_of_what_is_mounted_have_names(clerk: Clerk, store: NotingStore) -> None:
    """They are walked to wherever they are."""
    app, inner = FastAPI(lifespan=clerk.lifespan), FastAPI()
    limits = [RateLimit(9, per=60) for _ in range(2)]
    inner.add_middleware(ClerkMiddleware, rate_limits=[limits[1]])
    inner.get("/a", dependencies=[Depends(limits[0])])(lambda: "page")
    app.mount("/inner", inner)
    (found,) = await keys(app, store, "/inner/a")
    assert len(set(found)) == 2


async def test_two_clerks_count_apart(local: Any, other: Any, ada: Headers) -> None:
    """What they share is the limit, not the store."""
    limit = RateLimit(1, per=60, by="address")
    for instance in (local, other):
        async with running(limited(Clerk(**instance.settings()), limit)) as client:
            assert (await client.get("/")).status_code == 200
            assert (await client.get("/")).status_code == 429
