"""Lists of Clerk's, a page at a time or all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from typing import Any, Final, Generic, NamedTuple, TypeVar

from clerk_fastapi.errors import BackendError, ConfigurationError
from clerk_fastapi.protocol.resource import Resource

__all__ = ["LONGEST_PAGE", "Listing", "Page", "Part"]

ResourceT = TypeVar("ResourceT", bound=Resource)

LONGEST_PAGE: Final = 500
_MOST_PAGES: Final = 1_000
_REPEATED: Final = 3


class Page(NamedTuple, Generic[ResourceT]):
    """A part of a list; ``next_offset`` is where the next one begins, ``None`` if it is the last.

    It is the last if it is shorter than what was asked for, or ends where Clerk says that the list
    does; of sessions Clerk does not say it.
    """

    items: tuple[ResourceT, ...]
    next_offset: int | None


class Part(NamedTuple, Generic[ResourceT]):
    """What Clerk answers: items, and how many there are in all, if it says so."""

    items: Iterable[ResourceT]
    total: int | None = None


class Listing(Generic[ResourceT]):
    """A list that is asked for as it is needed.

    ``await listing`` fetches one :class:`Page`; ``async for item in listing`` goes through it and
    all pages after it.

    :param fetch: asks for a part: at most so many, after so many.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], Awaitable[Part[ResourceT]]],
        *,
        limit: int,
        offset: int,
    ) -> None:
        if type(limit) is not int or not 0 < limit <= LONGEST_PAGE:
            raise ConfigurationError(f"limit is a whole number from 1 to {LONGEST_PAGE}.")
        if type(offset) is not int or offset < 0:
            raise ConfigurationError("offset is a whole number, zero or more.")
        self._fetch = fetch
        self._limit = limit
        self._offset = offset

    def __await__(self) -> Generator[Any, None, Page[ResourceT]]:
        return self._page(self._offset).__await__()

    async def __aiter__(self) -> AsyncIterator[ResourceT]:
        seen: set[object] = set()
        first: list[object] = []
        offset, repeated = self._offset, 0
        for _ in range(_MOST_PAGES):
            page = await self._page(offset)
            ids = [_id(item) for item in page.items]
            first = first or ids
            # Lists move while they are read, so that an item, or a whole page, may come twice.
            for item in page.items:
                if _id(item) not in seen:
                    seen.add(_id(item))
                    yield item
            # But if it is the first page again and again, nobody looks at the offset.
            repeated = repeated + 1 if ids == first else 0
            if page.next_offset is None or repeated > _REPEATED:
                return
            offset = page.next_offset
        raise BackendError("A list of Clerk's does not come to an end.")

    async def _page(self, offset: int) -> Page[ResourceT]:
        part = await self._fetch(self._limit, offset)
        items = tuple(part.items)
        end = offset + len(items)
        is_last = len(items) < self._limit or end == part.total
        return Page(items, None if is_last else end)


def _id(item: Resource) -> object:
    return getattr(item, "id", None)
