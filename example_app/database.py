"""One engine, two kinds of transaction: reading and writing."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session

from example_app.models import Base


class Database:
    """Every endpoint opens its transaction in its own thread and commits before it answers.

    A session that came in as a dependency would be committed after the response was sent, and be
    closed in another thread: "201 Created" could be a lie, and a busy server could deadlock.
    """

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url)
        self._writer = self.engine
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _configure_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
            self._writer = self.engine.execution_options(begin="BEGIN IMMEDIATE")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that only looks."""
        with Session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed as a whole, or not at all."""
        with Session(self._writer) as session, session.begin():
            yield session

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Make missing tables when the application starts, close the connections when it ends."""
        await asyncio.to_thread(self._create_tables)
        try:
            yield
        finally:
            await asyncio.to_thread(self.engine.dispose)

    def _create_tables(self) -> None:
        with self.writing() as session:
            Base.metadata.create_all(session.connection())


def _configure_sqlite(connection: DBAPIConnection, _: Any) -> None:
    # The driver opens transactions late and on its own; SQLAlchemy says BEGIN itself, just below.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 15000")  # a writer waits for its turn: 15 seconds
    # With a write-ahead log readers and the one writer do not wait for each other. The file keeps
    # this; if it is locked, another process is saying the same at this moment.
    with suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer takes the write lock at once. One that reads first and writes later is told "database
    # is locked" if another has written in between, however long it was ready to wait.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
