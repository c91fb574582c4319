"""The `pica` command line: what each command prints, with which status it ends, what it leaves."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from bot.__main__ import app
from bot.cli.doctor import Grade
from bot.context import open_database
from bot.settings import load
from sandbox import Sandbox
from storage import Transaction, Vault, new_secret_key
from storage.companion import people, pilot, transcripts
from storage.database import schema_version
from storage.ids import OperatorId
from storage.review import lexicon_changes
from storage.upkeep import erasure
from tests.integration.cast import NOW, SECRET, mei, says

T = TypeVar("T")
NOBODY = "http://127.0.0.1:9"
ANSWER = "我在听"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logging_restored: None) -> None:
    """An empty folder; no `.env` and no variable of whoever runs the tests is read."""
    for name in [name for name in os.environ if name.startswith("PICA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PICA_SECRET_KEY", new_secret_key())
    monkeypatch.setenv("PICA_TELEGRAM_API_URL", NOBODY)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def telegram(sandbox: Sandbox, alone: None, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A Telegram that the commands reach; run them in a thread, it answers in this one."""
    monkeypatch.setenv("PICA_TELEGRAM_TOKEN", sandbox.token)
    monkeypatch.setenv("PICA_TELEGRAM_API_URL", sandbox.api_url)
    monkeypatch.setenv("PICA_OPERATORS_CHAT", str(sandbox.operators_chat_id))
    monkeypatch.setenv("PICA_OPERATORS", str(sandbox.operator.id))
    monkeypatch.setenv("PICA_ALLOW_DEMO_MODEL", "1")
    return sandbox


def pica(*arguments: str, stdin: str | bytes | None = None, status: int = 0) -> Result:
    """Run a command; nothing but an exit may end it."""
    result = CliRunner().invoke(app, arguments, input=stdin)
    assert isinstance(result.exception, SystemExit | None), repr(result.exception)
    assert result.exit_code == status, result.output
    return result


def told(*arguments: str, stdin: str | None = None, status: int = 0) -> str:
    """What a command says, on one line."""
    return " ".join(pica(*arguments, stdin=stdin, status=status).output.split())


@pytest.fixture
def database(alone: None) -> None:
    """An empty database where the commands look for it."""
    pica("db", "upgrade")


