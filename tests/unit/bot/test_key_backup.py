"""The file of data keys is written when it must be, and nothing spins in between."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.service.key_backup import KeyBackup
from storage import Database, Vault, new_secret_key
from storage.database.events import PersonErased
from storage.upkeep import backup
from tests.support.waiting import until

NOW = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("has_folder", [False, True])
async def test_an_erasure_is_followed_once(tmp_path: Path, has_folder: bool) -> None:
    database = Database(f"sqlite:///{tmp_path}/pica.db", Vault.parse(new_secret_key()))
    await database.create()
    folder = tmp_path / "backups" if has_folder else None
    keeper = KeyBackup(database, folder)
    running = asyncio.create_task(keeper.run())
    keeper.schedule(PersonErased())
    await until(lambda: not keeper.is_due)  # the loop is free meanwhile
    if folder is not None:
        await until((folder / backup.KEYS_FILE).exists)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.aclose()
