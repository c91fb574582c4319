"""Keeps the file of data keys beside the backups up to date while the service runs.

An erasure must reach that file soon: until it does, a backup and the file together could still
bring the words back.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import structlog

from storage import Database
from storage.database.events import PersonErased
from storage.upkeep import backup

log = structlog.get_logger(__name__)
EVERY_S = 3600.0


class KeyBackup:
    """Writes `keys.pica`; does nothing where no folder for backups is set."""

    def __init__(self, database: Database, folder: Path | None) -> None:
        self._database = database
        self._folder = folder
        self._marked = asyncio.Event()

    def schedule(self, _erased: PersonErased) -> None:
        """Write the file soon: a key in it was destroyed."""
        self._marked.set()

    @property
    def is_due(self) -> bool:
        """Whether an erasure waits to be written."""
        return self._marked.is_set()

    async def run(self) -> None:
        """Write at the start, after every erasure, and every hour."""
        while True:
            self._marked.clear()
            if self._folder is not None:
                await self._write(self._folder)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._marked.wait()

    async def _write(self, folder: Path) -> None:
        try:
            await backup.write_keys(self._database, folder / backup.KEYS_FILE)
        except Exception as error:  # a full disk, a database that is away: tried again
            log.error("key_backup_failed", error=type(error).__name__)
            self._marked.set()
            await asyncio.sleep(10)
