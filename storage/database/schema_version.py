"""The version of a database's schema, and its migrations."""

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
# Older versions stored text in clear and had no keys.
FIRST_SEALED = "0002"


class UnknownVersionError(Exception):
    """The schema has a version that this program does not know."""


@cache
def newest() -> str:
    """Return the newest version that this program knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def current(connection: Connection) -> str | None:
    """Return the version of a database, or None if it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def migrate(connection: Connection, vault: Vault, version: str) -> bool:
    """Upgrade a database, and return whether it had an older version.

    Raises:
        UnknownVersionError: the database or the requested version is newer than this program.
    """
    before = current(connection)
    if before == (newest() if version == "head" else version):
        return False
    config = _config()
    config.attributes["connection"] = connection
    config.attributes["vault"] = vault  # seals text that was stored in clear
    try:
        command.upgrade(config, version)
    except CommandError:
        raise UnknownVersionError(before or version) from None
    return before is not None and before != current(connection)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
