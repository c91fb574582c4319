"""Watches who may read the files and folders of the service."""

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
    """Take the rights of others away from the service's files, and say so.

    A folder stays as it is: who made it may have had a reason, and its files are narrow anyway.
    """
    found = private_files.narrow(_made(settings, database))
    if found.done:
        log.info("files_narrowed", files=_names(found.done))
    if found.left:
        log.warning("files_open_to_others", files=_names(found.left), to_do="chmod 600")
    for name, _ in open_folders(settings, database):
        log.warning("folder_open_to_others", folder=name, to_do="chmod 700")


def open_files(settings: Settings, database: Database | None) -> list[Path]:
    """Give the files that others may use, the settings' own too."""
    files = [*_made(settings, database), Path(ENV_FILE)]
    return [each for each in files if private_files.is_open_to_others(each)]


def open_folders(settings: Settings, database: Database | None) -> list[tuple[str, Path]]:
    """Give the folders that others may use, each with what names it."""
    folders = {"PICA_DATA_DIR": settings.data_dir}
    if database is not None and database.files:
        folders["PICA_DATABASE_URL"] = database.files[0].parent
    if settings.backup_dir is not None:
        folders["PICA_BACKUP_DIR"] = settings.backup_dir
    by_path = {path.absolute(): name for name, path in reversed(folders.items())}
    return [(name, path) for path, name in by_path.items() if private_files.is_open_to_others(path)]


def _made(settings: Settings, database: Database | None) -> Iterator[Path]:
    """The files that this program makes, whether they are there or not."""
    if database is not None:
        yield from database.files
    yield from settings.data_dir.glob(f"{SPOOL}*")
    if settings.backup_dir is not None:
        yield from settings.backup_dir.glob("*.backup*")
        yield from settings.backup_dir.glob(f"{backup.KEYS_FILE}*")


def _names(files: tuple[Path, ...]) -> list[str]:
    return [each.name for each in files]
