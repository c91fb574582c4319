"""What the service keeps is for its own user alone, whatever the umask is."""

import json
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from bot.service import own_files
from bot.settings import Settings
from storage import Database, Vault, new_secret_key
from storage.database import private_files
from storage.upkeep import backup
from storage.upkeep.sealed_file import replacing

UMASKS = [0o000, 0o022, 0o777]


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=UMASKS, ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.fixture
def wide() -> Iterator[None]:
    """The umask of a careless machine."""
    before = os.umask(0)
    yield
    os.umask(before)


async def test_a_database_and_its_backups_are_private(umask: None, tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    database = Database(f"sqlite:///{folder / 'pica.db'}", Vault.parse(new_secret_key()))
    await database.upgrade()
    async with database.begin() as transaction:
        await transaction.run_sync(lambda connection: connection.exec_driver_sql("SELECT 1"))
        kept = tmp_path / "kept" / "here"
        there = {each.name for each in folder.iterdir()}
        assert there >= {"pica.db", "pica.db-wal", "pica.db-shm"}
        assert {each.name: rights(each) for each in folder.iterdir()} == dict.fromkeys(there, 0o600)
    await backup.write_backup(database, kept / "a.backup")
    await backup.write_keys(database, kept / backup.KEYS_FILE)
    await database.aclose()
    for made in (folder.parent, folder, kept.parent, kept):
        assert rights(made) == 0o700, made
    assert {each.name: rights(each) for each in kept.iterdir()} == {
        "a.backup": 0o600,
        backup.KEYS_FILE: 0o600,
    }


def test_a_folder_that_was_there_keeps_its_rights(wide: None, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    private_files.make_folder(shared / "own")
    assert (rights(shared), rights(shared / "own")) == (0o755, 0o700)


def test_a_file_replaces_a_link_and_a_wider_one(wide: None, tmp_path: Path) -> None:
    elsewhere, file = tmp_path / "elsewhere", tmp_path / "file"
    elsewhere.write_text("theirs")
    file.write_text("older")
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    fresh.symlink_to(elsewhere)  # somebody guessed the name
    with replacing(file) as out:
        assert rights(fresh) == 0o600
        out.write(b"newer")
    assert (file.read_text(), rights(file), elsewhere.read_text()) == ("newer", 0o600, "theirs")


def test_files_of_older_versions_are_narrowed_and_told(wide: None, tmp_path: Path) -> None:
    names = ["pica.db", "pica.db-wal", "pica.db-shm", "emergency.json"]
    for name in names:
        (tmp_path / name).touch()
    kept = tmp_path / "kept"
    private_files.make_folder(kept)
    for name in ("a.backup", "keys.pica"):
        (kept / name).touch()
    (tmp_path / "theirs.txt").touch()
    tmp_path.chmod(0o750)
    settings, database = _of(tmp_path, backup_dir=kept)
    with structlog.testing.capture_logs() as logs:
        own_files.narrow(settings, database)
        own_files.narrow(settings, database)
    made = [*(tmp_path / name for name in names), *(kept.iterdir())]
    assert {rights(each) for each in made} == {0o600}
    assert (rights(tmp_path), rights(tmp_path / "theirs.txt")) == (0o750, 0o666)
    narrowed, *rest = logs
    assert narrowed["event"] == "files_narrowed"
    assert sorted(narrowed["files"]) == sorted(each.name for each in made)
    assert [(each["event"], each["folder"]) for each in rest] == [
        ("folder_open_to_others", "PICA_DATA_DIR")
    ] * 2  # the folder is theirs: it is only told of


def test_what_cannot_be_narrowed_is_told(
    wide: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pica.db").touch()
    tmp_path.chmod(0o700)

    def refused(_self: Path, _mode: int) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "chmod", refused)
    settings, database = _of(tmp_path)
    with structlog.testing.capture_logs() as logs:
        own_files.narrow(settings, database)
    assert [(each["event"], each["files"]) for each in logs] == [
        ("files_open_to_others", ["pica.db"])
    ]


def test_a_file_that_its_owner_may_only_read_stays_so(tmp_path: Path) -> None:
    for before, after in ((0o400, 0o400), (0o444, 0o400), (0o755, 0o600), (0o600, 0o600)):
        file = tmp_path / oct(before)
        file.touch()
        file.chmod(before)
        private_files.narrow([file])
        assert rights(file) == after


async def test_sqlite_takes_the_file_that_was_made(tmp_path: Path) -> None:
    """An empty file is an empty database, and what is in one stays."""
    file = tmp_path / "pica.db"
    sqlite3.connect(file).execute("CREATE TABLE theirs (a)").connection.close()
    database = Database(f"sqlite:///{file}", Vault.parse(new_secret_key()))
    assert await database.version() is None
    await database.aclose()
    assert sqlite3.connect(file).execute("SELECT count(*) FROM theirs").fetchone() == (0,)


async def test_a_server_has_no_files() -> None:
    database = Database("postgresql://pica@127.0.0.1/pica", Vault.parse(new_secret_key()))
    assert database.files == ()
    await database.aclose()


def _of(folder: Path, **changed: object) -> tuple[Settings, Database]:
    settings = Settings(_env_file=None, data_dir=folder, **changed)  # type: ignore[arg-type]
    return settings, Database(settings.sql_url, Vault.parse(new_secret_key()))


def test_the_names_in_the_log_are_plain(tmp_path: Path) -> None:
    (tmp_path / "pica.db").touch()
    (tmp_path / "pica.db").chmod(0o644)
    settings, database = _of(tmp_path)
    with structlog.testing.capture_logs() as logs:
        own_files.narrow(settings, database)
    assert str(tmp_path) not in json.dumps(logs)
