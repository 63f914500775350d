"""Rate limits count exactly, in this process and in Redis alike, whoever asks and whenever."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi.errors import StoreUnavailable
from clerk_fastapi.stores.memory import MemoryStore
from clerk_fastapi.stores.redis import RedisStore
from clerk_fastapi.stores.store import Hit, Store
from clerk_fastapi.stores.windows import MemoryWindows
from tests.engine.clock import Clock
from tests.redis_server import RedisServer
from tests.stores.conftest import World

pytestmark = pytest.mark.anyio

# What was counted is moved into the past instead, and so is its expiry.
AGE = """
for _, key in ipairs(redis.call('KEYS', '*:limits:*')) do
  for at = 0, redis.call('LLEN', key) - 1 do
    local counted = tonumber(redis.call('LINDEX', key, at))
    redis.call('LSET', key, at, string.format('%.6f', counted - ARGV[1]))
  end
  local left = math.floor(redis.call('PTTL', key) - ARGV[1] * 1000)
  redis.call('PEXPIRE', key, math.max(left, 1))
end
"""
AWKWARD = [
    *("", " ", "a", "A", "a:b", "a/b", "a//b", "a/b/", ":", "/", "1", "1/1", "1/1/a", "10/10/a"),
    *(
        "a\nb",
        "a\x00b",
        "ä",
        "a\u0308",
        "😀",
        "\ud800",
        "user_1",
        "user_1 ",
        "*",
        "{a}",
        "a" * 200_000,
    ),
]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each of those that were counted would have had to wait, if a window lasted longer.

    By a thousand seconds, in which the test itself takes no time.
    """
    waits: list[float] = []

    async def note(early: float) -> None:
        waits.append(early)

    monkeypatch.setattr("clerk_fastapi.stores.windows._LONGER", 1_000.0)
    monkeypatch.setattr("clerk_fastapi.stores.windows._wait", note)
    return waits


@pytest.fixture
def pass_time(world: World, request: pytest.FixtureRequest) -> Callable[[float], None]:
    """Let time pass for what was counted, wherever that is."""
    if isinstance(world.here.store, MemoryStore):
        return world.pass_time
    server: RedisServer = request.getfixturevalue("redis_server")

    def age(seconds: float) -> None:
        assert server.command("EVAL", AGE, "0", str(seconds)).startswith(b"$-1")

    return age


async def allowed(store: Store, key: str, *, limit: int, seconds: int) -> bool:
    """Whether one more request is."""
    return (await store.hit(key, limit=limit, seconds=seconds)).is_allowed


def counted(windows: MemoryWindows, key: str, *, limit: int, seconds: int) -> Hit:
    """Count one more request, and let nobody wait."""
    hit, _ = windows.count(key, limit=limit, seconds=seconds)
    return hit


async def test_so_many_are_allowed_and_no_more(world: World) -> None:
    """Both workers count in one window, and each hit tells how many are left."""
    found = [
        await worker.store.hit("ada", limit=4, seconds=3_600)
        for worker in (world.here, world.there) * 3
    ]
    assert [hit.is_allowed for hit in found] == [True] * 4 + [False] * 2
    assert [hit.remaining for hit in found] == [3, 2, 1, 0, 0, 0]


async def test_those_who_ask_at_once_get_as_many(world: World) -> None:
    """There is no moment between looking and counting, and each is told another number."""
    workers = [world.here, world.there] * 60
    found = await asyncio.gather(
        *(worker.store.hit("ada", limit=10, seconds=3_600) for worker in workers)
    )
    assert sorted(hit.remaining for hit in found if hit.is_allowed) == list(range(10))
    assert {hit.remaining for hit in found if not hit.is_allowed} == {0}


async def test_window_slides(world: World, pass_time: Callable[[float], None]) -> None:
    """As each of those that count is over there is room for one more, never for all at once."""
    store = world.here.store
    for wait, expected in [
        *((0, True), (400, True), (400, True), (0, False), (199, False)),
        *((2, True), (0, False), (398, False), (2, True), (0, False), (1_000, True)),
    ]:
        pass_time(100 * wait)  # what the test itself takes does not matter
        assert await allowed(store, "ada", limit=3, seconds=100_000) is expected


