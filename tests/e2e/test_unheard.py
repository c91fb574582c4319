"""A voice message, a picture, a place from a person whom a case holds, in both languages."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion import script_positions, transcripts
from storage.companion.conversations import Speaker, Turn
from storage.companion.script_positions import ScriptPosition
from storage.messages.sent import KINDS
from storage.review import cases
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.e2e.operators_cast import told
from tests.e2e.test_crisis_script import reviewed
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]
FILE = {"file_id": "f1", "file_unique_id": "u1", "file_size": 7}
SIZE = {"width": 8, "height": 8}
PLACE = {"latitude": 31.23, "longitude": 121.47}
STICKER = {**FILE, **SIZE, "type": "regular", "is_animated": False, "is_video": False}
POLL = {
    "id": "1",
    "question": "?",
    "options": [],
    "total_voter_count": 0,
    "is_closed": False,
    "is_anonymous": True,
    "type": "regular",
    "allows_multiple_answers": False,
    "allows_revoting": False,
    "members_only": False,
}
SENT: dict[str, dict[str, Any]] = {
    "voice": {"voice": {**FILE, "duration": 12}},
    "audio": {"audio": {**FILE, "duration": 61}},
    "video": {"video": {**FILE, **SIZE, "duration": 5}},
    "video_note": {"video_note": {**FILE, "length": 8, "duration": 4}},
    "animation": {"animation": {**FILE, **SIZE, "duration": 2}, "document": FILE},
    "photo": {"photo": [{**FILE, **SIZE}]},
    "sticker": {"sticker": {**STICKER, "emoji": "😢"}},
    "dice": {"dice": {"emoji": "🎲", "value": 3}},
    "document": {"document": {**FILE, "file_name": "a secret name.txt"}},
    "venue": {"venue": {"location": PLACE, "title": "x", "address": "y"}, "location": PLACE},
    "location": {"location": PLACE},
    "contact": {"contact": {"phone_number": "+10000000000", "first_name": "x"}},
    "poll": {"poll": POLL},
    "other": {"story": {"chat": {"id": 5, "type": "private"}, "id": 3}},
}
OPENERS = {"zh": "我想自杀", "en": "I want to kill myself"}
NOW = {"zh": "我刚吞了一整瓶安眠药", "en": "I just swallowed a whole bottle of pills"}
REGIONS = {"zh": "CN", "en": "GB"}
FIRST = {"zh": "120", "en": "999"}


async def agreed(sandbox: Sandbox, language: str) -> SandboxUser:
    """A person who has agreed and said where they are."""
    user = sandbox.add_user(language_code=language)
    await newcomer_agrees(user, language)
    await user.press(f"region:{REGIONS[language]}")
    await user.wait_for(Texts()(language, "region_saved"), timeout_s=20)
    return user


async def send(user: SandboxUser, kind: str, **more: Any) -> int:
    return await user.send(**{**SENT[kind], **more})


async def answer_to_sent(user: SandboxUser, kind: str, **more: Any) -> str:
    sent = await send(user, kind, **more)
    return (await user.wait_for(None, after=sent, timeout_s=30)).text


async def place_of(service: Service, user: SandboxUser) -> ScriptPosition:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        place = await script_positions.get(transaction, person.person_id)
    assert place is not None
    return place


async def turns_of(service: Service, user: SandboxUser) -> list[Turn]:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await transcripts.history(transaction, person.person_id)


def group_lines(sandbox: Sandbox, texts: Texts) -> list[str]:
    """What the operators' group was told of things that are no text."""
    head = texts("zh", "case_person_sent_held").split("{sent}")[0].format(case=1)
    chat = sandbox.operators_chat_id
    return [m.text for m in sandbox.operator.messages_in(chat) if m.text.startswith(head)]


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_whatever_is_no_text_gets_honest_words_and_numbers(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = await agreed(sandbox, language)
    await answer_to(user, OPENERS[language])
    before, said = await place_of(service, user), []
    for kind in SENT:
        reply = await answer_to_sent(user, kind)
        assert texts(language, "unheard_calls") in reply, kind
        assert any(c.isdecimal() for c in reply), f"{kind}: no number"
        assert reviewed(texts, language, reply), f"{kind}: unreviewed words"
        assert not said or reply != said[-1], f"{kind}: said twice running"
        said.append(reply)
    assert set(SENT) == {*KINDS, "other"}
    after = await place_of(service, user)
    assert (after.script, after.step, after.changed_at) == (
        before.script,
        before.step,
        before.changed_at,
    )
    no = "没有" if language == "zh" else "no"
    assert (await answer_to(user, no)).startswith(texts(language, "risk_no"))


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_an_emergency_has_the_ambulance_first(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = await agreed(sandbox, language)
    await answer_to(user, NOW[language])
    said = [await answer_to_sent(user, "voice") for _ in range(4)]
    lines = said[0].splitlines()
    assert lines[0] == texts(language, "unheard_voice")
    assert lines[1] == texts(language, "unheard_calls_now")
    assert FIRST[language] in lines[2]
    assert all(a != b for a, b in pairwise(said))


async def test_it_stands_in_the_case_and_in_the_group_without_its_content(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, OPENERS["zh"])
    for kind in ("voice", "sticker", "document"):
        await answer_to_sent(user, kind)
    await at_rest(service, sandbox)
    told_of = "\n".join(group_lines(sandbox, texts))
    assert "一条语音（12 秒）" in told_of and "一个表情贴纸（😢）" in told_of
    assert "一个文件" in told_of and "secret" not in told_of
    turns = await turns_of(service, user)
    assert [t.text for t in turns if t.role is Speaker.SENT] == [
        "voice 12",
        "sticker 😢",
        "document",
    ]
    answers = [t.text for t in turns if t.role is Speaker.SCRIPT]
    assert texts("zh", "unheard_document") in answers[-1]
    assert all("voice" not in t.text for t in turns if t.role is Speaker.PERSON)


async def test_an_album_is_one_answer_and_one_line(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    last = await user.say(OPENERS["zh"])
    await user.wait_for(None, after=last, timeout_s=30)
    for number in range(4):
        last = await send(user, "photo", media_group_id="album")
        if number == 1:
            await user.wait_for(texts("zh", "unheard_photo"), timeout_s=30)
    await at_rest(service, sandbox)
    said = [m.text for m in user.messages if m.from_bot]
    assert sum(texts("zh", "unheard_photo") in text for text in said) == 1
    assert len(group_lines(sandbox, texts)) == 1
    assert await answer_to_sent(user, "photo", media_group_id="another")


async def test_several_at_once_are_answered_once_or_in_other_words(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, OPENERS["zh"])
    for _ in range(12):
        await send(user, "voice")
    await at_rest(service, sandbox)
    said = [m.text for m in user.messages if m.from_bot]
    assert texts("zh", "unheard_voice") in said[-1]
    assert all(a != b for a, b in pairwise(said))
    assert len([t for t in await turns_of(service, user) if t.role is Speaker.SENT]) == 12


async def test_a_caption_is_heard_like_words(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, OPENERS["zh"])
    sent = await user.send_photo("没有")
    reply = await user.wait_for(None, after=sent, timeout_s=30)
    assert reply.text.startswith(texts("zh", "risk_no"))


async def test_a_place_that_moves_leaves_the_script_where_it_is(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, OPENERS["zh"])
    message = await send(user, "location")
    await user.wait_for(texts("zh", "unheard_place"), timeout_s=30)
    before = len(user.messages), await place_of(service, user)
    sender = {"id": user.id, "is_bot": False, "first_name": "x"}
    for _ in range(3):
        moved = {
            "message_id": message,
            "from": sender,
            "date": 1,
            "edit_date": 2,
            "chat": {"id": user.id, "type": "private", "first_name": "x"},
            **SENT["location"],
        }
        sandbox.send_raw_update({"edited_message": moved})
    assert (await answer_to(user, "没有")).startswith(texts("zh", "risk_no"))
    assert len(user.messages) == before[0] + 2


async def test_in_a_takeover_the_operator_sees_it_and_nobody_else_answers(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    await answer_to(user, OPENERS["zh"])
    chat, operator = sandbox.operators_chat_id, sandbox.operator
    await operator.wait_for(told("case_opened", case=1), chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts("zh", "human_joined"), timeout_s=20)
    before = len(user.messages)
    await send(user, "voice")
    line = await operator.wait_for("一条语音（12 秒）", chat_id=chat, timeout_s=20)
    assert line.text == texts("zh", "case_person_sent", case=1, sent="一条语音（12 秒）")
    await at_rest(service, sandbox)
    assert len(user.messages) == before + 1
    assert (await turns_of(service, user))[-1].text == "voice 12"


async def test_before_consent_it_is_answered_and_told_but_not_kept(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    service = await start(pilot=True)
    stranger = sandbox.add_user()
    await answer_to(stranger, OPENERS["zh"])
    said = [await answer_to_sent(stranger, "voice") for _ in range(2)]
    assert all(texts("zh", "unheard_voice") in text for text in said)
    assert said[0] != said[1]
    await at_rest(service, sandbox)
    assert len(group_lines(sandbox, texts)) == 2
    assert await turns_of(service, stranger) == []
    assert (await answer_to(stranger, "没有")).startswith(texts("zh", "risk_no"))


async def test_after_the_hold_an_old_question_is_not_kept_young(
    sandbox: Sandbox, start: Start, texts: Texts
) -> None:
    clock = [datetime(2026, 11, 24, 18, tzinfo=UTC)]
    service = await start(clock=lambda: clock[0])
    user = await agreed(sandbox, "zh")
    await answer_to(user, OPENERS["zh"])
    assert texts("zh", "ask_injured") in await answer_to(user, "没有")
    clock[0] += timedelta(hours=23)
    await answer_to_sent(user, "voice")
    clock[0] += timedelta(hours=2)
    reply = await answer_to(user, "有")
    assert not reply.startswith(texts("zh", "crisis_medical").splitlines()[0])
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        case = await cases.open_case(transaction, person.person_id)
    assert case is not None and case.level == 3


async def test_without_a_hold_the_short_words_stay(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    user = await agreed(sandbox, "zh")
    assert await answer_to_sent(user, "voice") == texts("zh", "unreadable")
