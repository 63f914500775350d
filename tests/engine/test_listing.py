"""Lists that move, repeat themselves or never end are gone through all the same."""

from collections.abc import Iterable

import pytest

from clerk_fastapi.engine.listing import Listing, Part
from clerk_fastapi.errors import BackendError
from clerk_fastapi.protocol.resource import Resource

pytestmark = pytest.mark.anyio


class Thing(Resource):
    """Something with an id."""

    id: int


def things(*ids: int) -> list[Thing]:
    """Several."""
    return [Thing(id=id) for id in ids]


async def ids_of(pages: Iterable[list[Thing]], limit: int = 2) -> list[int]:
    """What comes out if Clerk gives one page after the other."""
    left = iter(pages)

    async def fetch(limit: int, offset: int) -> Part[Thing]:
        return Part(next(left))

    return [thing.id async for thing in Listing(fetch, limit=limit, offset=0)]


async def test_item_that_moved_to_the_next_page_comes_once() -> None:
    """Something was added in front meanwhile."""
    assert await ids_of([things(5, 4), things(4, 3), things(2)]) == [5, 4, 3, 2]


async def test_list_that_repeats_itself_ends() -> None:
    """An offset that nobody looks at makes every page the first, again and again."""
    assert await ids_of([things(5, 4)] * 4) == [5, 4]


async def test_page_that_moved_as_a_whole_ends_nothing() -> None:
    """As many were added in front meanwhile as a page has; once it even is the first one again."""
    moved = [things(5), things(5), things(4), things(4), things(5), things(3), []]
    assert await ids_of(moved, limit=1) == [5, 4, 3]
    assert await ids_of([things(6, 5), things(6, 5), things(4, 3), []]) == [6, 5, 4, 3]


async def test_empty_list_has_nothing() -> None:
    """Nor a second page."""
    assert await ids_of([[]]) == []


async def test_list_that_never_ends_is_an_error() -> None:
    """After a thousand pages."""
    with pytest.raises(BackendError, match="end"):
        await ids_of(things(2 * number, 2 * number + 1) for number in range(1_001))


async def test_full_page_is_the_last_if_the_list_ends_there() -> None:
    """Where Clerk says how long it is; otherwise the next page may be empty."""

    async def fetch(limit: int, offset: int) -> Part[Thing]:
        return Part(things(2, 1), total=total)

    ends: dict[int | None, int | None] = {}
    for total in (None, 3, 2):
        ends[total] = (await Listing(fetch, limit=2, offset=0)).next_offset
    assert ends == {None: 2, 3: 2, 2: None}
