"""The connection to SQL: transactions, migrations, errors without parameters.

A transaction carries the vault, because words are sealed and opened inside it. SQLite is one writer
at a time: writes take a lock here first, in order of asking, and then `BEGIN IMMEDIATE`, so that
none fails half-way.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncResult,
    create_async_engine,
)
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.schema import Table

from storage.database import private_files, schema_version, sqlite_driver
from storage.database.events import EventBus
from storage.database.vault import Vault

DRIVERS = {
    "sqlite": "sqlite+pica",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


# PostgreSQL: writers wait for one another's locks, and hold a connection meanwhile. They may not
# hold all of them, so that whoever only reads never stands behind writers.
WRITERS, READERS = 10, 10

sqlite_driver.register()

ResultRows = CursorResult[*tuple[Any, ...]]
Stream = AsyncResult[*tuple[Any, ...]]


class StorageError(Exception):
    """The database cannot be used; the message says what to do, without secrets."""


class Transaction:
    """An open transaction, and the vault that seals and opens words in it.

    Statements that every message needs are built once (`functools.cache`) and given their
    values here: building one costs about as much as running it.

    Attributes:
        dialect: `sqlite` or `postgresql`.
        fresh_keys: data keys made in this transaction, by owner; the vault may hold them
            only once they are committed.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[AsyncConnection]], vault: Vault, dialect: str
    ) -> None:
        self._connect = connect
        self._connection: AsyncConnection | None = None
        self.vault = vault
        self.dialect = dialect
        self.fresh_keys: dict[int, bytes] = {}
        self.events: list[object] = []

    def record(self, event: object) -> None:
        """Publish an event once this transaction has committed, and never if it does not."""
        self.events.append(event)

    async def execute(self, statement: Executable, rows: Any = None) -> ResultRows:
        """Run one statement."""
        return await (await self._connected()).execute(statement, rows)

    @contextlib.asynccontextmanager
    async def stream(self, statement: Executable) -> AsyncIterator[Stream]:
        """Read many rows a few at a time."""
        connection = await self._connected()
        async with connection.stream(statement.execution_options(yield_per=500)) as result:
            yield result

    async def run_sync(self, work: Callable[..., Any], *values: Any) -> Any:
        """Run synchronous work (migrations) on this connection."""
        return await (await self._connected()).run_sync(work, *values)

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await self._connect()
        return self._connection


