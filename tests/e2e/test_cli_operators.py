"""`pica operators`, `pica audit`, and what `pica doctor` says of operators."""

import asyncio
import re
from datetime import datetime

import pytest
from sqlalchemy import text

from sandbox import Sandbox
from storage import Transaction
from storage.ids import CaseId
from storage.review import audit
from tests.e2e.test_cli import alone, database, in_database, json_lines, pica, telegram, told
from tests.integration.cast import SECRET, mei
from tests.support.web_hook import Hook

__all__ = ["alone", "database", "telegram"]


pytestmark = pytest.mark.usefixtures("database")


def test_the_list_is_kept_from_the_host() -> None:
    assert "No operator is listed" in told("operators", "list")
    assert told("operators", "add", "900", "--role", "admin", "--name", " Ann  Lin ") == (
        "900 is listed as admin."
    )
    assert told("operators", "add", "901", "--language", "en") == "901 is listed as reviewer."
    hours = "mon-fri 09:00-17:00; sat,sun 22:00-06:00"
    assert told("operators", "hours", "901", hours) == f"901: {hours} (Asia/Shanghai)"
    assert json_lines(pica("operators", "list", "--json")) == [
        {"telegram_id": 900, "name": "Ann Lin", "role": "admin", "language": "zh", "hours": ""},
        {"telegram_id": 901, "name": "", "role": "reviewer", "language": "en", "hours": hours},
    ]
    assert told("operators", "list") == f"900 admin zh Ann Lin - 901 reviewer en - {hours}"
    assert told("operators", "hours", "901", "--clear") == "901 has no hours."
    assert told("operators", "remove", "901") == "901 is no longer listed."
    assert [each["telegram_id"] for each in json_lines(pica("operators", "list", "--json"))] == [
        900
    ]
    acts = json_lines(pica("audit", "list", "--json"))
    assert [each["act"] for each in acts] == [
        "operator_added",
        "operator_added",
        "hours_set",
        "hours_set",
        "operator_removed",
    ]
    assert all(each["detail"]["by"] == "host" for each in acts)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("remove", "900"), "This is the last admin"),
        (("add", "900"), "This is the last admin"),  # as a reviewer
        (("remove", "7"), "No operator with this id is listed"),
        (("hours", "7", "mon 09:00-10:00"), "No operator with this id is listed"),
        (("hours", "900", "mon 9-10"), "write times as 09:00-17:00"),
        (("hours", "900"), "Give either hours"),
        (("hours", "900", "mon 09:00-10:00", "--clear"), "Give either hours"),
        (("add", "901", "--name", "x" * 65), "The name is too long"),
    ],
)
def test_what_is_refused_is_said_and_nothing_changes(arguments: tuple[str, ...], says: str) -> None:
    pica("operators", "add", "900", "--role", "admin")
    before = pica("operators", "list", "--json").stdout, pica("audit", "verify").stdout
    assert says in told("operators", *arguments, status=1)
    assert (pica("operators", "list", "--json").stdout, pica("audit", "verify").stdout) == before


def acts() -> None:
    """A case with a note, and a person who was erased."""

    async def work(transaction: Transaction) -> None:
        person = await mei(transaction)
        for case in (1, 1, 2):
            await audit.append(
                transaction,
                "noted",
                case_id=CaseId(case),
                person_id=person.person_id,
                detail={"level": 3},
                words=SECRET,
            )

    pica("db", "upgrade")
    in_database(work)


def test_a_whole_trail_is_listed_without_words_and_verified() -> None:
    acts()
    said = told("audit", "verify")
    head = re.search(r"head ([0-9a-f]{64})", said)
    assert said.startswith("3 records. The words of 0 were erased.")
    assert head is not None
    assert told("audit", "verify", "--head", head[1])
    assert "is not in the trail" in told("audit", "verify", "--head", "0" * 64, status=1)
    shown = pica("audit", "list").output
    assert SECRET not in shown
    instant, _, act = shown.splitlines()[0].partition("  ")
    assert datetime.fromisoformat(instant)
    assert act == 'noted  case 1  by -  {"level": 3}'
    assert len(shown.splitlines()) == 3
    assert [each["id"] for each in json_lines(pica("audit", "list", "--case", "1", "--json"))] == [
        1,
        2,
    ]


def test_a_trail_that_was_changed_ends_with_status_1() -> None:
    acts()

    async def tamper(transaction: Transaction) -> None:
        names = await transaction.execute(
            text("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='audit'")
        )
        for name in names.scalars().all():
            await transaction.execute(text(f"DROP TRIGGER {name}"))
        await transaction.execute(text("UPDATE audit SET act = 'x' WHERE audit_id = 2"))

    in_database(tamper)
    assert "record 2 or one before it was changed" in told("audit", "verify", status=1)


async def doctor_of_operators() -> dict[str, str]:
    findings = json_lines(await asyncio.to_thread(pica, "doctor", "--json"))
    return {each["name"]: f"{each['grade']}: {each['what']}" for each in findings}


async def test_doctor_on_operators(telegram: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    found = await doctor_of_operators()
    assert found["operators"] == "good: 1 listed, 1 on duty now"  # as the next start lists them
    assert found["operators' chat"] == "good: can be reached, with topics for cases from level 3"
    assert found["pager"].startswith("warning: none")
    await asyncio.to_thread(pica, "operators", "add", "900", "--role", "admin")
    never = "mon 00:00-00:01"
    await asyncio.to_thread(pica, "operators", "hours", "900", never)
    async with Hook(200) as hook:
        monkeypatch.setenv("PICA_PAGER_WEBHOOK", hook.url)
        found = await doctor_of_operators()
        assert found["operators"] in (
            "warning: 1 listed, 0 on duty now",
            "good: 1 listed, 1 on duty now",  # that minute
        )
        assert found["pager"] == "good: webhook; not tried"
        assert hook.bodies == []
        assert hook.url not in str(found)
    plain = telegram.add_group("plain", [telegram.operator])
    monkeypatch.setenv("PICA_OPERATORS_CHAT", str(plain))
    assert (await doctor_of_operators())["operators' chat"].startswith("warning: has no topics")
    monkeypatch.setenv("PICA_OPERATORS_CHAT", "-5")
    chat = json_lines(await asyncio.to_thread(pica, "doctor", "--json", status=1))
    assert any(each["name"] == "operators' chat" and each["grade"] == "bad" for each in chat)