async def test_refused_requests_do_not_count(
    world: World, pass_time: Callable[[float], None]
) -> None:
    """Whoever goes on asking gets in as soon as everybody else."""
    store = world.here.store
    assert await allowed(store, "ada", limit=1, seconds=1_000)
    for _ in range(9):
        pass_time(110)
        assert not await allowed(store, "ada", limit=1, seconds=1_000)
    pass_time(11)
    assert await allowed(store, "ada", limit=1, seconds=1_000)


async def test_hit_tells_when_there_is_more_room(
    world: World, pass_time: Callable[[float], None]
) -> None:
    """That is when the oldest of those that count is over, and nobody has to wait any longer."""
    store = world.here.store
    first = await store.hit("ada", limit=2, seconds=1_000)
    pass_time(300)
    second = await store.hit("ada", limit=2, seconds=1_000)
    pass_time(300)
    refused = await store.hit("ada", limit=2, seconds=1_000)
    assert first.reset_after == pytest.approx(1_000, abs=20)
    assert second.reset_after == pytest.approx(700, abs=20)
    assert refused.reset_after == pytest.approx(400, abs=20)
    assert max(first.reset_after - 1_000, refused.reset_after - 400) <= 0
    pass_time(refused.reset_after)
    assert await allowed(store, "ada", limit=2, seconds=1_000)


async def test_whoever_comes_when_told_waits_for_the_end_of_the_window(
    world: World, pass_time: Callable[[float], None], waits: list[float]
) -> None:
    """It lasts longer than it is called, counts from when they were let in, and refuses nobody."""
    store = world.here.store
    expected = [
        *((0, True, 0), (300, True, 0), (99_600, False, 0), (200, True, 900), (0, False, 0)),
        *((400, True, 800), (100_400, False, 0), (200, True, 900), (150_000, True, 0)),
    ]
    for wait, is_allowed, early in expected:
        pass_time(wait)
        hit = await store.hit("ada", limit=2, seconds=100_000)
        assert hit.is_allowed is is_allowed
        assert waits.pop() == pytest.approx(early, abs=20)
        assert hit.reset_after <= 100_000
        assert hit.remaining in ({0, 1} if is_allowed else {0})


async def test_window_that_lasts_longer_than_it_is_called_is_kept_as_long(
    world: World, pass_time: Callable[[float], None], waits: list[float]
) -> None:
    """Those who come at once wait as long as each one before them has come later than the last."""
    store = world.here.store
    for _ in range(3):
        assert await allowed(store, "ada", limit=3, seconds=100_000)
        pass_time(200)
    pass_time(99_900)
    for early in (500, 700, 900):
        assert await allowed(store, "ada", limit=3, seconds=100_000)
        assert waits[-1] == pytest.approx(early, abs=20)
    assert not await allowed(store, "ada", limit=3, seconds=100_000)


async def test_keys_that_look_alike_are_apart(world: World) -> None:
    """Nobody can choose an id by which they count as somebody else, or as nobody."""
    first = [await allowed(world.here.store, key, limit=1, seconds=60) for key in AWKWARD]
    again = [await allowed(world.there.store, key, limit=1, seconds=60) for key in AWKWARD]
    assert set(first) == {True}
    assert set(again) == {False}


async def test_limits_with_other_numbers_are_apart(world: World) -> None:
    """Two limits of one key fill up each for itself."""
    store = world.here.store
    assert await allowed(store, "ada", limit=1, seconds=60)
    assert await allowed(store, "ada", limit=1, seconds=61)
    assert await allowed(store, "ada", limit=2, seconds=60)
    assert not await allowed(store, "ada", limit=1, seconds=60)
    assert await allowed(store, "ada", limit=11, seconds=11)
    assert await allowed(store, "1ada", limit=1, seconds=11)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 4_000), st.integers(0, 4), st.just(1_000), st.just(3_000)),
            st.sampled_from("ab"),
            st.sampled_from([(2, 10), (5, 30)]),
        ),
        max_size=80,
    )
)
def test_memory_counts_like_a_list_of_everything(
    steps: list[tuple[int, str, tuple[int, int]]],
) -> None:
    """In no window are there more than allowed, and nobody is refused while there are fewer."""
    clock, everything = Clock(), dict[tuple[str, int], list[float]]()
    windows = MemoryWindows(clock)
    for wait, key, (limit, seconds) in steps:
        clock.now += wait / 100
        past = everything.setdefault((key, seconds), [])
        within = [at for at in past if at > clock.now - seconds]
        hit, early = windows.count(key, limit=limit, seconds=seconds)
        assert hit.is_allowed is (len(within) < limit)
        assert 0 <= early <= 0.05001
        if hit.is_allowed:
            past.append(clock.now + early)
            within.append(clock.now + early)
        assert hit.remaining == limit - len(within)
        assert hit.reset_after == pytest.approx(min(within[0] + seconds - clock.now, seconds))
    for (_, seconds), past in everything.items():
        limit = {10: 2, 30: 5}[seconds]
        pairs = zip(past, past[limit:], strict=False)
        assert all(last - first > seconds + 0.0499 for first, last in pairs)


