"""Backups: every table in one encrypted file, and the data keys in another.

A backup holds no data keys. They stand in a file of one generation, written anew at every
backup and after every erasure, so that whoever was erased cannot be read from any backup,
however old. The form is the same for SQLite and PostgreSQL: a backup of one restores into
the other. Knows nothing of when backups are made.
"""

import itertools
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storage import keys, versions
from storage.database import Database, StorageError, Transaction
from storage.frames import Frames, FrameWriter, Header, read, replacing
from storage.schema import data_keys, leases, metadata, people
from storage.schema_checkins import RECKON_AT, appointments
from storage.schema_review import console_sessions, sign_ins

ROWS_A_FRAME = 500
KEYS_FILE = "keys.pica"
LEFT_OUT = (data_keys, leases, sign_ins, console_sessions)
Progress = Callable[[int, int], None]


async def write_backup(
    database: Database, path: Path, *, now: datetime, progress: Progress | None = None
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
    progress: Progress | None,
) -> int:
    version = await database.version()
    if version is None or version < versions.FIRST_SEALED:
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
        waits = sa.and_(table.c.ended_at.is_(None), table.c.kind.in_(("reply", "notice")))
    else:
        return []
    hidden = sa.select(people.c.person_id).where(people.c.off_record_until_at.is_not(None))
    return [sa.or_(~waits, table.c.person_id.is_(None), table.c.person_id.not_in(hidden))]


async def restore(
    database: Database, backup: Path, keys_file: Path, *, progress: Progress | None = None
) -> dict[str, int]:
    """Fill an empty database from a backup and the newest file of keys; return the counts.

    Whoever was erased since the backup has no key and is left out. What waited to be sent
    may have been sent after the backup was made: replies and notices end as `unknown`; fixed
    replies and words to operators stay, for a repeat does less harm than silence.

    Raises:
        StorageError: the database is not empty, or a file is damaged or of another kind.
        SecretKeyError: the files were written with another PICA_SECRET_KEY.
    """
    header, frames = read(backup, "rows", database.vault)
    _, key_frames = read(keys_file, "keys", database.vault)
    await database.upgrade(header.revision)
    with closing(frames), closing(key_frames):
        counts = await _fill(database, frames, key_frames, progress)
    await database.upgrade()
    return counts


async def _fill(
    database: Database, frames: Frames, key_frames: Frames, progress: Progress | None
) -> dict[str, int]:
    counts: dict[str, int] = {}
    async with database.begin() as transaction:
        await _refuse_if_used(transaction)
        await transaction.execute(sa.delete(data_keys))
        for name, rows in itertools.chain(key_frames, frames):
            await transaction.execute(_insert_into(name, rows), rows)
            counts[name] = counts.get(name, 0) + len(rows)
            if progress:
                progress(sum(counts.values()), 0)
        counts["erased_since"] = await _leave_out_erased(transaction)
        await _settle_outbox(transaction)
        if appointments.name in counts:  # a backup of an older schema has none
            await _settle_appointments(transaction)
        if transaction.dialect == "postgresql":
            await _set_sequences(transaction)
    return counts


async def _refuse_if_used(transaction: Transaction) -> None:
    for table in metadata.sorted_tables:
        if table in LEFT_OUT:
            continue
        query = sa.select(sa.literal(1)).select_from(table).limit(1)
        if (await transaction.execute(query)).first() is not None:
            raise StorageError(
                "The database is not empty: restore into a new one (another PICA_DATA_DIR or "
                "PICA_DATABASE_URL), so that nothing is overwritten"
            )


def _insert_into(name: str, rows: list[dict[str, Any]]) -> sa.Insert:
    """An INSERT of just the columns that the backup has, whatever its schema's version."""
    known = metadata.tables.get(name)
    columns = [
        sa.column(key, known.c[key].type if known is not None and key in known.c else None)
        for key in rows[0]
    ]
    return sa.table(name, *columns).insert()


async def _leave_out_erased(transaction: Transaction) -> int:
    """Delete the rows of people without a key, and keys without a person."""
    inbox, cases = metadata.tables["inbox"], metadata.tables["cases"]
    with_key = sa.select(data_keys.c.owner)
    gone = sa.and_(inbox.c.person_id.is_not(None), inbox.c.person_id.not_in(with_key))
    await transaction.execute(
        sa.update(inbox)
        .where(gone)
        .values(person_id=None, payload=None, turn_id=None, ended_as="ignored", reason="erased")
    )
    gone = sa.and_(cases.c.person_id.is_not(None), cases.c.person_id.not_in(with_key))
    await transaction.execute(
        sa.update(cases)
        .where(gone, cases.c.resolved_at.is_(None))
        .values(state="resolved", resolution="erased", resolved_at=cases.c.last_risk_at)
    )
    await transaction.execute(
        sa.update(cases).where(gone).values(person_id=None, erased_at=cases.c.last_risk_at)
    )
    await _leave_out_what_operators_wrote(transaction, with_key)
    for name in ("outbox", "turns", "sessions", "telegram_chats", "daily_usage"):
        table = metadata.tables[name]
        await transaction.execute(
            sa.delete(table).where(
                table.c.person_id.is_not(None), table.c.person_id.not_in(with_key)
            )
        )
    keyless = people.c.person_id.not_in(with_key)
    left_out = await transaction.execute(sa.delete(people).where(keyless))
    await transaction.execute(
        sa.delete(data_keys).where(
            data_keys.c.owner != 0, data_keys.c.owner.not_in(sa.select(people.c.person_id))
        )
    )
    return left_out.rowcount


async def _leave_out_what_operators_wrote(
    transaction: Transaction, with_key: sa.Select[Any]
) -> None:
    """Words about the erased go, the trail of what was done stays whole."""
    audit, cases, notes = (metadata.tables[name] for name in ("audit", "cases", "notes"))
    await transaction.execute(
        sa.update(audit)
        .where(audit.c.person_id.is_not(None), audit.c.person_id.not_in(with_key))
        .values(words=None, person_id=None)
    )
    nobodys = sa.select(cases.c.case_id).where(cases.c.person_id.is_(None))
    await transaction.execute(sa.delete(notes).where(notes.c.case_id.in_(nobodys)))


async def _settle_outbox(transaction: Transaction) -> None:
    outbox = metadata.tables["outbox"]
    waits = outbox.c.state.in_(("queued", "sending"))
    await transaction.execute(
        sa.update(outbox)
        .where(waits, outbox.c.kind.in_(("reply", "notice")))
        .values(state="unknown", reason="restored", body=None, ended_at=outbox.c.created_at)
    )
    await transaction.execute(sa.update(outbox).where(waits).values(state="queued"))


async def _settle_appointments(transaction: Transaction) -> None:
    """Go on with the next occurrence: what was due since may have been asked already."""
    await transaction.execute(
        sa.update(appointments)
        .where(appointments.c.next_at.is_not(None))
        .values(next_at=RECKON_AT, next_date=None)
    )


async def _set_sequences(transaction: Transaction) -> None:
    """Let PostgreSQL count on from the highest restored id."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        name = sa.func.pg_get_serial_sequence(table.name, column.name)
        highest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
        await transaction.execute(sa.select(sa.func.setval(name, highest, False)))
