"""SQLAlchemy's asynchronous SQLite driver with one thread switch per statement.

aiosqlite runs a connection in its own thread. SQLAlchemy's adapter switches to it four times per
statement: to create a cursor, execute, fetch and close. Each switch costs more than the statement
(docs/experiments.md), so this cursor does all four in one. Streamed results keep SQLAlchemy's own
cursor.
"""

import sqlite3
from collections import deque
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)
from sqlalchemy.util import immutabledict
from sqlalchemy.util.concurrency import await_


class _Ran(NamedTuple):
    """The results of a closed sqlite3 cursor."""

    rows: list[Any]
    description: Any
    rowcount: int
    lastrowid: int | None
    arraysize: int = 1


def _run(connection: sqlite3.Connection, how: str, statement: str, values: Any) -> _Ran:
    cursor = connection.cursor()
    try:
        getattr(cursor, how)(statement, values)
        rows = cursor.fetchall() if cursor.description else []
        return _Ran(rows, cursor.description, cursor.rowcount, cursor.lastrowid)
    finally:
        cursor.close()


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that fetches its rows and closes as soon as it has executed."""

    __slots__ = ()

    def __init__(self, adapt_connection: Any) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._cursor: Any = _Ran([], None, -1, None)
        self._rows = deque()
        self._soft_closed_memoized = immutabledict()

    def execute(self, operation: Any, parameters: Any = None) -> None:
        """Execute, fetch everything and close in one thread switch."""
        self._do("execute", operation, () if parameters is None else parameters)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> None:
        """Execute for many rows of parameters."""
        self._do("executemany", operation, seq_of_parameters)

    def _do(self, how: str, statement: str, values: Any) -> None:
        connection: Any = self._connection
        try:
            ran = await_(connection._execute(_run, connection._conn, how, statement, values))
        except Exception as error:
            self._adapt_connection._handle_exception(error)
        self._cursor = ran
        self._rows = deque(ran.rows)

    async def _async_soft_close(self) -> None:
        """Do nothing, because the cursor is already closed."""

    def close(self) -> None:
        """Drop the rows."""
        self._rows.clear()


class _Connection(AsyncAdapt_aiosqlite_connection):
    __slots__ = ()

    _cursor_cls = _Cursor


class _Driver(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> _Connection:
        return _Connection(self, super().connect(*arg, **kw)._connection)


class SQLiteDialect(SQLiteDialect_aiosqlite):
    """The dialect of `sqlite+pica://` URLs."""

    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> _Driver:
        """Return the driver in the form that SQLAlchemy expects."""
        return _Driver(aiosqlite, sqlite3)


def register() -> None:
    """Register `sqlite+pica` with SQLAlchemy."""
    registry.register("sqlite.pica", __name__, SQLiteDialect.__name__)
