"""The connection to SQL: transactions, migrations, and errors without parameters.

A transaction carries the vault, because text is sealed and opened inside it. SQLite allows one
writer at a time. Writers queue for a lock here and then run `BEGIN IMMEDIATE`, so that no
transaction fails half-way.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, CursorResult, Executable, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncResult, create_async_engine
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.schema import Table

from storage.database import private_files, schema_version, sqlite_driver
from storage.database.clock import Clock, utc_now
from storage.database.events import EventBus
from storage.database.vault import Vault

DRIVERS = {
    "sqlite": "sqlite+pica",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


# PostgreSQL: writers hold a connection while they wait for each other's locks. Readers have
# connections of their own, so that they never wait for writers.
WRITERS, READERS = 10, 10

sqlite_driver.register()

ResultRows = CursorResult[*tuple[Any, ...]]
Stream = AsyncResult[*tuple[Any, ...]]


class StorageError(Exception):
    """The database or a backup cannot be used.

    The message says what to do and contains no secrets.
    """


class Transaction:
    """An open transaction with the vault that seals and opens text.

    Statements that run for every message are built once (`functools.cache`) and get their
    values in `execute`. Building a statement costs about as much as running it.

    Attributes:
        dialect: `sqlite` or `postgresql`.
        now: the instant of the transaction, read once when it opens. All its rows carry it.
        fresh_keys: data keys created in this transaction, by owner. The vault may hold them
            only after the commit.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncConnection]],
        vault: Vault,
        dialect: str,
        now: datetime,
    ) -> None:
        self._connect = connect
        self._connection: AsyncConnection | None = None
        self.vault = vault
        self.dialect = dialect
        self.now = now
        self.fresh_keys: dict[int, bytes] = {}
        self.events: list[object] = []

    def record(self, event: object) -> None:
        """Publish an event after this transaction commits, and never if it rolls back."""
        self.events.append(event)

    async def execute(self, statement: Executable, rows: Any = None) -> ResultRows:
        """Run one statement."""
        return await (await self._connected()).execute(statement, rows)

    @contextlib.asynccontextmanager
    async def stream(self, statement: Executable) -> AsyncIterator[Stream]:
        """Read rows in batches."""
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
        url: `sqlite:///path` or `postgresql://user:password@host/name`. The driver is always
            the asynchronous one of this project.
        vault: the secret keys.
        clock: the present instant. Every transaction reads it when it opens.

    Attributes:
        events: the bus that publishes recorded events after each commit.
        engine: the connections; listeners of SQLAlchemy can be attached.
    """

    def __init__(self, url: str, vault: Vault, *, clock: Clock = utc_now) -> None:
        self.vault = vault
        self._clock = clock
        self.events = EventBus()
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise StorageError(
                "PICA_DATABASE_URL is not a database URL. Use for example "
                "sqlite:////var/lib/pica/pica.db or postgresql://user:password@host/pica."
            ) from None
        name = parsed.get_backend_name()
        if name not in DRIVERS:
            raise StorageError(
                f"PICA_DATABASE_URL: {name} is not supported. Use sqlite or postgresql."
            )
        self.dialect = "sqlite" if name == "sqlite" else "postgresql"
        self.url = parsed.set(drivername=DRIVERS[name])
        self.engine = self._create_engine()
        self._write_lock = asyncio.Lock()
        self._writers = asyncio.Semaphore(WRITERS)
        self._reading: dict[str, Any] = {"pica_read": True}
        if self.dialect == "postgresql":
            # Saves two round trips, and each statement still sees committed rows only.
            self._reading["isolation_level"] = "AUTOCOMMIT"

    def _create_engine(self) -> AsyncEngine:
        if self.dialect == "sqlite":
            engine = create_async_engine(self.url, hide_parameters=True, pool_size=5)
            if self.files:
                event.listen(engine.sync_engine, "do_connect", self._ensure_file)
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", _begin_sqlite)
            return engine
        return create_async_engine(
            self.url,
            hide_parameters=True,
            pool_size=WRITERS + READERS,  # kept, because a connection costs more than a statement
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"connect_timeout": 5},
        )

    def now(self) -> datetime:
        """Return the present instant, for work outside a transaction."""
        return self._clock()

    @property
    def files(self) -> tuple[Path, ...]:
        """The paths of an SQLite database, existing or not, or `()` for a server."""
        name = self.url.database
        if self.dialect != "sqlite" or not name or name.startswith((":memory:", "file:")):
            return ()
        return tuple(Path(f"{name}{end}") for end in ("", "-wal", "-shm", "-journal"))

    def _ensure_file(self, *_connecting: Any) -> None:
        """Create the file before SQLite does, because the umask would decide who may read it.

        SQLite gives its other files the permissions of this one.
        """
        private_files.make_folder(self.files[0].parent)
        private_files.ensure(self.files[0])

    @property
    def place(self) -> str:
        """The file or the server of the database, without the password."""
        return str(self.files[0]) if self.files else self.url.render_as_string()

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """Open a transaction that commits at the end or rolls back on an error."""
        lock = self._write_lock if self.dialect == "sqlite" else self._writers
        async with lock, self.engine.begin() as connection:
            transaction = self._on(connection)
            yield transaction
        await self.events.publish(transaction.events)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Open a read-only transaction, which never waits for a writer on SQLite.

        It connects at the first statement. To unseal text with an open key needs no connection.
        """
        async with contextlib.AsyncExitStack() as stack:

            async def connect() -> AsyncConnection:
                connection = await stack.enter_async_context(self.engine.connect())
                return await connection.execution_options(**self._reading)

            yield Transaction(connect, self.vault, self.dialect, self.now())

    def _on(self, connection: AsyncConnection) -> Transaction:
        async def connected() -> AsyncConnection:
            return connection

        return Transaction(connected, self.vault, self.dialect, self.now())

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """Open a read-only transaction that sees the whole database at one instant."""
        async with self.engine.connect() as connection:
            await connection.execution_options(pica_read=True)
            if self.dialect == "postgresql":
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            yield self._on(connection)

    async def version(self) -> str | None:
        """Return the version of the schema, or None if the database is empty or is not there.

        Raises:
            StorageError: the server is not reachable, or the file is not a database.
        """
        if self.files and not self.files[0].exists():
            return None  # SQLite would create the file
        try:
            async with self.read() as transaction:
                version: str | None = await transaction.run_sync(schema_version.current)
        except (SQLAlchemyError, OSError) as error:
            raise self._no_answer(error) from error
        return version

    async def upgrade(self, version: str = "head") -> None:
        """Upgrade the schema, by default to the newest version.

        Raises:
            StorageError: the server is not reachable or refuses, or the schema is newer than
                this program.
        """
        try:
            async with self.begin() as transaction:
                if self.dialect == "postgresql":  # two services may start at once
                    await transaction.execute(text("SELECT pg_advisory_xact_lock(7422)"))
                moved = await transaction.run_sync(schema_version.migrate, self.vault, version)
        except schema_version.UnknownVersionError as error:
            raise StorageError(
                f"The database schema is at version {error}, which this PICA companion does not "
                f"know (its newest is {schema_version.newest()}). Run a newer PICA companion."
            ) from None
        except (SQLAlchemyError, OSError) as error:
            raise self._no_answer(error) from error
        if moved:
            await self._compact()

    async def create(self) -> str:
        """Create the schema if the database is empty, and return its version.

        An older schema stays as it is.
        """
        version = await self.version()
        if version is None:
            await self.upgrade()
        return version or schema_version.newest()

    async def _compact(self) -> None:
        """Rewrite an SQLite file, so that no text that an upgrade sealed stays in clear."""
        if self.dialect != "sqlite":
            return  # PostgreSQL's autovacuum does it
        async with self._write_lock, self.engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT", pica_raw=True)
            await connection.exec_driver_sql("VACUUM")
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    async def ping(self) -> None:
        """Raise SQLAlchemyError or OSError if the database does not answer."""
        async with self.read() as transaction:
            await transaction.execute(text("SELECT 1"))

    def _no_answer(self, error: Exception) -> StorageError:
        what = f"The database does not answer ({type(error).__name__}). Check that"
        if self.files:
            return StorageError(
                f"{what} {self.files[0]} is a database or can be made, that this user may write "
                "it, and that the disk is not full."
            )
        return StorageError(f"{what} PICA_DATABASE_URL is correct and the server is running.")

    async def aclose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def insert_ignore(dialect: str, table: Table) -> Insert:
    """Build an INSERT that does nothing if the row's key exists."""
    return _insert(dialect, table).on_conflict_do_nothing()


def upsert(dialect: str, table: Table, keys: dict[str, Any], values: dict[str, Any]) -> Insert:
    """Build an INSERT that updates `values` if a row with these keys exists."""
    insert = _insert(dialect, table).values(**keys, **values)
    return insert.on_conflict_do_update(index_elements=list(keys), set_=values)


def count_up(dialect: str, counter: Column[int], keys: dict[str, Any]) -> Insert:
    """Build an INSERT of a counter at 1, which counts up if a row with these keys exists."""
    insert = _insert(dialect, counter.table).values(**keys, **{counter.name: 1})
    return insert.on_conflict_do_update(index_elements=list(keys), set_={counter.name: counter + 1})


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # Switch off the driver's own transactions, because `_begin_sqlite` opens them.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # an update is confirmed to Telegram after the commit
        "foreign_keys=ON",
        "busy_timeout=10000",
        "secure_delete=ON",  # so that no erased text stays in free pages
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
