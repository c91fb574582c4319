"""What every test stands on."""

import asyncio
import gc
import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings
from sqlalchemy import delete

from safety.screening.screener import Screener
from storage import Database, Vault, new_secret_key
from storage.database.schema import data_keys
from tests.support.shared_dialect import share_compiled_statements

share_compiled_statements()

# The embedded PostgreSQL asks for a runtime folder, which a container has not.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pica-tests-"))

# `pytest --hypothesis-profile=thorough` looks longer than a suite has time for.
settings.register_profile("thorough")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """What is imported and collected stays: the garbage collector need not go through it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def screener() -> Screener:
    """Building it takes seconds, and it holds no state."""
    return Screener.load()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema: running every migration takes longer than most tests."""
    path = tmp_path_factory.mktemp("template") / "pica.db"
    upgrade(f"sqlite:///{path}")
    return path


def upgrade(url: str) -> None:
    """Bring an empty database to the newest schema, whatever loop runs here; it holds no keys."""

    async def work() -> None:
        database = Database(url, Vault.parse(new_secret_key()))
        await database.upgrade()
        async with database.begin() as transaction:
            await transaction.execute(delete(data_keys))
        await database.aclose()

    thread = threading.Thread(target=asyncio.run, args=(work(),))
    thread.start()
    thread.join()


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Logging is set up for the whole process: put it back after a test that does so."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configured)
