"""What commands and the service write is for its owner alone, whatever the umask is."""

import os
import shutil
import stat
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from bot.service.lifecycle import Service
from tests.e2e.test_cli import alone, pica, told

__all__ = ["alone"]  # every test here runs in an empty folder too


@pytest.fixture(autouse=True)
def careless() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def rights(*files: Path) -> set[str]:
    assert files
    return {oct(stat.S_IMODE(each.stat().st_mode)) for each in files}


async def test_a_start_narrows_the_files_of_an_older_version(
    start: Callable[..., Awaitable[Service]], sqlite_template: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "older"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "pica.db")
    (folder / "pica.db").chmod(0o644)
    (folder / "emergency.json").write_text("[]")
    service = await start(data_dir=folder)
    async with service.parts.database.read() as transaction:
        await transaction.run_sync(lambda connection: None)
        assert rights(*folder.iterdir()) == {"0o600"}
        assert {"pica.db-wal", "pica.db-shm"} <= {each.name for each in folder.iterdir()}
    assert rights(folder) == {"0o777"}  # it was there before


def test_commands_make_private_files(tmp_path: Path) -> None:
    pica("db", "upgrade")
    pica("backup", "kept/here")
    pica("labels", "export", "verdicts", "out/verdicts.jsonl")
    made = [Path("var"), Path("kept"), Path("kept/here"), Path("out")]
    assert rights(*made) == {"0o700"}
    files = [each for folder in made for each in folder.iterdir() if each.is_file()]
    assert len(files) >= 4
    assert rights(*files) == {"0o600"}


@pytest.mark.parametrize("was_there", [False, True])
def test_a_page_of_misses_is_private(was_there: bool, tmp_path: Path) -> None:
    folder, page = tmp_path / "messages", tmp_path / "misses.md"
    folder.mkdir()
    (folder / "own.jsonl").write_text('{"text": "今天天气很好"}\n', "utf-8")
    if was_there:
        page.write_text("older")
    pica("safety", "evaluate", str(folder), "--misses", str(page))
    assert rights(page) == {"0o600"}
    assert "older" not in page.read_text("utf-8")


def test_doctor_tells_who_else_may_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pica("db", "upgrade")
    assert "files: no other user can read them" in told("doctor", status=1)
    Path(".env").write_text("PICA_RETENTION_DAYS=180\n")
    Path("var/pica.db").chmod(0o644)
    monkeypatch.setenv("PICA_BACKUP_DIR", "kept")
    Path("kept").mkdir()
    said = told("doctor", status=1)
    assert "files: .env is open to other users Run `chmod 600 .env`" in said
    assert "files: pica.db is open to other users" in said
    assert "files: PICA_BACKUP_DIR is a folder open to other users" in said
    Path(".env").chmod(0o600)
    Path("var/pica.db").chmod(0o600)
    Path("kept").chmod(0o700)
    assert "files: no other user can read them" in told("doctor", status=1)
