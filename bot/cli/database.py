"""The database of the settings, for commands that read or change it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from bot.cli.terminal import errors
from bot.settings import Settings, load

T = TypeVar("T")


def with_database(
    work: Callable[[Any, Settings], Awaitable[T]],
    *,
    upgrade: bool = False,
    any_version: bool = False,
) -> T:
    """Run work on the configured database.

    `upgrade` upgrades the schema first. `any_version` accepts an older schema.
    """
    from bot.context import open_database
    from storage import StorageError
    from storage.database import keys, schema_version

    async def run() -> T:
        settings = load()
        database = open_database(settings)
        try:
            if upgrade:
                await database.upgrade()
            version = await database.version()
            if version is None:
                raise StorageError(
                    f"There is no database at {database.place}. Run this in the folder of the "
                    "service, or set PICA_DATA_DIR or PICA_DATABASE_URL as it does. "
                    "`pica db upgrade` makes a new one."
                )
            if version != schema_version.newest() and not any_version:
                raise StorageError(
                    f"The database has schema version {version}, but this program needs "
                    f"{schema_version.newest()}. Make a backup (`pica backup`), then run "
                    "`pica db upgrade`."
                )
            async with database.begin() as transaction:
                await keys.check(transaction)
            return await work(database, settings)
        finally:
            await database.aclose()

    with errors():
        return asyncio.run(run())


def with_rows(read: Callable[[Any], Awaitable[T]]) -> T:
    """Run work that only reads, in a transaction on the configured database."""

    async def work(database: Any, _settings: Settings) -> T:
        async with database.read() as transaction:
            return await read(transaction)

    return with_database(work)
