"""Instant exit: by command or word, whatever goes on, without a question and without a hook."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.service.lifecycle import Service
from bot.texts import LANGUAGES, Texts
from bot.updates.parsing import WORDS, is_stop
from inference import InferenceWorker
from safety.response.hotlines import Hotlines
from safety.response.output_guard import OutputGuard
from safety.screening.screener import Screener
from sandbox import Sandbox, SandboxUser
from storage.companion import conversations, follow_ups, plans
from storage.companion.plans import Plan
from storage.database import schema
from storage.messages import inbox_queue
from tests.duties.conftest import NOON
from tests.duties.people import RISK, Start, agrees, roles
from tests.e2e.conftest import answer_to, opening, person_of

NUMBERS = [line.number for line in Hotlines.load().for_region(None, emergency_first=False)]
PASSIVE = "我最近总觉得活着没意思"


async def open_rows(service: Service) -> int:
    async with service.parts.database.read() as transaction:
        return await inbox_queue.count_open(transaction)


@pytest.mark.parametrize("words", ["/stop", "退出", "  结束对话。", "STOP!", "quit"])
async def test_instant_exit_by_command_and_by_word(
    service: Service, user: SandboxUser, texts: Texts, words: str
) -> None:
    person = await person_of(service, user)
    assert person is not None
    await answer_to(user, "你好")
    async with service.parts.database.begin() as transaction:
        before = await conversations.current_session(transaction, person.person_id)
        await follow_ups.put(transaction, person.person_id, due_at=NOON + timedelta(days=1))
        await plans.put(transaction, person.person_id, Plan(open_step=1))
    assert await answer_to(user, words) == texts("zh", "stopped")
    async with service.parts.database.begin() as transaction:
        assert await follow_ups.due_at(transaction, person.person_id) is None
        plan = await plans.get(transaction, person.person_id)
        after = await conversations.current_session(transaction, person.person_id)
    assert plan is not None
    assert plan.open_step is None
    assert after != before
    assert await roles(service, user) == ["person", "companion"]
    await answer_to(user, "我又来了")
    assert await roles(service, user) == ["person", "companion"] * 2


async def test_instant_exit_cuts_a_running_reply_short(
    service: Service,
    user: SandboxUser,
    texts: Texts,
    worker: InferenceWorker,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = asyncio.Event()

    async def never_ends(_request: object) -> Any:
        begun.set()
        await asyncio.Event().wait()
        yield ""

    with monkeypatch.context() as patch:
        patch.setattr(worker, "stream", never_ends)
        sent = await user.say("你好")
        async with asyncio.timeout(20):
            await begun.wait()
        await user.say("退出")
        reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.text == texts("zh", "stopped")
    assert await open_rows(service) == 0
    assert await roles(service, user) == ["person"]


async def test_instant_exit_works_before_consent(
    service: Service, sandbox: Sandbox, texts: Texts
) -> None:
    newcomer = sandbox.add_user()
    await answer_to(newcomer, "我最近总是睡不好")
    assert await answer_to(newcomer, "退出") == texts("zh", "stopped")
    assert await open_rows(service) == 0
    async with service.parts.database.read() as transaction:
        waiting = select(func.count()).where(schema.inbox.c.ended_as.is_(None))
        assert (await transaction.execute(waiting)).scalar_one() == 0


@pytest.mark.parametrize("words", ["/stop", "停止"])
async def test_instant_exit_is_honoured_in_a_held_conversation_with_numbers(
    service: Service, sandbox: Sandbox, texts: Texts, words: str
) -> None:
    user = await agrees(sandbox, region="CN")
    await answer_to(user, RISK)
    farewell = await answer_to(user, words)
    assert farewell.startswith(texts("zh", "stopped"))
    assert "12356" in farewell
    await answer_to(user, "我又来了")  # the hold is not over: no word of the model
    assert "companion" not in await roles(service, user)


async def test_instant_exit_where_it_is_happening_now_puts_emergency_numbers_first(
    service: Service, sandbox: Sandbox
) -> None:
    user = await agrees(sandbox, region="CN")
    await answer_to(user, "我刚吃了一整瓶安眠药")
    farewell = await answer_to(user, "/stop")
    assert farewell.index("120") < farewell.index("12356")


async def test_instant_exit_leaves_numbers_where_words_at_risk_were_not_answered(
    start: Start, sandbox: Sandbox, texts: Texts
) -> None:
    await start(burst_window_s=5.0)
    user = await agrees(sandbox)
    sent = await user.say(PASSIVE)
    await user.say("退出")
    farewell = (await user.wait_for(None, after=sent, timeout_s=20)).text
    assert farewell.startswith(texts("zh", "stopped"))
    assert any(number in farewell for number in NUMBERS)


async def test_instant_exit_of_a_stranger(sandbox: Sandbox, start: Start, texts: Texts) -> None:
    service = await start(pilot=True)
    stranger, at_risk = sandbox.add_user(), sandbox.add_user()
    assert (await answer_to(stranger, "/stop")).startswith(opening(texts, "pilot_closed"))
    assert await person_of(service, stranger) is None
    await answer_to(at_risk, RISK)
    farewell = await answer_to(at_risk, "退出")
    assert farewell.startswith(texts("zh", "stopped"))
    assert any(number in farewell for number in NUMBERS)


@pytest.mark.parametrize(
    "text",
    [
        *sorted(WORDS),
        "Stop",
        "ＥＸＩＴ",
        "退出！！",
        "“停止”",
        "/stop",
        "/stop@pica_bot",
        "/STOP a",
    ],
)
def test_words_that_leave(text: str, screener: Screener) -> None:
    assert is_stop(text)
    assert not screener.screen(text).matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/start",
        "/stopped",
        "停止呼吸",
        "我想退出",
        "don't stop",
        "退出 公司",
        "。",
        "x" * 50,
    ],
)
def test_words_that_do_not_leave(text: str) -> None:
    assert not is_stop(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_farewell_holds_nobody_back(language: str, texts: Texts, screener: Screener) -> None:
    guard = OutputGuard(lambda: screener, Hotlines.load())
    for key in ("stopped", "duty_rest", "duty_program"):
        words = texts(language, key)
        assert guard.check(words).allowed
        assert not set("?？!！") & set(words)