class Database:
    """One database and its connections.

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`; a driver may be
            named, otherwise the asynchronous one of this project is taken.
        vault: the secret keys.

    Attributes:
        events: published after each commit.
    """

    def __init__(self, url: str, vault: Vault) -> None:
        self.vault = vault
        self.events = EventBus()
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
        self._writers = asyncio.Semaphore(WRITERS)
        self._reading: dict[str, Any] = {"pica_read": True}
        if self.dialect == "postgresql":  # each statement sees what is committed, as it does in a
            self._reading["isolation_level"] = "AUTOCOMMIT"  # transaction, for two trips less

    def _create_engine(self) -> AsyncEngine:
        if self.dialect == "sqlite":
            engine = create_async_engine(self.url, hide_parameters=True, pool_size=5)
            if self.files:
                private_files.make_folder(self.files[0].parent)
                event.listen(engine.sync_engine, "do_connect", self._ensure_file)
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
            return engine
        return create_async_engine(
            self.url,
            hide_parameters=True,
            pool_size=WRITERS + READERS,  # kept: to connect anew costs more than a statement
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"connect_timeout": 5},
        )

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of an SQLite database, whether they are there or not; a server has none."""
        name = self.url.database
        if self.dialect != "sqlite" or not name or name.startswith((":memory:", "file:")):
            return ()
        return tuple(Path(f"{name}{end}") for end in ("", "-wal", "-shm", "-journal"))

    def _ensure_file(self, *_connecting: Any) -> None:
        """Make the file before SQLite does, which would let the umask decide who may read it.

        SQLite gives its other files the rights of this one.
        """
        private_files.ensure(self.files[0])

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits at the end and rolls back on an error."""
        lock = self._write_lock if self.dialect == "sqlite" else self._writers
        async with lock, self._engine.begin() as connection:
            transaction = self._on(connection)
            yield transaction
        await self.events.publish(transaction.events)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a transaction for reading only; never waits for a writer on SQLite.

        The connection is made at the first statement: words whose key is open need none.
        """
        async with contextlib.AsyncExitStack() as stack:

            async def connect() -> AsyncConnection:
                connection = await stack.enter_async_context(self._engine.connect())
                return await connection.execution_options(**self._reading)

            yield Transaction(connect, self.vault, self.dialect)

    def _on(self, connection: AsyncConnection) -> Transaction:
        async def connected() -> AsyncConnection:
            return connection

        return Transaction(connected, self.vault, self.dialect)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Open a transaction that sees one instant of the whole database, for reading."""
        async with self._engine.connect() as connection:
            await connection.execution_options(pica_read=True)
            if self.dialect == "postgresql":
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield self._on(connection)

    async def version(self) -> str | None:
        """The version of the schema, or None where there is none yet.

        Raises:
            StorageError: the server is not reachable, or this is no database.
        """
        try:
            async with self.read() as transaction:
                found: str | None = await transaction.run_sync(schema_version.current)
        except (SQLAlchemyError, OSError) as error:
            raise _no_answer(error) from error
        return found

    async def upgrade(self, version: str = "head") -> None:
        """Bring the schema to a version; the newest, where none is named.

        Raises:
            StorageError: the server is not reachable, refuses, or a newer program made the
                schema.
        """
        try:
            async with self.begin() as transaction:
                if self.dialect == "postgresql":  # two services may start at once
                    await transaction.execute(text("SELECT pg_advisory_xact_lock(7422)"))
                moved = await transaction.run_sync(schema_version.migrate, self.vault, version)
        except schema_version.UnknownVersionError as error:
            raise StorageError(
                f"The schema's version {error} is of a newer PICA companion than this one "
                f"({schema_version.newest()}). Run the newer program."
            ) from None
        except (SQLAlchemyError, OSError) as error:
            raise _no_answer(error) from error
        if moved:
            await self._compact()

    async def create(self) -> str:
        """Make the schema where there is none, and leave an older one; return its version."""
        found = await self.version()
        if found is None:
            await self.upgrade()
        return found or schema_version.newest()

    async def _compact(self) -> None:
        """Write the file anew (SQLite), so that nothing that an upgrade sealed stays in clear."""
        if self.dialect != "sqlite":
            return  # PostgreSQL's own vacuum does it in time
        async with self._write_lock, self._engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT", pica_raw=True)
            await connection.exec_driver_sql("VACUUM")
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def ping(self) -> None:
        """Raise SQLAlchemyError or OSError where the database does not answer."""
        async with self.read() as transaction:
            await transaction.execute(text("SELECT 1"))

    async def aclose(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


def _no_answer(error: Exception) -> StorageError:
    return StorageError(
        f"The database does not answer ({type(error).__name__}). Check PICA_DATABASE_URL, that "
        "the server runs, and that the disk is writable."
    )


def insert_ignore(dialect: str, table: Table) -> Insert:
    """An INSERT that does nothing where the row's key exists already."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


def upsert(dialect: str, table: Table, keys: dict[str, Any], values: dict[str, Any]) -> Insert:
    """An INSERT that sets `values` where a row of these keys exists already."""
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return (
        insert(table)
        .values(**keys, **values)
        .on_conflict_do_update(index_elements=list(keys), set_=values)
    )


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
    options = connection.get_execution_options()
    if options.get("pica_raw"):
        return
    reads = options.get("pica_read", False)
    cursor = connection.connection.cursor()
    cursor.execute("BEGIN" if reads else "BEGIN IMMEDIATE")
    cursor.close()
