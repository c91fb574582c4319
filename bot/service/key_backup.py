"""The backup of the data keys, a file that is kept up to date beside the backups.

An erasure must reach the file soon. Until then, a backup and the file could together restore the
erased text.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from storage import Database
from storage.database.events import PersonErased
from storage.upkeep import backup

log = structlog.get_logger(__name__)
EVERY_S = 3600.0


@dataclass(frozen=True, slots=True)
class KeyBackup:
    """Write `keys.pica` if a folder for backups is set."""

    database: Database
    folder: Path | None
    _marked: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def schedule(self, _erased: PersonErased) -> None:
        """Write the file soon, because a key in it was destroyed."""
        self._marked.set()

    @property
    def is_due(self) -> bool:
        """Whether an erasure is not in the file yet."""
        return self._marked.is_set()

    async def run(self) -> None:
        """Write at the start, after every erasure, and every hour."""
        while True:
            self._marked.clear()
            if self.folder is not None:
                await self._write(self.folder)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._marked.wait()

    async def _write(self, folder: Path) -> None:
        try:
            await backup.write_keys(self.database, folder / backup.KEYS_FILE)
        except Exception as error:  # a full disk or no database: try again
            log.error("key_backup_failed", error=type(error).__name__)
            self._marked.set()
            await asyncio.sleep(10)
