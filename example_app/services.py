"""What endpoints ask for besides the signed-in user: the database, the hub, the time."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from example_app.database import Database
from example_app.hub import Hub


async def _database(connection: HTTPConnection) -> Database:
    database: Database = connection.app.state.database
    return database


async def _hub(connection: HTTPConnection) -> Hub:
    hub: Hub = connection.app.state.hub
    return hub


async def _now(connection: HTTPConnection) -> int:
    return int(connection.app.state.clock())


DatabaseDep = Annotated[Database, Depends(_database)]
"""The application's database."""

HubDep = Annotated[Hub, Depends(_hub)]
"""Where changes are announced."""

NowDep = Annotated[int, Depends(_now)]
"""Seconds since the epoch, by the application's clock."""