@given(st.tuples(st.text(), st.integers(1, 99), st.integers(1, 99)), st.data())
def test_memory_never_mistakes_one_window_for_another(
    first: tuple[str, int, int], data: st.DataObject
) -> None:
    """Whatever two keys and numbers are made of."""
    key, limit, seconds = first
    text = f"{key}/{limit}/{seconds}"
    other = data.draw(
        st.tuples(
            st.one_of(st.text(), st.sampled_from([key, text, text[1:], text[:-1]])),
            *(st.one_of(st.integers(1, 99), st.just(number)) for number in (limit, seconds)),
        ).filter(lambda found: found != first)
    )
    windows = MemoryWindows(Clock())
    counted(windows, key, limit=limit, seconds=seconds)
    assert counted(windows, other[0], limit=other[1], seconds=other[2]).remaining == other[1] - 1


def test_memory_is_bounded_by_what_counts() -> None:
    """However many ask once and never again, only those of the last window are kept."""
    clock = Clock()
    windows = MemoryWindows(clock)
    for number in range(50_000):
        clock.now += 0.01
        counted(windows, f"address {number}", limit=5, seconds=10)
        counted(windows, f"address {number}", limit=5, seconds=3)
        counted(windows, "always the same", limit=5, seconds=3)
    assert len(windows) <= 1_000 + 300 + 15
    clock.now += 3_600
    for _ in range(200):
        counted(windows, "ada", limit=1_000, seconds=60)
    assert len(windows) == 1


def test_memory_keeps_whoever_is_asked_for_again() -> None:
    """What stands at the front is what was counted in first, not what was seen first."""
    clock = Clock()
    windows = MemoryWindows(clock)
    for _ in range(10):
        assert counted(windows, "ada", limit=100, seconds=10).is_allowed
        counted(windows, "bob", limit=100, seconds=10)
        clock.now += 4
    assert counted(windows, "ada", limit=100, seconds=10).remaining == 97


def test_clock_that_was_set_back_keeps_no_windows() -> None:
    """They are over a window later, and not when the old time is reached again."""
    clock = Clock()
    windows = MemoryWindows(clock)
    for number in range(10):
        counted(windows, f"before {number}", limit=5, seconds=10)
    clock.now -= 3_600
    for number in range(1_000):
        clock.now += 1
        counted(windows, f"after {number}", limit=5, seconds=10)
        assert len(windows) <= 30


def test_clock_that_was_set_back_lets_nobody_wait_longer() -> None:
    """A window lasts as long as it lasts, whatever the clock said before."""
    clock = Clock()
    windows = MemoryWindows(clock)
    assert counted(windows, "ada", limit=1, seconds=10).is_allowed
    clock.now -= 3_600
    refused = counted(windows, "ada", limit=1, seconds=10)
    assert not refused.is_allowed
    assert refused.reset_after == 10
    clock.now += 10
    assert counted(windows, "ada", limit=1, seconds=10).is_allowed


@pytest.mark.parametrize("kind", ["memory", "redis"])
async def test_store_that_is_not_open_counts_nothing(kind: str) -> None:
    """Nobody is let in by a store that does not run."""
    store = MemoryStore() if kind == "memory" else RedisStore("redis://127.0.0.1:1/0")
    with pytest.raises(StoreUnavailable):
        await store.hit("ada", limit=1, seconds=60)
