"""Backups: every table in one encrypted file, and the data keys in another.

A backup holds no data keys. They stand in a file of one generation, written anew at every
backup and after every erasure, so that whoever was erased cannot be read from any backup,
however old. The form is the same for SQLite and PostgreSQL: a backup of one restores into
the other. Knows nothing of when backups are made.

Layout: a line of JSON in clear (format, time, schema, key fingerprint), then frames of four
bytes length and sealed, compressed JSON lines; the last frame is empty, so that a file that
was cut off is noticed.
"""

import base64
import json
import os
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from storage import keys
from storage.database import Database, StorageError, Transaction, newest_revision
from storage.schema import data_keys, leases, metadata, turns
from storage.vault import UnsealError, seal, unseal

FORMAT = 1
ROWS_A_FRAME = 500
LONGEST_FRAME = 256 * 2**20
KEYS_FILE = "keys.pica"
LEFT_OUT = (data_keys, leases)
Progress = Callable[[int, int], None]
Frames = Generator[tuple[str, list[dict[str, Any]]], None, None]


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in clear at the start of a file."""

    holds: str
    made_at: str
    revision: str
    master: str


async def write_backup(
    database: Database, path: Path, *, now: datetime, progress: Progress | None = None
) -> int:
    """Write every row of one instant but the data keys; return how many.

    Turns off the record are left out: nothing of them outlives its time.

    Raises:
        StorageError: the file cannot be written; nothing half-written stays.
    """
    tables = [table for table in metadata.sorted_tables if table not in LEFT_OUT]
    return await _write(database, path, "rows", tables, now, progress)


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
    return await _write(database, path, "keys", [data_keys], now, None)


def _service_key(database: Database, path: Path) -> bytes | None:
    """The service's key in a file of keys, which tells databases apart; None without a file."""
    if not path.exists():
        return None
    _, frames = _read(path, "keys", database)
    with closing(frames):
        rows = [row for _, page in frames for row in page if row["owner"] == keys.SERVICE]
    if not rows:
        return b""
    return database.vault.unwrap(rows[0]["wrapped"], rows[0]["master"], keys.SERVICE)


async def _write(
    database: Database,
    path: Path,
    holds: str,
    tables: list[sa.Table],
    now: datetime,
    progress: Progress | None,
) -> int:
    header = Header(holds, now.isoformat(), newest_revision(), database.vault.master)
    done = 0
    with _replacing(path) as file:
        frames = _Frames(file, database.vault.archive_key(), header)
        async with database.snapshot() as transaction:
            total = await _count(transaction, tables)
            for table in tables:
                async for rows in _pages(transaction, table):
                    frames.write(table.name, rows)
                    done += len(rows)
                    if progress:
                        progress(done, total)
        frames.end()
    return done


async def _count(transaction: Transaction, tables: list[sa.Table]) -> int:
    total = 0
    for table in tables:
        query = sa.select(sa.func.count()).select_from(table)
        total += int((await transaction.execute(query)).scalar_one())
    return total


async def _pages(transaction: Transaction, table: sa.Table) -> Any:
    query = sa.select(table).order_by(*table.primary_key)
    if table is turns:
        query = query.where(turns.c.off_record == 0)
    async with transaction.stream(query) as result:
        async for page in result.mappings().partitions(ROWS_A_FRAME):
            yield [dict(row) for row in page]


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
    header, frames = _read(backup, "rows", database)
    _, key_frames = _read(keys_file, "keys", database)
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
        for name, rows in (*key_frames, *frames):
            await transaction.execute(_insert_into(name, rows), rows)
            counts[name] = counts.get(name, 0) + len(rows)
            if progress:
                progress(sum(counts.values()), 0)
        counts["erased_since"] = await _leave_out_erased(transaction)
        await _settle_outbox(transaction)
        if transaction.dialect == "postgresql":
            await _set_sequences(transaction)
    return counts


async def _refuse_if_used(transaction: Transaction) -> None:
    for name in ("people", "inbox", "outbox"):
        query = sa.select(sa.literal(1)).select_from(metadata.tables[name]).limit(1)
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
    people = metadata.tables["people"]
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
        sa.update(cases).where(gone).values(person_id=None, erased_at=cases.c.last_risk_at)
    )
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


async def _settle_outbox(transaction: Transaction) -> None:
    outbox = metadata.tables["outbox"]
    waits = outbox.c.state.in_(("queued", "sending"))
    await transaction.execute(
        sa.update(outbox)
        .where(waits, outbox.c.kind.in_(("reply", "notice")))
        .values(state="unknown", reason="restored", body=None, ended_at=outbox.c.created_at)
    )
    await transaction.execute(sa.update(outbox).where(waits).values(state="queued"))


async def _set_sequences(transaction: Transaction) -> None:
    """Let PostgreSQL count on from the highest restored id."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        name = sa.func.pg_get_serial_sequence(table.name, column.name)
        highest = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
        await transaction.execute(sa.select(sa.func.setval(name, highest, False)))


class _Frames:
    """Writes a header and sealed frames."""

    def __init__(self, file: IO[bytes], key: bytes, header: Header) -> None:
        self._file = file
        self._key = key
        self._id = header.made_at
        self._count = 0
        clear = {"pica": FORMAT, **{name: getattr(header, name) for name in header.__slots__}}
        file.write(json.dumps(clear).encode() + b"\n")

    def write(self, table: str, rows: list[dict[str, Any]]) -> None:
        """Add a frame of rows."""
        plain = json.dumps([table, [_packed(row) for row in rows]]).encode()
        self._frame(zlib.compress(plain))

    def end(self) -> None:
        """Add the empty frame that ends a whole file."""
        self._frame(b"")

    def _frame(self, plain: bytes) -> None:
        sealed = seal(self._key, plain, f"archive:{self._id}:{self._count}")
        self._file.write(len(sealed).to_bytes(4, "big") + sealed)
        self._count += 1


def _read(path: Path, holds: str, database: Database) -> tuple[Header, Frames]:
    try:
        with path.open("rb") as file:
            clear = json.loads(file.readline(10_000))
        if clear.pop("pica") != FORMAT:
            raise KeyError
        header = Header(**clear)
    except FileNotFoundError:
        raise StorageError(f"{path} does not exist") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise StorageError(f"{path} is no backup of this program") from None
    if header.holds != holds:
        raise StorageError(f"{path} holds {header.holds}, and {holds} are needed here")
    return header, _frames(path, database.vault.archive_key(header.master), header)


def _frames(path: Path, key: bytes, header: Header) -> Frames:
    with path.open("rb") as file:
        file.readline()
        count = 0
        while True:
            length = int.from_bytes(file.read(4), "big")
            if not 0 < length <= LONGEST_FRAME:
                raise StorageError(f"{path} is cut off or damaged; nothing was restored")
            try:
                plain = unseal(key, file.read(length), f"archive:{header.made_at}:{count}")
            except UnsealError:
                raise StorageError(f"{path} is cut off or damaged; nothing was restored") from None
            if not plain:
                return
            name, rows = json.loads(zlib.decompress(plain))
            yield name, [_unpacked(row) for row in rows]
            count += 1


def _packed(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _pack(value) for name, value in row.items()}


def _pack(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return value


def _unpacked(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _unpack(value) for name, value in row.items()}


def _unpack(value: Any) -> Any:
    if isinstance(value, dict):
        if "bytes" in value:
            return base64.b64decode(value["bytes"])
        return datetime.fromisoformat(value["time"])
    return value


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file whole or not at all."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")  # another process may write too
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise StorageError(f"{path} cannot be written: {error.strerror}") from error
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
