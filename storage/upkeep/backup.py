"""Backups: every table in one encrypted file, and the data keys in another.

A backup holds no data keys. One file holds the present keys, and every backup and erasure rewrites
it. So no backup, however old, can reveal an erased person's text. The format is the same for
SQLite and PostgreSQL, and a backup of one restores into the other (`restore.py`).
"""

from collections.abc import Callable
from contextlib import closing
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
    database: Database, path: Path, *, progress: BackupProgress | None = None
) -> int:
    """Write every row of one instant except the data keys, and return how many.

    Turns off the record are left out, because nothing may outlive their deletion.

    Raises:
        StorageError: the file cannot be written. No partial file stays.
    """
    names = [table.name for table in metadata.sorted_tables if table not in LEFT_OUT]
    return await _write(database, path, "rows", names, progress)


async def write_keys(database: Database, path: Path) -> int:
    """Write the data keys in place of the older ones, and return how many.

    Raises:
        StorageError: the file cannot be written, or holds the keys of another database. A
            service started on an empty database must not make older backups unreadable.
        SecretKeyError: the file was written with another PICA_SECRET_KEY.
    """
    written = _service_key(database, path)
    if written is not None:
        database.vault.forget(keys.SERVICE)  # it may be the key of a database opened before
        async with database.read() as transaction:
            is_ours = written == await keys.of(transaction, keys.SERVICE)
        if not is_ours:
            raise StorageError(
                f"{path} holds the keys of another database, which the backups beside it need. "
                "It was not overwritten. Restore from it, or choose another folder."
            )
    return await _write(database, path, "keys", [data_keys.name], None)


def _service_key(database: Database, path: Path) -> bytes | None:
    """Return the service's key in a key file, which identifies a database, or None."""
    if not path.exists():
        return None
    _, frames = read(path, "keys", database.vault)
    with closing(frames):
        rows = [row for _, page in frames for row in page if row["owner"] == keys.SERVICE]
    if not rows:
        return b""
    return database.vault.unwrap(rows[0]["wrapped"], rows[0]["master"], keys.SERVICE)


async def _write(
    database: Database, path: Path, holds: str, names: list[str], progress: BackupProgress | None
) -> int:
    version = await database.version()
    if version is None or version < schema_version.FIRST_SEALED:
        raise StorageError(
            "The database cannot be backed up, because it is empty or too old to have sealed "
            "text. Copy it with the database server's tools, then run `pica db upgrade`."
        )
    header = Header(holds, database.now().isoformat(), version, database.vault.master)
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
    """Return the tables as the database has them, because its schema may be older."""
    inspector = sa.inspect(connection)
    tables = []
    for name in names:
        if not inspector.has_table(name):
            continue
        known = metadata.tables[name]
        columns = [
            sa.Column(
                column["name"],
                known.c[column["name"]].type if column["name"] in known.c else column["type"],
                primary_key=column["name"] in known.primary_key,
            )
            for column in inspector.get_columns(name)
        ]
        tables.append(sa.Table(name, sa.MetaData(), *columns))
    return tables


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
    """Build conditions that leave out turns off the record, and their open messages."""
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
