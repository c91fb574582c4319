"""Backups, the schema and the secret key."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.database import with_database
from bot.cli.terminal import errors, progress
from bot.settings import Settings, load

key = typer.Typer(help="The secret key that seals what people say.", no_args_is_help=True)
db = typer.Typer(help="The database's schema.", no_args_is_help=True)


def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder to write to. Default: PICA_BACKUP_DIR.")
    ] = None,
) -> None:
    """Write an encrypted backup and the newest keys.pica beside it, while the service runs.

    Keep as many backups as you like, but only the newest keys.pica. It lacks the keys of people
    who used /forget, so no backup can reveal their words.
    """
    from storage.upkeep import backup as backup_file

    async def write(database: Any, settings: Settings) -> tuple[Path, int]:
        to = folder or settings.backup_dir
        if to is None:
            raise ValueError("PICA_BACKUP_DIR is not set. Set it, or name a folder.")
        made_at = database.now()
        path = to / f"pica-{made_at:%Y%m%d-%H%M%S}.backup"
        with progress("Backing up", unit="rows") as report:
            rows = await backup_file.write_backup(database, path, progress=report)
        await backup_file.write_keys(database, to / backup_file.KEYS_FILE)
        return path, rows

    path, rows = with_database(write, any_version=True)
    typer.echo(f"{path} ({rows} rows)")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `pica backup` wrote.")],
    keys: Annotated[
        Path | None, typer.Option(help="The newest keys.pica. Default: the one beside the backup.")
    ] = None,
) -> None:
    """Fill an empty database from a backup.

    People who used /forget since the backup are left out. Replies that waited are not sent.
    """
    from bot.context import open_database
    from storage.upkeep import backup as backup_file
    from storage.upkeep import restore as restore_file

    async def run() -> dict[str, int]:
        database = open_database(load())
        try:
            with progress("Restoring", unit="rows") as report:
                return await restore_file.restore(
                    database, file, keys or file.with_name(backup_file.KEYS_FILE), progress=report
                )
        finally:
            await database.aclose()

    with errors():
        counts = asyncio.run(run())
    erased = counts.pop("erased_since")
    typer.echo(f"{sum(counts.values())} rows restored. {erased} people erased since are left out.")


@db.command("upgrade")
def db_upgrade() -> None:
    """Upgrade the database's schema to the version of this program.

    `pica serve` does the same at its start. Make a backup first: `pica backup` also reads older
    versions.
    """

    async def read(database: Any, _settings: Settings) -> str | None:
        version: str | None = await database.version()
        return version

    typer.echo(f"The schema is at version {with_database(read, upgrade=True)}.")


@key.command("new")
def key_new() -> None:
    """Print a new secret key to put into .env as PICA_SECRET_KEY.

    Keep a copy apart from the backups. Without the key nothing that people said can be read.
    """
    from storage import new_secret_key

    typer.echo(new_secret_key())


@key.command("rotate")
def key_rotate() -> None:
    """Wrap every person's key with the newest secret key.

    Put the new key before the old one (PICA_SECRET_KEY=new,old), restart, run this, make a
    backup, then remove the old one and restart again. People's words are not encrypted again.
    Older backups still need the old key, so keep it as long as you keep them.
    """
    from storage.database import keys

    async def rotate(database: Any, _settings: Settings) -> int:
        done = 0
        with progress("Wrapping keys", unit="rows") as report:
            while True:
                async with database.begin() as transaction:
                    count: int = await keys.rewrap(transaction, limit=500)
                done += count
                report(done, 0)
                if not count:
                    return done

    count = with_database(rotate)
    typer.echo(
        f"{count} keys wrapped again. The service no longer needs older secret keys. Keep them "
        "in a safe place, because older backups open only with them."
    )
