"""Backups: rehearsed on both databases, across them, after an erasure, and damaged."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import Database, SecretKeyError, StorageError, Vault, new_secret_key
from storage.companion import people, transcripts
from storage.database import keys
from storage.ids import CaseId, PersonId
from storage.messages import inbox_queue, outbox, outbox_queue
from storage.messages.body import MessageBody
from storage.messages.outbox import Audience, MessageKind
from storage.review import audit, audit_check, cases, notes
from storage.upkeep import backup as backup_file
from storage.upkeep import erasure, restore
from tests.integration.cast import NOW, SECRET, mei, says
from tests.integration.conftest import empty_database


@pytest.fixture(params=["sqlite", "postgresql"])
async def other(
    request: pytest.FixtureRequest, vault: Vault, tmp_path: Path
) -> AsyncIterator[Database]:
    """An empty database to restore into."""
    opened = Database(empty_database(request, request.param, tmp_path), vault)
    yield opened
    await opened.aclose()


async def back_up(database: Database, folder: Path) -> tuple[Path, Path]:
    backup, key_file = folder / "pica.backup", folder / backup_file.KEYS_FILE
    await backup_file.write_backup(database, backup)
    await backup_file.write_keys(database, key_file)
    return backup, key_file


async def test_what_was_kept_comes_back(
    database: Database, other: Database, tmp_path: Path
) -> None:
    async with database.begin() as tx:
        person = await mei(tx)
        await says(tx, person, SECRET, 1)
        await says(tx, person, "不留记录的话", 2, off_record=True)
        await outbox.put(tx, MessageKind.REPLY, MessageBody("a"), person_id=person.person_id)
        await outbox.put(tx, MessageKind.CRISIS, MessageBody("b"), person_id=person.person_id)
    backup, key_file = await back_up(database, tmp_path)
    assert SECRET.encode() not in backup.read_bytes()
    assert backup.stat().st_mode & 0o077 == 0
    counts = await restore.restore(other, backup, key_file)
    assert counts["erased_since"] == 0
    async with other.begin() as tx:
        found = await people.by_telegram_id(tx, 42)
        assert found is not None
        texts = [turn.text for turn in await transcripts.history(tx, found.person_id)]
        assert texts == [SECRET, "我在听"]
        assert len(await inbox_queue.open_rows(tx)) == 2
        tx.now = NOW + timedelta(days=1)
        due = await outbox_queue.next_messages(tx, limit=5)
        assert [message.body.text for message in due] == ["b"]
        fresh = await mei(tx, 43)  # ids go on, and do not meet those that came back
        assert fresh.person_id > found.person_id


async def test_whoever_was_erased_is_in_no_backup(
    database: Database, other: Database, tmp_path: Path
) -> None:
    async with database.begin() as tx:
        person, stays = await mei(tx), await mei(tx, 43)
        await says(tx, person, SECRET, 1)
        await says(tx, stays, "你好", 2)
        await cases.create(
            tx, person.person_id, level=3, categories=(), script="suicide", lexicon="1"
        )
        await outbox.put(
            tx,
            MessageKind.CASE,
            MessageBody(SECRET),
            person_id=person.person_id,
            audience=Audience.OPERATORS,
        )
    backup, key_file = await back_up(database, tmp_path)
    async with database.begin() as tx:
        await erasure.erase(tx, person.person_id)
    await backup_file.write_keys(database, key_file)
    counts = await restore.restore(other, backup, key_file)
    assert counts["erased_since"] == 1
    async with other.begin() as tx:
        assert await people.by_telegram_id(tx, 42) is None
        assert await transcripts.history(tx, person.person_id) == []
        assert await people.by_telegram_id(tx, 43) is not None
        assert await outbox_queue.next_messages(tx, limit=5) == []
        assert [row.update_id for row in await inbox_queue.open_rows(tx)] == [2]


async def test_the_trail_is_whole_after_a_restore_and_says_nothing_of_the_erased(
    database: Database, other: Database, tmp_path: Path
) -> None:
    async with database.begin() as tx:
        person, stays = await mei(tx), await mei(tx, 43)
        for number, (each, words) in enumerate(((person, SECRET), (stays, "留下的话"))):
            case_id = await cases.create(
                tx, each.person_id, level=3, categories=(), script="suicide", lexicon="1"
            )
            await notes.add(tx, case_id, each.person_id, operator_id=None, text=words)
            await audit.append(
                tx,
                "noted",
                case_id=case_id,
                person_id=each.person_id,
                words=words,
                detail={"number": number},
            )
        assert (await audit_check.verify(tx)).broken_at is None
    backup, key_file = await back_up(database, tmp_path)
    async with database.begin() as tx:
        await erasure.erase(tx, person.person_id)
        verdict = await audit_check.verify(tx)
        assert (verdict.records, verdict.broken_at, verdict.erased) == (3, None, 1)
    await backup_file.write_keys(database, key_file)
    await restore.restore(other, backup, key_file)
    async with other.begin() as tx:
        verdict = await audit_check.verify(tx)
        assert (verdict.records, verdict.broken_at, verdict.erased) == (3, None, 1)
        assert [record.words for record in await audit.page(tx)] == [None, "留下的话", None]
        gone, kept = [await cases.get(tx, CaseId(number)) for number in (1, 2)]
        assert gone is not None
        assert kept is not None
        assert (gone.person_id, gone.resolution) == (None, "erased")
        assert (kept.person_id, kept.state) == (stays.person_id, "open")
        assert [n.text for n in await notes.of_case(tx, kept.case_id, stays.person_id)] == [
            "留下的话"
        ]
        assert await notes.of_case(tx, gone.case_id, person.person_id) == []


@pytest.mark.parametrize("version", ["0002", "0004", "0005"])
async def test_a_backup_of_an_older_schema_is_brought_up(
    version: str, url: str, other: Database, vault: Vault, tmp_path: Path
) -> None:
    old = Database(url, vault)
    await old.upgrade(version)
    at = NOW.replace(tzinfo=None)
    async with old.begin() as tx:
        await keys.check(tx)
        for person_id in (7, 8):
            await keys.create(tx, person_id)
            await tx.execute(
                text(
                    "INSERT INTO people (person_id, language, consent_at, epoch, created_at) "
                    "VALUES (:p, 'zh', :at, 0, :at)"
                ),
                {"p": person_id, "at": at},
            )
            await tx.execute(
                text("INSERT INTO telegram_chats (telegram_id, person_id) VALUES (:t, :p)"),
                {"t": person_id + 35, "p": person_id},
            )
            await tx.execute(
                text(
                    "INSERT INTO cases (person_id, level, categories, script, lexicon, state, "
                    "opened_at, last_risk_at) "
                    "VALUES (:p, 3, '', 'suicide', '1', 'open', :at, :at)"
                ),
                {"p": person_id, "at": at},
            )
    backup, key_file = await back_up(old, tmp_path)
    async with old.begin() as tx:
        await keys.destroy(tx, PersonId(8))  # erased since
    await backup_file.write_keys(old, key_file)
    await old.aclose()
    counts = await restore.restore(other, backup, key_file)
    assert counts["erased_since"] == 1
    async with other.begin() as tx:
        stays = await people.by_telegram_id(tx, 42)
        assert stays is not None
        held = await cases.open_case(tx, stays.person_id)
        assert held is not None
        assert held.level == 3
        assert await people.by_telegram_id(tx, 43) is None
        assert (await mei(tx, 50)).person_id > stays.person_id


async def test_a_used_database_is_not_overwritten(database: Database, tmp_path: Path) -> None:
    async with database.begin() as tx:
        await mei(tx)
    backup, key_file = await back_up(database, tmp_path)
    with pytest.raises(StorageError, match="not empty"):
        await restore.restore(database, backup, key_file)


@pytest.mark.parametrize("damage", ["cut", "flipped", "no backup", "swapped"])
async def test_a_damaged_file_restores_nothing(
    database: Database, vault: Vault, tmp_path: Path, damage: str
) -> None:
    async with database.begin() as tx:
        await says(tx, await mei(tx), SECRET)
    backup, key_file = await back_up(database, tmp_path)
    whole = backup.read_bytes()
    broken = {
        "cut": whole[:-40],
        "flipped": whole[:-50] + bytes([whole[-50] ^ 1]) + whole[-49:],
        "no backup": b"hello",
        "swapped": key_file.read_bytes(),
    }[damage]
    backup.write_bytes(broken)
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}", vault)
    with pytest.raises(StorageError):
        await restore.restore(empty, backup, key_file)
    async with empty.read() as tx:
        if await empty.version() is not None:
            assert await people.by_telegram_id(tx, 42) is None
    await empty.aclose()


async def test_another_secret_key_is_named(database: Database, tmp_path: Path) -> None:
    backup, key_file = await back_up(database, tmp_path)
    stranger = Database(f"sqlite:///{tmp_path / 'x.db'}", Vault.parse(new_secret_key()))
    with pytest.raises(SecretKeyError, match="not the key that this was written with"):
        await restore.restore(stranger, backup, key_file)
    await stranger.aclose()


async def test_a_backup_that_cannot_be_written_leaves_nothing(
    database: Database, tmp_path: Path
) -> None:
    async with database.begin() as tx:
        await says(tx, await mei(tx), SECRET)
    target = tmp_path / "there"
    target.write_text("a file where a folder is expected")
    with pytest.raises(StorageError, match="cannot be written"):
        await backup_file.write_backup(database, target / "pica.backup")
    assert target.read_text()


async def test_the_service_key_survives(
    database: Database, other: Database, tmp_path: Path
) -> None:
    backup, key_file = await back_up(database, tmp_path)
    await restore.restore(other, backup, key_file)
    async with other.begin() as tx:
        await keys.check(tx)


async def test_an_empty_database_does_not_overwrite_the_keys_of_another(
    database: Database, other: Database, tmp_path: Path
) -> None:
    async with database.begin() as tx:
        await mei(tx)
    _, key_file = await back_up(database, tmp_path)
    before = key_file.read_bytes()
    await other.upgrade()
    async with other.begin() as tx:
        await keys.check(tx)
    with pytest.raises(StorageError, match="another database"):
        await backup_file.write_keys(other, key_file)
    assert key_file.read_bytes() == before
    await backup_file.write_keys(database, key_file)


async def test_e10_a_backup_that_goes_on_behind_its_end_is_refused(
    database: Database, other: Database, tmp_path: Path
) -> None:
    async with database.begin() as tx:
        await mei(tx)
    backup, key_file = await back_up(database, tmp_path)
    for more in (b"\0", backup.read_bytes()):
        longer = tmp_path / f"longer-{len(more)}.backup"
        longer.write_bytes(backup.read_bytes() + more)
        with pytest.raises(StorageError, match="behind its end"):
            await restore.restore(other, longer, key_file)
