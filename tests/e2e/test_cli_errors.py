"""What goes wrong at the command line ends in one line that says what to do, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.database import schema_version
from tests.e2e.test_cli import alone, database, mei_talks, pica, told

__all__ = ["alone", "database"]  # every test here runs in an empty folder too
CLOSED = "postgresql://pica:hush@127.0.0.1:9/pica"


@pytest.mark.parametrize(("model", "says"), [("nowhere/at all", "nowhere"), ("empty", "empty")])
def test_generate_names_a_model_that_is_none(model: str, says: str) -> None:
    Path("empty").mkdir()
    words = told("generate", "--model", model, stdin='{"query": "你好"}\n', status=1)
    assert says in words


@pytest.mark.parametrize("command", [("trace", "42"), ("pause",), ("db", "upgrade")])
def test_a_database_that_does_not_answer_is_said(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICA_DATABASE_URL", CLOSED)
    words = told(*command, status=1)
    assert "The database does not answer" in words
    assert "hush" not in words


def test_a_file_that_is_no_database_is_said() -> None:
    Path("var").mkdir()
    Path("var/pica.db").write_text("not a database at all" * 100)
    assert "The database does not answer" in told("trace", "42", status=1)


def test_a_schema_of_a_newer_program_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pica("db", "upgrade")
    monkeypatch.setattr(schema_version, "current", lambda _: "9999")
    assert "9999" in told("pause", status=1)


def test_restore_fills_no_database_that_holds_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    mei_talks()
    pica("backup", "there")
    (backup,) = Path("there").glob("*.backup")
    monkeypatch.setenv("PICA_DATA_DIR", "other")
    pica("db", "upgrade")
    pica("pause")
    assert "not empty" in told("restore", str(backup), status=1)


@pytest.mark.usefixtures("database")
def test_doctor_shows_brackets_as_they_are() -> None:
    pica("pause", "--why", "see [/ticket]")
    assert "see [/ticket]" in told("doctor", status=1)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PICA_REDIS_URL", "nowhere", "PICA_REDIS_URL is not a Redis URL"),
        ("PICA_WEBHOOK_URL", "https://example.org", "PICA_WEBHOOK_SECRET must be set"),
    ],
)
def test_serve_names_the_setting(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICA_TELEGRAM_TOKEN", "1:x")
    monkeypatch.setenv("PICA_ALLOW_DEMO_MODEL", "1")
    monkeypatch.setenv(variable, value)
    words = told("serve", status=1)
    assert says in words
    assert "Value error" not in words


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("PICA_TELEGRAM_TOKEN", "", "PICA_TELEGRAM_TOKEN is not set"),
        ("PICA_SECRET_KEY", "", "PICA_SECRET_KEY is not set"),
        ("PICA_ALLOW_DEMO_MODEL", "", "PICA_MODEL is not set"),
        ("PICA_SECRET_KEY", "not-a-key-at-all", "PICA_SECRET_KEY is not a valid key"),
        ("PICA_DATABASE_URL", "postgresql//pica:hush@host/pica", "PICA_DATABASE_URL is not a"),
    ],
)
def test_serve_says_what_is_missing_or_wrong_and_shows_no_secret(
    variable: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {"PICA_TELEGRAM_TOKEN": "1:x-secret", "PICA_ALLOW_DEMO_MODEL": "1"}
    for name, text in {**secrets, "PICA_HTTP_PORT": "0", variable: value}.items():
        monkeypatch.setenv(name, text)
    words = told("serve", status=1)
    assert says in words
    for secret in (value, "hush", "x-secret", os.environ["PICA_SECRET_KEY"]):
        assert not secret or secret not in words


@pytest.mark.parametrize(
    "command", [("trace", "9" * 30), ("invite", "--days", "99999999"), ("invite", "--uses", "0")]
)
def test_a_number_out_of_range_is_refused(command: tuple[str, ...]) -> None:
    pica(*command, status=2)


def test_a_command_imports_only_what_it_needs() -> None:
    code = (
        "import sys, bot.__main__\n"
        "heavy = {'torch', 'telegram', 'sqlalchemy', 'alembic', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": root})
