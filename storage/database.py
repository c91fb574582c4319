"""The connection to SQL: transactions, migrations, errors without parameters.

Knows nothing of tables. SQLite is one writer at a time: writes take a lock here
first, in order of asking, and then `BEGIN IMMEDIATE`, so that none fails half-way.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.schema import Table

Transaction = AsyncConnection
MIGRATIONS = Path(__file__).with_name("migrations")
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg",
           "postgres": "postgresql+psycopg"}  # fmt: skip


class StorageError(Exception):
    """The database cannot be used; the message says what to do, without secrets."""


class Database:
    """One database and its connections.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`; a driver may be
            named, otherwise the asynchronous one of this project is taken.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise StorageError(
                "PICA_DATABASE_URL is no database address; for example "
                "sqlite:////var/lib/pica/pica.db or postgresql://user:password@host/pica"
            ) from None
        name = parsed.get_backend_name()
        if name not in DRIVERS:
            raise StorageError(
                f"PICA_DATABASE_URL: {name} is not supported; use sqlite or postgresql"
            )
        self.dialect = "sqlite" if name == "sqlite" else "postgresql"
        self.url = parsed.set(drivername=DRIVERS[name])
        self._engine = self._create_engine()
        self._write_lock = asyncio.Lock()

    def _create_engine(self) -> AsyncEngine:
        if self.dialect == "sqlite":
            if self.url.database:
                Path(self.url.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_async_engine(self.url, hide_parameters=True, pool_size=5)
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
            return engine
        return create_async_engine(
            self.url, hide_parameters=True, pool_size=10, max_overflow=5, pool_pre_ping=True
        )

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits at the end and rolls back on an error."""
        lock = self._write_lock if self.dialect == "sqlite" else contextlib.nullcontext()
        async with lock, self._engine.begin() as transaction:
            yield transaction

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a transaction for reading only; never waits for a writer on SQLite."""
        async with self._engine.connect() as connection:
            await connection.execution_options(pica_read=True)
            yield connection

    async def upgrade(self) -> None:
        """Bring the schema to the newest version.

        Raises:
            StorageError: the server is not reachable, or refuses.
        """
        try:
            async with self.begin() as transaction:
                if self.dialect == "postgresql":  # two services may start at once
                    await transaction.execute(text("SELECT pg_advisory_xact_lock(7422)"))
                await transaction.run_sync(_upgrade)
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(
                f"The database does not answer ({type(error).__name__}). Check "
                "PICA_DATABASE_URL, that the server runs, and that the disk is writable."
            ) from error

    async def ping(self) -> None:
        """Raise SQLAlchemyError or OSError where the database does not answer."""
        async with self.read() as transaction:
            await transaction.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def insert_ignore(transaction: Transaction, table: Table) -> Insert:
    """An INSERT that does nothing where the row's key exists already."""
    if transaction.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own transactions are switched off: `_begin_sqlite` opens them.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # an update is confirmed to Telegram after the commit
        "foreign_keys=ON",
        "busy_timeout=10000",
        "secure_delete=ON",  # erased words do not stay in free pages
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get("pica_read", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
