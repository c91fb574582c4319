"""The schema's versions: which one a database has, and the way from one to the next."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from storage.database.vault import Vault

MIGRATIONS = Path(__file__).parents[1] / "migrations"
FIRST_SEALED = "0002"
"""Before it words stood in clear and there were no keys."""


class UnknownVersionError(Exception):
    """The schema's version is none that this program knows: a newer program made it."""


@cache
def newest() -> str:
    """The newest version that this program knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """The version of a database, or None where it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(connection: Connection, vault: Vault, version: str) -> bool:
    """Bring a database to a version; whether it had an older one.

    Raises:
        UnknownVersionError: the database, or the version asked for, is of a newer program.
    """
    before = current(connection)
    if before == (newest() if version == "head" else version):
        return False
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["vault"] = vault  # words that were stored in clear are sealed
    try:
        command.upgrade(config, version)
    except CommandError:
        raise UnknownVersionError(before or version) from None
    return before is not None and before != current(connection)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
