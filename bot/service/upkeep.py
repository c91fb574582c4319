"""The upkeep of the storage: the sweep of expired rows, and the backup of the data keys."""

from dataclasses import dataclass

from bot.context import Context
from bot.jobs import Job
from bot.operators.room import OperatorsRoom
from bot.service.key_backup import KeyBackup
from bot.service.retention_sweep import RetentionSweep
from storage.database.events import PersonErased


@dataclass(frozen=True, slots=True)
class UpkeepRoom:
    """The sweep and the key backup."""

    key_backup: KeyBackup
    sweep: RetentionSweep
    jobs: tuple[Job, ...]


def build(context: Context, operators: OperatorsRoom) -> UpkeepRoom:
    """Build the room."""
    settings, database = context.settings, context.database
    key_backup = KeyBackup(database, settings.backup_dir)
    database.events.subscribe(PersonErased, key_backup.schedule)
    sweep = RetentionSweep(database, operators.messenger, settings.retention_days)
    return UpkeepRoom(key_backup, sweep, (Job("sweep", sweep.run, 3600.0),))
