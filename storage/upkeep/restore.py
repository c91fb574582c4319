"""Restores a backup into an empty database, without the people erased since.

The rows go in with the schema that they were written with, which is then upgraded. Erased people
and open messages are settled after the upgrade.
"""

import itertools
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from storage.database.connection import Database, StorageError, Transaction
from storage.database.schema import data_keys, is_open, metadata, people
from storage.database.schema_checkins import RECKON_AT, appointments
from storage.messages.outbox import AT_MOST_ONCE, OutboxState
from storage.review import audit_erasure
from storage.upkeep.backup import LEFT_OUT, BackupProgress
from storage.upkeep.sealed_file import Frames, read


async def restore(
    database: Database, backup: Path, keys_file: Path, *, progress: BackupProgress | None = None
) -> dict[str, int]:
    """Fill an empty database from a backup and the newest key file, and return the counts.

    A person erased since the backup has no key and is left out. Open messages may have been sent
    since the backup, so replies, notices and check-ins end as `unknown`. Fixed replies and
    messages to operators stay open, because a repeat does less harm than silence.

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
    async with database.begin() as transaction:
        if transaction.dialect == "postgresql":
            await _set_sequences(transaction)
        counts["erased_since"] = await _leave_out_erased(transaction)
        await _settle_outbox(transaction)
        await _settle_appointments(transaction)
    return counts


async def _fill(
    database: Database, frames: Frames, key_frames: Frames, progress: BackupProgress | None
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
    return counts


async def _refuse_if_used(transaction: Transaction) -> None:
    present = await transaction.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    for table in metadata.sorted_tables:
        if table in LEFT_OUT or table.name not in present:  # the schema may be older
            continue
        query = sa.select(sa.literal(1)).select_from(table).limit(1)
        if (await transaction.execute(query)).first() is not None:
            raise StorageError(
                "The database is not empty, and restoring would overwrite it. Set another "
                "PICA_DATA_DIR or PICA_DATABASE_URL, and restore into a new database."
            )


def _insert_into(name: str, rows: list[dict[str, Any]]) -> sa.Insert:
    """Build an INSERT of the columns that the backup has, for any version of the schema."""
    known = metadata.tables.get(name)
    columns = [
        sa.column(key, known.c[key].type if known is not None and key in known.c else None)
        for key in rows[0]
    ]
    return sa.table(name, *columns).insert()


async def _leave_out_erased(transaction: Transaction) -> int:
    """Delete the rows of people without a key and the keys without a person."""
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
    await _leave_out_what_operators_wrote(transaction)
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


async def _leave_out_what_operators_wrote(transaction: Transaction) -> None:
    """Delete operators' text about erased people, and keep the audit trail whole."""
    cases, notes = metadata.tables["cases"], metadata.tables["notes"]
    await audit_erasure.erase_without_key(transaction)
    without_person = sa.select(cases.c.case_id).where(cases.c.person_id.is_(None))
    await transaction.execute(sa.delete(notes).where(notes.c.case_id.in_(without_person)))


async def _settle_outbox(transaction: Transaction) -> None:
    outbox = metadata.tables["outbox"]
    waits = is_open()
    await transaction.execute(
        sa.update(outbox)
        .where(waits, outbox.c.kind.in_(AT_MOST_ONCE))
        .values(
            state=OutboxState.UNKNOWN, reason="restored", body=None, ended_at=outbox.c.created_at
        )
    )
    await transaction.execute(sa.update(outbox).where(waits).values(state=OutboxState.QUEUED))


async def _settle_appointments(transaction: Transaction) -> None:
    """Continue with the next occurrences, because those since the backup may have been asked."""
    await transaction.execute(
        sa.update(appointments)
        .where(appointments.c.next_at.is_not(None))
        .values(next_at=RECKON_AT, next_date=None)
    )


async def _set_sequences(transaction: Transaction) -> None:
    """Continue PostgreSQL's sequences from the highest restored ids."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        name = sa.func.pg_get_serial_sequence(table.name, column.name)
        highest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
        await transaction.execute(sa.select(sa.func.setval(name, highest, False)))