def json_lines(result: Result) -> list[Any]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def in_database(work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Work in a transaction of the database that the commands see."""

    async def run() -> T:
        database = open_database(load())
        try:
            async with database.begin() as transaction:
                return await work(transaction)
        finally:
            await database.aclose()

    return asyncio.run(run())


def mei_talks() -> None:
    async def work(transaction: Transaction) -> None:
        await says(transaction, await mei(transaction), SECRET, answer=ANSWER)

    pica("db", "upgrade")
    in_database(work)


def words_of_mei() -> list[str]:
    async def work(transaction: Transaction) -> list[str]:
        person = await people.by_telegram_id(transaction, 42)
        assert person is not None
        return [turn.text for turn in await transcripts.history(transaction, person.person_id)]

    return in_database(work)


def is_let_in(code: str) -> bool:
    return in_database(lambda transaction: pilot.redeem(transaction, code))


def registered(command: Any, *names: str) -> Iterator[Any]:
    """Every command below one, with the first words of its help."""
    opening = " ".join(command.help.split()[:3])
    yield pytest.param(names, opening, id=" ".join(("pica", *names)))
    for name, each in getattr(command, "commands", {}).items():
        yield from registered(each, *names, name)


@pytest.mark.parametrize(("names", "opening"), [*registered(get_command(app))])
def test_every_command_says_what_it_does(names: tuple[str, ...], opening: str) -> None:
    assert opening in told(*names, "--help")


def test_screen_reads_lines_in_order_and_skips_empty_ones() -> None:
    lines = [json.dumps({"text": text}) for text in ("今天天气很好", "我想死")]
    calm, risky = json_lines(pica("screen", stdin="\n\n".join(lines)))
    assert (calm["level"], calm["categories"], calm["matches"]) == (0, [], [])
    assert risky["level"] >= 3
    assert risky["categories"] and risky["matches"]


def test_screen_reads_history_and_the_question_before() -> None:
    rows = [
        {"text": "我决定好了"},
        {"text": "我决定好了", "history": ["我想死"]},
        {"text": "嗯", "asked": "risk"},
        {"text": "yes", "asked": "injury"},
        {"text": "吃了几片药", "asked": "injury"},
        {"text": "割了一下", "asked": "injury"},
        {"text": "I took some pills", "asked": "injury"},
        {"text": "刚吃了晚饭", "asked": "injury"},
    ]
    found = json_lines(pica("screen", stdin="\n".join(map(json.dumps, rows))))
    assert [row["level"] for row in found] == [0, 3, 3, 4, 4, 4, 4, 0]


def test_screen_says_what_a_text_asks() -> None:
    texts = ["能和真人说话吗", "are you human?", "谢谢你，晚安", "你是我唯一的朋友"]
    rows = json_lines(pica("screen", stdin="\n".join(json.dumps({"text": t}) for t in texts)))
    assert [row["request"] for row in rows] == ["human", "identity", None, None]


@pytest.mark.parametrize(
    "bad",
    [
        "no json",
        "[1]",
        "{}",
        '{"text": 5}',
        "null",
        '{"text": "a", "history": "b"}',
        '{"text": "a", "history": [1]}',
        '{"text": "a", "asked": "name"}',
    ],
)
def test_screen_names_the_line_that_is_none(bad: str) -> None:
    result = pica("screen", stdin=f'{{"text": "你好"}}\n{bad}\n{{"text": "你好"}}', status=1)
    assert len(json_lines(result)) == 1
    assert result.stderr.startswith("line 2: expected")


def test_a_new_key_is_a_key() -> None:
    made = [pica("key", "new").stdout.strip() for _ in range(2)]
    assert len({Vault.parse(key).master for key in made}) == 2


def test_db_upgrade_begins_a_database_and_brings_up_an_older_one() -> None:
    in_database(lambda each: each.run_sync(schema_version.migrate, each.vault, "0001"))
    assert "pica db upgrade" in told("trace", "1", status=1)
    for _ in range(2):
        assert told("db", "upgrade") == f"The schema is at version {schema_version.newest()}."
    pica("trace", "1")


def test_a_backup_fills_an_empty_database_and_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mei_talks()
    assert "PICA_BACKUP_DIR" in told("backup", status=1)
    monkeypatch.setenv("PICA_BACKUP_DIR", str(tmp_path / "kept"))
    pica("backup")
    (file,) = (tmp_path / "kept").glob("*.backup")
    assert SECRET.encode() not in file.read_bytes()
    assert "not empty" in told("restore", str(file), status=1)
    monkeypatch.setenv("PICA_DATA_DIR", str(tmp_path / "new"))
    assert "0 people erased since" in told("restore", str(file))
    assert words_of_mei() == [SECRET, ANSWER]
    assert "not empty" in told("restore", str(file), status=1)


@pytest.mark.usefixtures("database")
def test_an_invite_lets_as_many_in_as_it_says() -> None:
    start, code = pica("invite", "--uses", "2").stdout.split()
    assert start == "/start"
    assert [is_let_in(code) for _ in range(3)] == [True, True, False]


@pytest.mark.usefixtures("database")
def test_revoked_invites_let_nobody_in() -> None:
    codes = [pica("invite").stdout.split()[1] for _ in range(2)]
    assert told("invite", "--revoke").endswith("2 invites revoked.")
    assert not any(is_let_in(code) for code in codes)
    assert told("invite", "--revoke").endswith("0 invites revoked.")


@pytest.mark.usefixtures("database")
async def test_with_a_token_an_invite_is_a_link(
    telegram: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PICA_PILOT", "1")
    link, _, code = (await asyncio.to_thread(told, "invite")).partition("?start=")
    assert link == "https://t.me/pica_sandbox_bot"
    assert await asyncio.to_thread(is_let_in, code)


@pytest.mark.usefixtures("database")
def test_a_pause_and_its_end_are_said_once() -> None:
    assert told("pause", "--why", "wrong numbers").startswith("Paused.")
    assert told("pause") == "The model is already paused."
    assert "(wrong numbers): reviewed replies only" in told("doctor", status=1)
    assert told("resume") == "The model speaks again."
    assert told("resume") == "The model was not paused."


def test_doctor_says_what_to_do_about_everything_that_is_not_good() -> None:
    findings = json_lines(pica("doctor", "--json", status=1))
    assert {each["name"] for each in findings} >= {"token", "model", "disk", "clock", "hotlines"}
    for each in findings:
        assert each.keys() == {"name", "grade", "what", "to_do"}
        assert each["name"] and each["what"]
        assert bool(each["to_do"]) is (Grade(each["grade"]) is not Grade.GOOD)
    assert "PICA_TELEGRAM_TOKEN is not set" in told("doctor", status=1)


def test_doctor_tells_of_replay_data_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PICA_REPLAY_DATA", str(tmp_path / "away"))
    assert "PICA_REPLAY_DATA is not a folder" in told("doctor", status=1)
    (tmp_path / "away").mkdir()
    assert "no .jsonl or .jsonl.xz file" in told("doctor", status=1)
    (tmp_path / "away" / "rows.jsonl").touch()
    assert "replay data: there" in told("doctor", status=1)


def test_doctor_tells_of_a_live_change_that_no_longer_fits() -> None:
    async def live(transaction: Transaction, body: str) -> int:
        by = OperatorId(1)
        number = await lexicon_changes.propose(transaction, body, operator_id=by)
        before, after = lexicon_changes.ChangeState.PROPOSED, lexicon_changes.ChangeState.LIVE
        assert await lexicon_changes.decide(
            transaction,
            number,
            before=before,
            after=after,
            operator_id=by,
            decided_at=transaction.now,
        )
        return number

    pica("db", "upgrade")
    in_database(lambda transaction: live(transaction, "why: x\ndisable: [en.others.now]\n"))
    assert "lexicon: 1 live changes apply" in told("doctor", status=1)
    number = in_database(lambda transaction: live(transaction, "why: x\ndisable: [zh.no.such]\n"))
    said = told("doctor", status=1)
    assert f"change {number} is live and cannot be used" in said
    assert f"pica lexicon withdraw {number} --yes" in said


async def test_doctor_ends_well_where_nothing_is_bad(telegram: Sandbox) -> None:
    findings = json_lines(await asyncio.to_thread(pica, "doctor", "--json"))
    whats = {each["name"]: each["what"] for each in findings}
    assert whats["token"] == "belongs to @pica_sandbox_bot"
    assert telegram.token not in str(findings)


def test_trace_tells_of_messages_without_their_words() -> None:
    mei_talks()
    result = pica("trace", "42", "--json")
    (hop,) = json_lines(result)
    assert (hop["update_id"], hop["kind"]) == (1, "words")
    assert SECRET not in result.output + told("trace", "42")
    assert told("trace", "7") == "No message of this chat is known."
    assert told("trace", "7", "--json") == ""


def test_a_receipt_is_real_or_not() -> None:
    erased = erasure.Erased("20260102-ab12", NOW, turns=3, sessions=(), kept_cases=0)
    pica("db", "upgrade")
    in_database(lambda transaction: erasure.keep_receipt(transaction, erased))
    assert told("receipt", "20260102-ab12") == "Erased at 2026-01-02 03:04 UTC: 3 turns."
    assert told("receipt", "20260102-ab13", status=1).startswith("This receipt is not known")


def test_after_a_rotation_the_new_key_opens_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = os.environ["PICA_SECRET_KEY"], new_secret_key()
    mei_talks()
    monkeypatch.setenv("PICA_SECRET_KEY", f"{new},{old}")
    assert told("key", "rotate").startswith("2 keys wrapped again.")
    assert told("key", "rotate").startswith("0 keys wrapped again.")
    monkeypatch.setenv("PICA_SECRET_KEY", new)
    assert words_of_mei() == [SECRET, ANSWER]
    monkeypatch.setenv("PICA_SECRET_KEY", old)
    assert "not the key that this was written with" in told("trace", "42", status=1)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PICA_SECRET_KEY", ""),
        ("PICA_SECRET_KEY", "hush"),
        ("PICA_DATABASE_URL", "hush"),
        ("PICA_DATABASE_URL", "mysql://pica:hush@host/pica"),
        ("PICA_RETENTION_DAYS", "hush"),
        ("PICA_HTTP_PORT", "99999"),
        ("PICA_OPERATORS", "900,hush"),
        ("PICA_WEBHOOK_URL", "https://hush.example"),  # without its secret
    ],
)
def test_a_setting_that_does_not_work_is_named_and_not_shown(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    said = told("trace", "42", status=1)
    assert variable in said
    assert "hush" not in said
