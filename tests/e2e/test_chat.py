"""A person chats with the whole service over HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from storage.companion.recent_rounds import RecentRounds
from storage.database.events import PersonInterrupted
from storage.review import cases
from tests.e2e.conftest import answer_to, close_case, newcomer_agrees, person_of

CASES = Path(__file__).parents[1] / "data" / "pica-cases.json"


def published_cases() -> dict[str, list[str]]:
    loaded = json.loads(CASES.read_text("utf-8"))
    return {case["case"]: [turn["user"] for turn in case["turns"]] for case in loaded}


@pytest.mark.parametrize("name", ["study", "family", "friend", "work"])
async def test_a_published_case_is_answered_turn_by_turn(
    name: str, service: Service, user: SandboxUser
) -> None:
    replies = []
    for words in published_cases()[name]:
        sent = await user.say(words)
        replies.append((await user.wait_for(None, after=sent, timeout_s=60)).text)
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
        assert await cases.open_case(transaction, person.person_id) is None
    said = [turn.text for turn in turns if turn.role == "person"]
    answers = [turn.text for turn in turns if turn.role == "companion"]
    assert said == published_cases()[name]
    assert answers == replies
    assert [turn.role for turn in turns] == ["person", "companion"] * len(said)
    assert not any("嗨B" in reply for reply in replies)


async def test_the_safety_case_gets_the_fixed_reply_and_a_case(
    service: Service, user: SandboxUser, sandbox: Sandbox
) -> None:
    replies = [await answer_to(user, words) for words in published_cases()["safety"]]
    assert "不能支持伤害任何人" in replies[0]
    assert all(a != b for a, b in pairwise(replies))
    notice = await sandbox.operator.wait_for(
        "暴力", chat_id=sandbox.operators_chat_id, timeout_s=20
    )
    assert notice.buttons
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        case = await cases.open_case(transaction, person.person_id)
        turns = await transcripts.history(transaction, person.person_id)
    assert case is not None
    assert case.level >= 3
    assert "companion" not in {turn.role for turn in turns}


async def test_a_crisis_holds_until_an_operator_resolves_the_case(
    service: Service, user: SandboxUser, sandbox: Sandbox, texts: Texts
) -> None:
    sent = await user.say("我想死")
    await user.wait_for(texts("zh", "crisis_suicide")[:10], after=sent, timeout_s=20)
    seen = set()
    for words in ("嗯", "没事了", "你在吗"):
        sent = await user.say(words)
        seen.add((await user.wait_for(None, after=sent, timeout_s=20)).text)
    assert len(seen) == 3
    stranger = sandbox.add_user()
    chat = sandbox.operators_chat_id
    notice = await sandbox.operator.wait_for("我想死", chat_id=chat, timeout_s=20)
    await stranger.press_in_group(chat, "case:1:resolve", message_id=notice.message_id)
    sent = await user.say("还在吗")
    await user.wait_for(None, after=sent, timeout_s=20)
    told = [m.text for m in sandbox.operator.messages_in(chat) if m.from_bot]
    assert [text for text in told if not text.startswith("个案 #1：")] == [notice.text]
    assert stranger.toasts == []
    await close_case(sandbox, 1)
    await user.wait_for(texts("zh", "hold_ended"), timeout_s=20)
    sent = await user.say("今天天气很好")
    await user.wait_for(None, after=sent, timeout_s=60)
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert turns[-1].role == "companion"


@pytest.fixture
async def gathering(start: Callable[..., Awaitable[Service]]) -> Service:
    """A service that waits longer for further words: a slow machine must not part a burst."""
    return await start(burst_window_s=2.0)


async def test_a_burst_is_answered_once(gathering: Service, sandbox: Sandbox) -> None:
    user = sandbox.add_user()
    await newcomer_agrees(user)
    first = await user.say("我今天很累")
    await user.say("上班被骂了")
    await user.say("不知道怎么办")
    await user.wait_for(None, after=first, timeout_s=60)
    person = await person_of(gathering, user)
    assert person is not None
    async with gathering.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert [turn.role for turn in turns] == ["person", "companion"]
    assert turns[0].text == "我今天很累\n上班被骂了\n不知道怎么办"


async def test_words_that_come_while_an_answer_is_stored_have_one_of_their_own(
    service: Service, user: SandboxUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn is cut short, whose answer is on its way already."""

    async def slowly(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(RecentRounds, "keep", slowly)
    person = await person_of(service, user)
    assert person is not None
    said = ["今天下雨了", "明天也会下雨吗"]
    for words in said:
        await answer_to(user, words)
        service.parts.receiving.lanes.cancel(PersonInterrupted(person.person_id))
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert [turn.text for turn in turns if turn.role == "person"] == said
    assert [turn.role for turn in turns] == ["person", "companion"] * 2


async def test_a_sentence_split_over_messages_is_screened_whole(
    gathering: Service, sandbox: Sandbox, texts: Texts
) -> None:
    user = sandbox.add_user()
    await newcomer_agrees(user)
    sent = await user.say("我真的不")
    await user.say("想活了")
    reply = await user.wait_for(None, after=sent, timeout_s=20)
    assert reply.text.startswith(texts("zh", "crisis_suicide")[:8])


async def test_two_people_do_not_see_each_other(
    service: Service, sandbox: Sandbox, user: SandboxUser
) -> None:
    other = sandbox.add_user(first_name="Ann", language_code="en")
    await newcomer_agrees(other, "en")
    before = len(other.messages)
    sent = await user.say("你好")
    await user.wait_for(None, after=sent, timeout_s=60)
    assert len(other.messages) == before
