"""The check of who can read the service's files."""

from bot.cli.doctor.findings import Finding, good, warning
from bot.context import open_database
from bot.service import own_files
from bot.settings import Settings
from storage import SecretKeyError, StorageError


async def check_files(settings: Settings) -> list[Finding]:
    """Check that no other user of this machine can read the files or open the folders."""
    try:
        database = open_database(settings)
    except (StorageError, SecretKeyError):  # other checks report it
        database = None
    try:
        files = own_files.open_files(settings, database)
        folders = own_files.open_folders(settings, database)
    finally:
        if database is not None:
            await database.aclose()
    findings = [
        warning("files", f"{file.name} is open to other users", f"Run `chmod 600 {file}`.")
        for file in files
    ]
    findings += [
        warning("files", f"{name} is a folder open to other users", f"Run `chmod 700 {path}`.")
        for name, path in folders
    ]
    return findings or [good("files", "no other user can read them")]
