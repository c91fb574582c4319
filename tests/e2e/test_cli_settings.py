"""D2: the command line names every fault of the settings, and touches no wrong folder."""

import json
import socket
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from bot import settings as bot_settings
from bot.settings import Settings, SettingsError, load
from storage import new_secret_key
from tests.e2e.test_cli import alone, pica, told

__all__ = ["alone"]
READY = {"PICA_TELEGRAM_TOKEN": "1:x", "PICA_ALLOW_DEMO_MODEL": "1", "PICA_HTTP_PORT": "0"}


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program holds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_d2_the_version_is_printed() -> None:
    assert told("--version") == f"pica-companion {metadata.version('pica-companion')}"


def test_d2_serve_tells_every_fault_at_once(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    wrong = {
        "PICA_SECRET_KEY": "not-a-key",
        "PICA_DATABASE_URL": "mysql://a:hush@b/c",
        "PICA_REDIS_URL": "nowhere",
        "PICA_OPERATORS": "lin",
        "PICA_MAX_RUNNING": "0",
        "PICA_DTYPE": "float8",
        "PICA_LOCAL_CONTACTS": "nowhere.toml",
        "PICA_HTTP_PORT": str(taken),
        "PICA_PREFX": "NEUDM/PICA-V1",
    }
    set_all(monkeypatch, **wrong)
    faults = pica("serve", status=1).stderr.splitlines()
    named = [fault.split()[0].rstrip(":") for fault in faults]
    assert set(named) == {*wrong, "PICA_TELEGRAM_TOKEN", "PICA_MODEL"}
    assert len(named) == len(set(named))
    text = "\n".join(faults)
    assert not any(secret in text for secret in ("not-a-key", "hush", "lin,", "Value error"))


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PICA_OPERATORS", "lin", "PICA_OPERATORS: must be Telegram ids, separated by commas"),
        ("PICA_OPERATORS", "12, x", "PICA_OPERATORS: must be Telegram ids, separated by commas"),
        ("PICA_PILOT_PEOPLE", "@mei", "PICA_PILOT_PEOPLE: must be Telegram ids"),
        ("PICA_OPERATORS_CHAT", "ops", "PICA_OPERATORS_CHAT: must be a whole number"),
        ("PICA_RETENTION_DAYS", "0", "PICA_RETENTION_DAYS: must be greater than or equal to 1"),
        ("PICA_STREAMING", "yes", "PICA_STREAMING: must be 'draft', 'edit' or 'off'"),
        ("PICA_OPERATOR", "12", "PICA_OPERATOR is not a setting. Do you mean PICA_OPERATORS?"),
        ("PICA_TELEGRAM_TOCKEN", "1:x", "Do you mean PICA_TELEGRAM_TOKEN?"),
        ("PICA_BACKUPS_DIR", "there", "Do you mean PICA_BACKUP_DIR?"),
        ("PICA_HTTP_HOST", "203.0.113.9", "PICA_HTTP_HOST: 203.0.113.9 is not an address of this"),
    ],
)
def test_d2_a_fault_names_its_variable_and_what_to_write(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, **READY, **{variable: value})
    assert says in told("serve", status=1)


def test_d2_a_misspelling_in_the_file_is_found() -> None:
    Path(".env").write_text("PICA_OPERATER=12\n", "utf-8")
    assert "Do you mean PICA_OPERATORS?" in told("pause", status=1)


def test_d2_a_variable_like_no_setting_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PICA_COFFEE", "black")
    load()
    assert "PICA_COFFEE is not a setting, so nothing reads it" in told("doctor", status=1)


@pytest.mark.parametrize("command", [("pause",), ("trace", "42"), ("invite",), ("backup", "b")])
def test_d2_a_wrong_folder_gets_no_new_database(command: tuple[str, ...]) -> None:
    assert "There is no database at" in told(*command, status=1)
    assert not Path("var").exists()


def test_d2_doctor_makes_nothing_either() -> None:
    told("doctor", status=1)
    assert not Path("var").exists()


def test_d2_a_wrong_key_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    pica("db", "upgrade")
    monkeypatch.setenv("PICA_SECRET_KEY", new_secret_key())
    assert "PICA_SECRET_KEY is not the key that this was written with" in told("pause", status=1)
    assert "bad secret key: PICA_SECRET_KEY is not the key" in told("doctor", status=1)


@pytest.mark.parametrize("folder", ["a-file", "a-file/below"])
def test_d2_a_folder_that_cannot_be_one_is_named(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a-file").write_text("x", "utf-8")
    monkeypatch.setenv("PICA_DATA_DIR", folder)
    assert str(Path(folder, "pica.db").absolute()) in told("db", "upgrade", status=1)


def test_d2_a_taken_port_is_told_before_the_model_is_loaded(
    taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (told("demo", "--port", str(taken), status=1), _served(taken, monkeypatch)):
        assert f"port {taken} of 127.0.0.1 is taken by another program" in words
        assert "Errno" not in words


def _served(port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    set_all(monkeypatch, **READY | {"PICA_HTTP_PORT": str(port)})
    return told("serve", status=1)


def test_d2_an_invite_without_a_pilot_says_that_it_opens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pica("db", "upgrade")
    assert "PICA_PILOT is not 1" in told("invite")
    monkeypatch.setenv("PICA_PILOT", "1")
    assert "PICA_PILOT" not in told("invite")


def test_d2_doctor_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pica("doctor", status=1).stderr.splitlines()[-1].startswith("Not ready: ")
    monkeypatch.setenv("PICA_OPERATORS", "lin")
    lines = pica("doctor", status=1).stderr.splitlines()
    assert lines[0].startswith("bad  settings: PICA_OPERATORS")
    assert lines[-1].startswith("Not ready: ")
    (line,) = pica("doctor", "--json", status=1).stdout.splitlines()
    assert json.loads(line)["grade"] == "bad"


def test_d2_the_example_file_gives_each_default() -> None:
    """README and `.env.example` cannot differ: both must agree with the code."""
    example = Path(__file__).parents[2] / ".env.example"
    given = dict(
        line.split("=", 1)
        for line in example.read_text("utf-8").splitlines()
        if line.startswith("PICA_")
    )
    assert {f"PICA_{name.upper()}" for name in Settings.model_fields} == set(given)
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patched:
        for name, value in given.items():
            patched.setenv(name, value)
        read = load()
    for name, field in Settings.model_fields.items():
        if name not in ("model", "prefix"):  # the file names the real ones
            assert getattr(read, name) == field.get_default(), name


def test_secrets_come_from_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = new_secret_key()
    (tmp_path / "pica_secret_key").write_text(f"{secret}\n", "utf-8")
    monkeypatch.delenv("PICA_SECRET_KEY")
    monkeypatch.setenv(bot_settings.CREDENTIALS_DIRECTORY, str(tmp_path))
    read = load().secret_key
    assert read is not None
    assert read.get_secret_value() == secret


def test_a_fault_in_a_file_of_secrets_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pica_smtp_url").write_text("ftp://user:hush@host", "utf-8")
    monkeypatch.setenv(bot_settings.CREDENTIALS_DIRECTORY, str(tmp_path))
    with pytest.raises(SettingsError, match="PICA_SMTP_URL") as raised:
        load()
    assert "hush" not in str(raised.value)
