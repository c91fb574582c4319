"""What people see of their own data and decide: memory, training, export, off record, erasure."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from sandbox.screen import SandboxMessage
from storage import utc_now
from storage.companion import transcripts
from storage.companion.people import Person
from storage.database import keys, schema, schema_review
from storage.ids import PersonId
from storage.upkeep import erasure
from storage.upkeep.retention import ERASED_CASES_DAYS
from tests.e2e.conftest import answer_to, newcomer_agrees, opening, person_of

Start = Callable[..., Awaitable[Service]]
Words = list[tuple[str, str]]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RISK = "我想死"
OPEN_WORDS = "今天去公园走了走"
SECRET_WORDS = "其实我偷偷养了一只猫"


async def talks(user: SandboxUser, words: str, role: str = "companion") -> Words:
    """Say something; what was said and replied, as it should be kept."""
    return [("person", words), (role, await answer_to(user, words))]


async def pressed(user: SandboxUser, data: str, begins: str) -> SandboxMessage:
    """Press a button and read what it brings."""
    assert user.last is not None
    before = user.last.message_id
    await user.press(data)
    return await user.wait_for(begins, after=before, timeout_s=20)


async def decides(
    user: SandboxUser, texts: Texts, command: str, question: str, data: str, result: str
) -> SandboxMessage:
    """Give a command, press a button under the question that it brings, read the result."""
    sent = await user.say(command)
    await user.wait_for(opening(texts, question), after=sent, timeout_s=20)
    return await pressed(user, data, opening(texts, result))


async def goes_off_record(user: SandboxUser, texts: Texts) -> None:
    await decides(user, texts, "/offrecord", "offrecord_ask", "offrecord:1", "offrecord_begun")


async def exported(user: SandboxUser, texts: Texts) -> dict[str, Any]:
    """What stands in the file that `/export` sends."""
    sent = await user.say("/export")
    message = await user.wait_for(lambda m: m.document is not None, after=sent, timeout_s=20)
    assert message.document is not None
    name, content = message.document
    assert re.fullmatch(r"pica-\d{8}-1\.json", name)
    loaded: dict[str, Any] = json.loads(content)
    assert message.text == texts("zh", "export_caption", turns=len(loaded["turns"]))
    return loaded


def words_in(export: dict[str, Any]) -> Words:
    return [(turn["who"], turn["words"]) for turn in export["turns"]]


async def known(service: Service, user: SandboxUser) -> Person:
    person = await person_of(service, user)
    assert person is not None
    return person


async def words_kept(service: Service, user: SandboxUser) -> Words:
    person = await known(service, user)
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    return [(turn.role, turn.text) for turn in turns]


async def rows_of(service: Service, person_id: PersonId) -> dict[str, int]:
    """How many rows of each table name a person."""
    found = {}
    async with service.parts.database.read() as transaction:
        for table in schema.metadata.sorted_tables:
            if "person_id" in table.c:
                query = select(func.count()).where(table.c.person_id == person_id)
                found[table.name] = (await transaction.execute(query)).scalar_one()
    return found


async def test_memory_shows_what_is_kept(sandbox: Sandbox, start: Start, texts: Texts) -> None:
    await start(clock=lambda: NOON)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await answer_to(user, OPEN_WORDS)
    await goes_off_record(user, texts)
    await answer_to(user, SECRET_WORDS)
    await answer_to(user, "它叫灰灰")
    shown = await answer_to(user, "/memory")
    assert "对话：2 条，从 2026-03-01 起，保存 180 天" in shown
    assert "不留记录的话：4 条" in shown
    assert "年龄段：18 岁以上；地区：其他 / 不说" in shown


async def test_training_is_off_until_it_is_allowed(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    assert (await known(service, user)).training_consent_at is None
    for state, choice, change in (("off", "on", "allow"), ("on", "off", "stop")):
        sent = await user.say("/memory")
        shown = await user.wait_for(texts("zh", f"training_{state}"), after=sent, timeout_s=20)
        assert shown.buttons == [[(texts("zh", f"training_{change}"), f"training:{choice}")]]
        await pressed(user, f"training:{choice}", texts("zh", f"training_set_{choice}"))
        agreed_at = (await known(service, user)).training_consent_at
        assert (agreed_at is not None) == (choice == "on")
        export = await exported(user, texts)
        assert export["you"]["training_agreed_at"] == (agreed_at and agreed_at.isoformat())


async def test_an_export_holds_what_was_said_and_replied(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    said = await talks(user, OPEN_WORDS) + await talks(user, "晚上睡不着")
    said += await talks(user, RISK, "script")
    export = await exported(user, texts)
    assert words_in(export) == said
    assert [(case["level"], case["state"]) for case in export["cases"]] == [(3, "open")]
    assert (export["you"]["telegram_id"], export["you"]["age_band"]) == (str(user.id), "adult")


async def test_off_the_record_until_the_button(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    before = await talks(user, OPEN_WORDS)
    await goes_off_record(user, texts)
    hidden = await talks(user, SECRET_WORDS)
    assert await words_kept(service, user) == before + hidden
    assert words_in(await exported(user, texts)) == before
    await decides(user, texts, "/offrecord", "offrecord_is_on", "offrecord:end", "offrecord_ended")
    assert await words_kept(service, user) == before
    after = await talks(user, "你好")
    assert words_in(await exported(user, texts)) == before + after


async def test_off_the_record_ends_with_the_hour(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    later = timedelta()
    service = await start(clock=lambda: utc_now() + later)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await goes_off_record(user, texts)
    await answer_to(user, SECRET_WORDS)
    later = timedelta(minutes=59)
    await answer_to(user, "它叫灰灰")
    assert len(await words_kept(service, user)) == 4
    later = timedelta(minutes=61)
    kept = await talks(user, "你好")
    assert await words_kept(service, user) == kept
    assert words_in(await exported(user, texts)) == kept
    assert (await known(service, user)).off_record_until_at is None


async def test_the_promise_to_delete_is_not_put_off(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    later = timedelta()
    service = await start(clock=lambda: NOON + later)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await answer_to(user, "/offrecord")
    await user.press("offrecord:1")
    await user.press("offrecord:24")  # before the buttons are gone
    await user.wait_for(opening(texts, "offrecord_is_on"), timeout_s=20)
    assert (await known(service, user)).off_record_until_at == NOON + timedelta(hours=1)
    await answer_to(user, SECRET_WORDS)
    later = timedelta(minutes=61)
    await goes_off_record(user, texts)  # a new hour; what was said in the first is gone
    assert await words_kept(service, user) == []


async def test_words_at_risk_are_kept_off_the_record_too(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await goes_off_record(user, texts)
    await answer_to(user, SECRET_WORDS)
    kept = await talks(user, RISK, "script")
    await decides(user, texts, "/offrecord", "offrecord_is_on", "offrecord:end", "offrecord_ended")
    assert await words_kept(service, user) == kept


async def test_forget_leaves_no_row(service: Service, user: SandboxUser, texts: Texts) -> None:
    await answer_to(user, OPEN_WORDS)
    person = await known(service, user)
    assert (await rows_of(service, person.person_id))["turns"] == 2
    last = await decides(user, texts, "/forget", "forget_ask", "forget:yes", "forgotten")
    assert opening(texts, "forgotten_case") not in last.text
    assert await person_of(service, user) is None
    assert not any((await rows_of(service, person.person_id)).values())
    receipt = re.search(r"回执：(\S+)（", last.text)
    assert receipt is not None
    async with service.parts.database.read() as transaction:
        proof = await erasure.receipt(transaction, receipt[1])
        with pytest.raises(keys.KeyDestroyedError):
            await keys.of(transaction, person.person_id)
    assert proof is not None
    assert last.text == texts(
        "zh", "forgotten", receipt=receipt[1], at=f"{proof[0]:%Y-%m-%d %H:%M} UTC", turns=2
    )


async def test_whoever_was_forgotten_can_begin_anew(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    first = await known(service, user)
    await answer_to(user, OPEN_WORDS)
    await decides(user, texts, "/forget", "forget_ask", "forget:yes", "forgotten")
    assert (await answer_to(user, "/start")).startswith(opening(texts, "start"))
    again = await known(service, user)
    assert again.person_id != first.person_id
    assert not again.has_consented
    await pressed(user, "consent:yes", texts("zh", "ask_age"))
    await pressed(user, "age:14_17", texts("zh", "ready"))
    kept = await talks(user, "你好")
    assert await words_kept(service, user) == kept


async def test_forget_that_is_taken_back_changes_nothing(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, OPEN_WORDS)
    before = await known(service, user), await words_kept(service, user)
    await decides(user, texts, "/forget", "forget_ask", "forget:no", "forget_kept")
    assert (await known(service, user), await words_kept(service, user)) == before


async def test_forget_leaves_an_open_case_without_a_name(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    await answer_to(user, RISK)
    chat = sandbox.operators_chat_id
    notice = await sandbox.operator.wait_for(RISK, chat_id=chat, timeout_s=20)
    last = await decides(user, texts, "/forget", "forget_ask", "forget:yes", "forgotten")
    assert last.text.endswith(texts("zh", "forgotten_case", days=ERASED_CASES_DAYS))
    assert await person_of(service, user) is None
    told = texts("zh", "case_erased", case=1, level=3)
    await sandbox.operator.wait_for(told, after=notice.message_id, chat_id=chat, timeout_s=20)
    async with service.parts.database.read() as transaction:
        case = (await transaction.execute(select(schema_review.cases))).one()
    assert (case.person_id, case.level, case.state) == (None, 3, "resolved")
    assert case.resolution == "erased"
    assert case.erased_at is not None
