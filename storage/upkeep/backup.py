"""Backups: every table in one encrypted file, and the data keys in another.

A backup holds no data keys. They stand in a file of one generation, written anew at every backup
and after every erasure, so that whoever was erased cannot be read from any backup, however old. The
form is the same for SQLite and PostgreSQL: a backup of one restores into the other
(`restoring.py`).
"""

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storage.database import keys, schema_version
from storage.database.connection import Database, StorageError, Transaction
from storage.database.schema import data_keys, leases, metadata, people
from storage.database.schema_review import console_sessions, sign_ins
from storage.messages.outbox import AT_MOST_ONCE
from storage.upkeep.sealed_file import FrameWriter, Header, read, replacing

ROWS_A_FRAME = 500
KEYS_FILE = "keys.pica"
LEFT_OUT = (data_keys, leases, sign_ins, console_sessions)
BackupProgress = Callable[[int, int], None]


async def write_backup(
    database: Database, path: Path, *, now: datetime, progress: BackupProgress | None = None
) -> int:
    """Write every row of one instant but the data keys; return how many.

    What is said off the record is left out: nothing of it outlives its time.

    Raises:
        StorageError: the file cannot be written; nothing half-written stays.
    """
    names = [table.name for table in metadata.sorted_tables if table not in LEFT_OUT]
    return await _write(database, path, "rows", names, now, progress)


async def write_keys(database: Database, path: Path, *, now: datetime) -> int:
    """Write the data keys, in place of those written before; return how many.

    Raises:
        StorageError: the file cannot be written, or holds the keys of another database: a
            service started on an empty one must not make every older backup unreadable.
        SecretKeyError: the file was written with a PICA_SECRET_KEY that is not given.
    """
    written = _service_key(database, path)
    if written is not None:
        database.vault.forget(keys.SERVICE)  # what is held may be of a database open before
        async with database.read() as transaction:
            is_ours = written == await keys.of(transaction, keys.SERVICE)
        if not is_ours:
            raise StorageError(
                f"{path} holds the keys of another database. Restore from it, or choose another "
                "folder; it is not overwritten, because the backups beside it need it."
            )
    return await _write(database, path, "keys", [data_keys.name], now, None)


def _service_key(database: Database, path: Path) -> bytes | None:
    """The service's key in a file of keys, which tells databases apart; None without a file."""
    if not path.exists():
        return None
    _, frames = read(path, "keys", database.vault)
    with closing(frames):
        rows = [row for _, page in frames for row in page if row["owner"] == keys.SERVICE]
    if not rows:
        return b""
    return database.vault.unwrap(rows[0]["wrapped"], rows[0]["master"], keys.SERVICE)


async def _write(
    database: Database,
    path: Path,
    holds: str,
    names: list[str],
    now: datetime,
    progress: BackupProgress | None,
) -> int:
    version = await database.version()
    if version is None or version < schema_version.FIRST_SEALED:
        raise StorageError(
            "There is nothing here that can be backed up: the database is empty, or from before "
            "words were sealed (copy it with the tools of its server)"
        )
    header = Header(holds, now.isoformat(), version, database.vault.master)
    done = 0
    with replacing(path) as file:
        frames = FrameWriter(file, database.vault.archive_key(), header)
        async with database.snapshot() as transaction:
            tables = await transaction.run_sync(_tables, names)
            total = await _count(transaction, tables)
            for table in tables:
                async for rows in _pages(transaction, table):
                    frames.write(table.name, rows)
                    done += len(rows)
                    if progress:
                        progress(done, total)
        frames.end()
    return done


def _tables(connection: sa.Connection, names: list[str]) -> list[sa.Table]:
    """The tables as the database has them, for its schema may be older than this program."""
    inspector = sa.inspect(connection)
    found = []
    for name in names:
        if not inspector.has_table(name):
            continue
        known = metadata.tables[name]
        columns = [
            sa.Column(
                each["name"],
                known.c[each["name"]].type if each["name"] in known.c else each["type"],
                primary_key=each["name"] in known.primary_key,
            )
            for each in inspector.get_columns(name)
        ]
        found.append(sa.Table(name, sa.MetaData(), *columns))
    return found


async def _count(transaction: Transaction, tables: list[sa.Table]) -> int:
    total = 0
    for table in tables:
        query = sa.select(sa.func.count()).select_from(table)
        total += int((await transaction.execute(query)).scalar_one())
    return total


async def _pages(transaction: Transaction, table: sa.Table) -> Any:
    query = sa.select(table).where(*_may_be_kept(table)).order_by(*table.primary_key)
    async with transaction.stream(query) as result:
        async for page in result.mappings().partitions(ROWS_A_FRAME):
            yield [dict(row) for row in page]


def _may_be_kept(table: sa.Table) -> list[sa.ColumnElement[bool]]:
    """Leave out what was said off the record, and what waits to be answered or sent of it."""
    if "off_record" in table.c:
        return [table.c.off_record == 0]
    waits: sa.ColumnElement[bool]
    if table.name == "inbox":
        waits = table.c.ended_as.is_(None)
    elif table.name == "outbox":
        waits = sa.and_(table.c.ended_at.is_(None), table.c.kind.in_(AT_MOST_ONCE))
    else:
        return []
    hidden = sa.select(people.c.person_id).where(people.c.off_record_until_at.is_not(None))
    return [sa.or_(~waits, table.c.person_id.is_(None), table.c.person_id.not_in(hidden))]
