"""Rows: erasure, retention, backups, and what finding the due ones reads."""

from pathlib import Path

from sqlalchemy import event, text

from bot.checkins.outgoing.scheduler import CheckInScheduler
from bot.checkins.settings import service
from storage import Database, Vault
from storage.checkins import appointments, occurrences, settings
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind
from storage.upkeep import backup, erasure, restore, retention
from tests.integration.checkins.cast import (
    AT_NINE,
    DAY,
    MINUTE,
    NINE,
    Asked,
    Clock,
    rounds_of,
    wants,
)


async def test_erasure_takes_everything_and_retention_the_old(
    database: Database, rounds: CheckInScheduler, asked: Asked, clock: Clock
) -> None:
    person_id = await wants(database, NINE)
    other = await wants(database, NINE, telegram_id=43)
    clock.at = AT_NINE
    await rounds.send_due(asked)
    async with database.begin() as tx:
        await erasure.erase(tx, person_id)
        assert await appointments.of_person(tx, person_id) == []
        assert await occurrences.of_person(tx, person_id) == []
        assert await settings.get(tx, person_id) is None
        tx.now = AT_NINE + 179 * DAY
        early = await retention.sweep(tx, turns_days=180)
        tx.now = AT_NINE + 181 * DAY
        late = await retention.sweep(tx, turns_days=180)
        assert (early["moods"], late["moods"]) == (0, 1)
        assert len(await appointments.of_person(tx, other)) == 1
        await settings.withdraw(tx, other)
        assert await settings.get(tx, other) is None


async def test_a_restored_backup_asks_nothing_again_and_of_nobody_erased(
    database: Database,
    rounds: CheckInScheduler,
    asked: Asked,
    clock: Clock,
    tmp_path: Path,
    vault: Vault,
) -> None:
    erased = await wants(database, NINE)
    kept = await wants(database, NINE, telegram_id=43)
    await backup.write_backup(database, tmp_path / "backup")
    async with database.begin() as tx:
        await erasure.erase(tx, erased)
    await backup.write_keys(database, tmp_path / "keys")
    clock.at = AT_NINE
    assert await rounds.send_due(asked) == 1
    restored = Database(f"sqlite:///{tmp_path / 'restored.db'}", vault, clock=clock)
    await restore.restore(restored, tmp_path / "backup", tmp_path / "keys")
    clock.at = AT_NINE + MINUTE
    again = rounds_of(restored, clock)
    assert await again.send_due(asked) == 0
    async with restored.read() as tx:
        assert await appointments.of_person(tx, erased) == []
        ((_, following),) = await service.upcoming(tx, kept)
        assert following is not None
        assert following.at == AT_NINE + DAY
    await restored.aclose()


async def test_a_check_in_that_waited_at_the_backup_is_not_sent_after_the_restore(
    database: Database, tmp_path: Path, vault: Vault
) -> None:
    """It may have been sent since: once too few is better than twice."""
    person_id = await wants(database, NINE)
    async with database.begin() as tx:
        tx.now = AT_NINE
        await outbox.put(tx, MessageKind.CHECK_IN, MessageBody("?"), person_id=person_id)
    await backup.write_backup(database, tmp_path / "backup")
    await backup.write_keys(database, tmp_path / "keys")
    restored = Database(f"sqlite:///{tmp_path / 'restored.db'}", vault)
    await restore.restore(restored, tmp_path / "backup", tmp_path / "keys")
    async with restored.read() as tx:
        assert await outbox.count_open(tx) == 0
    await restored.aclose()


async def test_finding_the_due_ones_reads_the_index_alone(database: Database) -> None:
    await wants(database, NINE)
    seen: list[tuple[str, object]] = []

    def keep(_c: object, _cursor: object, statement: str, values: object, *_: object) -> None:
        seen.append((statement, values))

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    async with database.read() as tx:
        tx.now = AT_NINE
        await appointments.due(tx, limit=20)
        await appointments.count_at(tx, AT_NINE, limit=20)
    event.remove(engine, "before_cursor_execute", keep)
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    async with database.begin() as tx:
        if database.dialect == "postgresql":  # a table of one page would be read whole
            await tx.execute(text("SET LOCAL enable_seqscan = off"))
            await tx.execute(text("SET LOCAL enable_bitmapscan = off"))
        for statement, values in seen:
            rows = await tx.run_sync(
                lambda c, s=statement, v=values: c.exec_driver_sql(explain + s, v).all()
            )
            plan = " ".join(str(row[-1]) for row in rows)
            assert "ix_appointments_next_at" in plan
            assert "SCAN appointments" not in plan
            assert "Sort" not in plan
            assert "TEMP B-TREE" not in plan
