"""What endpoints ask for besides the signed-in user: Clerk, the database, the time, pages."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from clerk_fastapi import Clerk
from example_app.database import Database
from example_app.hub import Hub
from example_app.markup import Pages
from example_app.models import Claims

Errands = Callable[[], list[str]]
"""Tells what Clerk was asked since somebody last wanted to know."""


async def _clerk(connection: HTTPConnection) -> Clerk[Claims]:
    clerk: Clerk[Claims] = connection.state.clerk
    return clerk


async def _database(connection: HTTPConnection) -> Database:
    database: Database = connection.app.state.database
    return database


async def _hub(connection: HTTPConnection) -> Hub:
    hub: Hub = connection.app.state.hub
    return hub


async def _now(connection: HTTPConnection) -> int:
    return int(connection.app.state.clock())


async def _pages(connection: HTTPConnection) -> Pages:
    pages: Pages = connection.app.state.pages
    return pages


async def _errands(connection: HTTPConnection) -> Errands:
    errands: Errands = connection.app.state.errands
    return errands


ClerkDep = Annotated[Clerk[Claims], Depends(_clerk)]
"""The running Clerk, which its lifespan has put there."""

DatabaseDep = Annotated[Database, Depends(_database)]
"""The application's database."""

HubDep = Annotated[Hub, Depends(_hub)]
"""Where changes are announced."""

NowDep = Annotated[int, Depends(_now)]
"""Seconds since the epoch, by the application's clock."""

PagesDep = Annotated[Pages, Depends(_pages)]
"""The pages that browsers are shown."""

ErrandsDep = Annotated[Errands, Depends(_errands)]
"""What Clerk was asked lately, if it is the embedded one."""
