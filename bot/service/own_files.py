"""The permissions of the service's files and folders."""

from collections.abc import Iterator
from pathlib import Path

import structlog

from bot.receiving.fallback_reply import SPOOL
from bot.settings import ENV_FILE, Settings
from storage import Database
from storage.database import private_files
from storage.upkeep import backup

log = structlog.get_logger(__name__)


def narrow(settings: Settings, database: Database) -> None:
    """Make the service's files private, and log which ones were not.

    Folders stay as they are, because other programs may need them. The files in them are private.
    """
    result = private_files.narrow(_created(settings, database))
    if result.done:
        log.info("files_narrowed", files=[path.name for path in result.done])
    if result.left:
        names = [path.name for path in result.left]
        log.warning("files_open_to_others", files=names, to_do="chmod 600")
    for name, _ in open_folders(settings, database):
        log.warning("folder_open_to_others", folder=name, to_do="chmod 700")


def open_files(settings: Settings, database: Database | None) -> list[Path]:
    """Return the files that other users may read, including `.env`."""
    files = [*_created(settings, database), Path(ENV_FILE)]
    return [path for path in files if private_files.is_open_to_others(path)]


def open_folders(settings: Settings, database: Database | None) -> list[tuple[str, Path]]:
    """Return the folders that other users may read, each with the variable that names it."""
    folders = {"PICA_DATA_DIR": settings.data_dir}
    if database is not None and database.files:
        folders["PICA_DATABASE_URL"] = database.files[0].parent
    if settings.backup_dir is not None:
        folders["PICA_BACKUP_DIR"] = settings.backup_dir
    by_path = {path.absolute(): name for name, path in reversed(folders.items())}
    return [(name, path) for path, name in by_path.items() if private_files.is_open_to_others(path)]


def _created(settings: Settings, database: Database | None) -> Iterator[Path]:
    """Yield the files that this program creates, existing or not."""
    if database is not None:
        yield from database.files
    yield from settings.data_dir.glob(f"{SPOOL}*")
    if settings.backup_dir is not None:
        yield from settings.backup_dir.glob("*.backup*")
        yield from settings.backup_dir.glob(f"{backup.KEYS_FILE}*")
