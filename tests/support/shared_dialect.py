"""SQLite's dialect, equal for every database of a test run, so that they share compiled statements.

Each test opens a database of its own. To compile its statements took a third of the time of an
end-to-end test.
"""

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry

from storage.database.sqlite_driver import SQLiteDialect

_COMPILED: dict[Any, Any] = {}


class SharedDialect(SQLiteDialect):
    """The project's dialect, which all databases of one process take for the same."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))


def share_compiled_statements() -> None:
    """Let all SQLite databases of this process share one cache."""
    registry.register("sqlite.pica", __name__, SharedDialect.__name__)
    event.listen(Engine, "engine_connect", _with_the_cache)


def _with_the_cache(connection: Connection) -> None:
    if isinstance(connection.dialect, SharedDialect):
        connection.execution_options(compiled_cache=_COMPILED)
