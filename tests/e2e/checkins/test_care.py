"""Check-ins beside a risk, a human, a pause, a quota; and what is a sign of life or a note."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.app import utc_now
from bot.prompting import UNASKED
from bot.safe_mode import Switch
from bot.sandbox import Sandbox, SandboxUser
from bot.service import Service
from bot.texts import Texts
from storage import cases, check_in_questions, check_in_settings, dialogues, operators
from storage.check_ins import State
from storage.conversations import Role
from tests.e2e.checkins.cast import (
    Clock,
    Start,
    agree,
    asked,
    is_delivered,
    is_quiet,
    is_resolved,
    pressed,
    rows,
    settings_of,
    turns_of,
    until,
)
from tests.e2e.conftest import answer_to, close_case, newcomer_agrees, opening, person_of

DAY = timedelta(days=1)
FIRST = datetime(2026, 11, 25, 0, 0, 1, tzinfo=UTC)  # eight in the morning in Shanghai
GRAVE = "我想自杀"
PASSIVE = "活着好没意思，有时候希望自己消失"


async def place(service: Service, user: SandboxUser) -> Any:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await dialogues.get(transaction, person.person_id)


async def mood_of(service: Service, user: SandboxUser) -> int | None:
    answer = (await rows(service, user))[-1].answer
    return answer.mood if answer else None


async def note_of(service: Service, user: SandboxUser) -> str | None:
    answer = (await rows(service, user))[-1].answer
    return answer.note if answer else None


async def note_asked(user: SandboxUser, service: Service, clock: Clock, texts: Texts) -> None:
    """Agree, be asked, answer with a face, and ask for the note."""
    await agree(user)
    clock.at = FIRST
    question = await asked(user, service)
    await user.press("😐")
    await user.wait_for(None, after=question.message_id, timeout_s=60)
    before = user.last
    assert before is not None
    await user.press("mood:1:note")
    await user.wait_for(texts(language(user), "checkin_note_ask"), timeout_s=20)


def language(user: SandboxUser) -> str:
    return "zh" if user.language_code.startswith("zh") else "en"


async def test_a_face_in_a_hold_is_noted_and_moves_no_script(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await agree(someone)
    clock.at = FIRST
    question = await asked(someone, served)
    assert (await answer_to(someone, GRAVE)).startswith(opening(texts, "crisis_suicide"))
    before = await place(served, someone)
    last = someone.last
    assert last is not None
    await someone.press("🙂", message_id=question.message_id)
    word = await someone.wait_for(
        opening(texts, "checkin_held"), after=last.message_id, timeout_s=20
    )
    assert "{" not in word.text
    assert await mood_of(served, someone) == 4
    assert await place(served, someone) == before
    said = await turns_of(served, someone)
    assert [(turn.role, turn.text) for turn in said[-2:]] == [
        (Role.PERSON, texts("zh", "checkin_said_4")),
        (Role.SCRIPT, word.text),
    ]
    # The direct question still waits: this is its answer.
    assert (await answer_to(someone, "嗯")).startswith(texts("zh", "risk_yes"))


async def test_a_face_in_a_takeover_reaches_the_operator(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await agree(someone)
    clock.at = FIRST
    question = await asked(someone, served)
    await answer_to(someone, "我妈又打我了，我身上都是伤")
    person = await person_of(served, someone)
    assert person is not None
    heard: list[str] = []

    class Ear:
        async def show(self, _transaction: Any, event: Any) -> None:
            heard.append(f"{event.what}:{event.words}")

    served.parts.desk.faces.add(Ear())
    async with served.parts.database.begin() as transaction:
        case = await cases.open_case(transaction, person.person_id)
        assert case is not None
        operator = (await operators.listed(transaction))[0]
        await served.parts.takeover.begin(transaction, operator, case.case_id)
    joined = await someone.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await someone.press("🙁", message_id=question.message_id)
    words = texts("zh", "checkin_said_2")

    async def is_heard() -> bool:
        return f"person_said:{words}" in heard

    await until(is_heard)
    await until(lambda: is_delivered(served))
    assert await mood_of(served, someone) == 2
    said = await turns_of(served, someone)
    assert (said[-1].role, said[-1].text) == (Role.PERSON, words)
    assert not [m for m in someone.messages if m.from_bot and m.message_id > joined.message_id]


async def test_a_face_leaves_the_direct_question_open(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await agree(someone)
    assert texts("zh", "gentle_suicide") in await answer_to(someone, PASSIVE)
    before = await place(served, someone)
    clock.at = FIRST
    question = await asked(someone, served)
    await someone.press("😐")
    await someone.wait_for(None, after=question.message_id, timeout_s=60)
    assert await place(served, someone) == before
    assert (await answer_to(someone, "嗯")).startswith(texts("zh", "risk_yes"))


async def test_an_old_face_is_kept_and_not_talked_about(
    served: Service, someone: SandboxUser, clock: Clock
) -> None:
    await agree(someone, "每周三早上八点")  # so that no other comes meanwhile
    clock.at = FIRST
    question = await asked(someone, served)
    clock.at = FIRST + timedelta(hours=24)
    before = await turns_of(served, someone)
    await someone.press("😞")
    await someone.wait_for(
        lambda m: m.message_id == question.message_id and "😞" in m.text, timeout_s=20
    )
    await until(lambda: is_idle(served))
    assert await mood_of(served, someone) == 1
    assert await turns_of(served, someone) == before


async def is_idle(service: Service) -> bool:
    return await is_quiet(service) and await is_delivered(service)


async def test_a_mood_corrected_down_to_a_low_one_is_heard(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await agree(someone)
    clock.at = FIRST
    question = await asked(someone, served)
    heard = []
    for face in ("🙂", "😄", "😐", "😞", "🙂"):
        before = len(await turns_of(served, someone))
        await someone.press(face, message_id=question.message_id)
        await someone.wait_for(
            lambda m, face=face: (
                m.message_id == question.message_id
                and m.text.startswith(texts("zh", "checkin_noted", face=face))
            ),
            timeout_s=20,
        )
        await until(lambda: is_idle(served))
        heard.append(len(await turns_of(served, someone)) - before)
    assert heard == [2, 0, 0, 2, 0]
    assert (await turns_of(served, someone))[-2].text == texts("zh", "checkin_said_1")


async def silent(service: Service, clock: Clock, days: int) -> None:
    """Let days pass on which nothing is answered."""
    for _ in range(days):
        await service.parts.check_ins.send_due()
        await until(lambda: is_delivered(service))  # one that nobody saw would be no silence
        clock.at += DAY


async def test_after_a_crisis_there_is_never_a_goodbye_first(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await agree(someone)
    clock.at = FIRST
    await silent(served, clock, 31)
    settings = await settings_of(served, someone)
    assert settings is not None
    assert settings.unanswered == 8
    await answer_to(someone, GRAVE)
    settings = await settings_of(served, someone)
    assert settings is not None
    assert settings.unanswered == 0
    await silent(served, clock, 5)
    await close_case(sandbox, 1)
    await until(lambda: is_resolved(served, someone))
    question = await asked(someone, served)
    assert question.text in texts("zh", "checkin_after_hold").splitlines()
    kept = await rows(served, someone)
    assert kept[-1].state is State.ASKED
    assert {row.reason for row in kept[-6:-1]} == {"held"}


async def test_after_a_hold_without_a_word_of_theirs_there_is_no_goodbye_either(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    """An operator took the conversation over, and the person never answered."""
    await agree(someone)
    clock.at = FIRST
    await silent(served, clock, 31)
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.begin() as transaction:
        settings = await check_in_settings.get(transaction, person.person_id)
        await check_in_settings.change(transaction, person.person_id, was_held=True)
    assert settings is not None
    assert settings.unanswered == 8
    clock.at += DAY
    question = await asked(someone, served)
    assert question.text in texts("zh", "checkin_after_hold").splitlines()


Sign = Callable[[SandboxUser, Clock], Awaitable[object]]


async def later(user: SandboxUser, clock: Clock) -> None:
    clock.at += timedelta(hours=25)
    await user.say("今天下雨了")


SIGNS: dict[str, Sign] = {
    "sticker": lambda user, _: user.send_sticker(),
    "voice": lambda user, _: user.send_voice(),
    "mood": lambda user, _: user.say("/mood"),
    "settings": lambda user, _: user.say("/checkin"),
    "button": lambda user, _: user.press("ci:flag:asks_sleep"),
    "words a day later": later,
    "words at risk": lambda user, _: user.say(GRAVE),
    "words in a hold": lambda user, _: user.say("嗯"),
}


async def test_whatever_a_person_sends_is_a_sign_of_life(
    served: Service, someone: SandboxUser, clock: Clock
) -> None:
    await agree(someone)
    person = await person_of(served, someone)
    assert person is not None

    async def is_back() -> bool:
        settings = await settings_of(served, someone)
        assert settings is not None
        return (settings.unanswered, settings.asked_on) == (0, None)

    for sign, send in SIGNS.items():
        async with served.parts.database.begin() as transaction:
            await check_in_settings.change(
                transaction, person.person_id, unanswered=5, asked_on=FIRST.date()
            )
        assert not await is_back(), sign
        await send(someone, clock)
        await until(is_back)
        await until(lambda: is_idle(served))


async def test_in_safe_mode_settings_are_heard_and_a_face_is_kept(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await agree(someone)
    await served.parts.safe_mode.turn_on(Switch.PAUSED, "by hand", now=utc_now())
    await pressed(someone, "ci:pauses")
    assert "暂停到 11-27" in await answer_to(someone, "三天")
    assert (await turns_of(served, someone))[-1].text == "三天"
    await pressed(someone, "ci:resume")
    clock.at = FIRST
    question = await asked(someone, served)
    await someone.press("🙁")
    await someone.wait_for(opening(texts, "paused"), after=question.message_id, timeout_s=20)
    assert await mood_of(served, someone) == 2
    assert all(turn.role is not Role.COMPANION for turn in await turns_of(served, someone))


async def test_beyond_the_quota_settings_are_heard_and_a_face_is_kept(
    start: Start, sandbox: Sandbox, clock: Clock, texts: Texts
) -> None:
    served = await start(now=clock, daily_quota=1)
    someone = sandbox.add_user()
    await newcomer_agrees(someone)
    await agree(someone)
    clock.at = FIRST
    question = await asked(someone, served)
    await answer_to(someone, "早")
    assert (await answer_to(someone, "今天要上班")).startswith(opening(texts, "quota_over"))
    last = someone.last
    assert last is not None
    await someone.press("🙂", message_id=question.message_id)
    await someone.wait_for(opening(texts, "quota_over"), after=last.message_id, timeout_s=20)
    assert await mood_of(served, someone) == 4
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:pauses")
    assert "暂停到 11-28" in await answer_to(someone, "三天")


async def test_a_closed_pilot_takes_no_settings_and_asks_nothing(
    start: Start, sandbox: Sandbox, clock: Clock, texts: Texts
) -> None:
    open_to_all = await start(now=clock)
    someone = sandbox.add_user()
    await newcomer_agrees(someone)
    await agree(someone)
    await pressed(someone, "ci:pauses")
    await open_to_all.aclose()
    closed = await start(now=clock, pilot=True)
    assert (await answer_to(someone, "三天")).startswith(opening(texts, "pilot_over"))
    settings = await settings_of(closed, someone)
    assert settings is not None
    assert settings.paused_until_at is None
    clock.at = FIRST
    assert await closed.parts.check_ins.send_due() == 0
    assert [row.reason for row in await rows(closed, someone)] == ["not_admitted"]


@pytest.mark.parametrize("words", [GRAVE, PASSIVE])
async def test_after_words_at_risk_no_note_is_waited_for(
    served: Service,
    sandbox: Sandbox,
    someone: SandboxUser,
    clock: Clock,
    texts: Texts,
    words: str,
) -> None:
    await note_asked(someone, served, clock, texts)
    await answer_to(someone, words)
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.read() as transaction:
        assert (
            await check_in_questions.get(transaction, person.person_id, since=clock.at - DAY)
            is None
        )
    if words == GRAVE:
        await close_case(sandbox, 1)
        await until(lambda: is_resolved(served, someone))
        await someone.wait_for(texts("zh", "hold_ended"), timeout_s=20)
    await answer_to(someone, "是的")
    assert await note_of(served, someone) is None


async def test_off_the_record_a_note_is_not_kept_and_that_is_said(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await note_asked(someone, served, clock, texts)
    await answer_to(someone, "/offrecord")
    await pressed(someone, "offrecord:1")
    sent = await someone.say("开会太多")
    not_kept = texts("zh", "checkin_note_off_record")
    await someone.wait_for(not_kept, after=sent, timeout_s=20)
    await until(lambda: is_idle(served))
    assert await note_of(served, someone) is None
    last = someone.last
    assert last is not None
    await someone.press("mood:1:note")
    await someone.wait_for(not_kept, after=last.message_id, timeout_s=20)


async def test_an_edit_is_no_note_and_no_answer(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    old = await someone.say("今天下雨了")
    await someone.wait_for(None, after=old, timeout_s=60)
    await note_asked(someone, served, clock, texts)
    last = someone.last
    assert last is not None
    await someone.edit(old, "今天下雪了")
    await someone.wait_for(None, after=last.message_id, timeout_s=60)
    assert await note_of(served, someone) is None
    await answer_to(someone, "开会太多")
    assert await note_of(served, someone) == "开会太多"
    clock.at = FIRST + DAY
    question = await asked(someone, served)
    await someone.edit(old, "今天出太阳了")
    await someone.wait_for(None, after=question.message_id, timeout_s=60)
    assert (await rows(served, someone))[-1].state is State.ASKED


async def test_in_english(served: Service, sandbox: Sandbox, clock: Clock, texts: Texts) -> None:
    someone = sandbox.add_user(language_code="en")
    await newcomer_agrees(someone, "en")
    await answer_to(someone, "/checkin")
    await answer_to(someone, "every day at 8am")
    await answer_to(someone, "Shanghai")
    await pressed(someone, "Yes, begin")
    clock.at = FIRST
    question = await asked(someone, served)
    assert question.text.startswith("Good morning. ")
    await someone.press("🙁")
    await someone.wait_for(None, after=question.message_id, timeout_s=60)
    assert texts("en", "checkin_said_2") in [turn.text for turn in await turns_of(served, someone)]
    last = someone.last
    assert last is not None
    await someone.press("mood:1:note")
    await someone.wait_for(texts("en", "checkin_note_ask"), after=last.message_id, timeout_s=20)
    await answer_to(someone, "too many meetings")
    assert await note_of(served, someone) == "too many meetings"
    clock.at = FIRST + DAY
    question = await asked(someone, served)
    # The last mood was low.
    assert (
        question.text.removeprefix("Good morning. ")
        in texts("en", "checkin_soft_morning").splitlines()
    )
    await answer_to(someone, "a long day ahead")
    kept = (await rows(served, someone))[-1]
    assert kept.state is State.ANSWERED
    clock.at = FIRST + 2 * DAY
    await asked(someone, served)
    assert "paused until 12-04" in await answer_to(someone, "pause for a week")
    said = [turn.text for turn in await turns_of(served, someone) if turn.role is Role.PERSON]
    assert said[-1] == "pause for a week"  # a request too stays the person's words


async def test_the_model_sees_the_question_that_words_or_a_face_answer(
    served: Service, someone: SandboxUser, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, prompts = served.parts.worker, []
    stream = worker.stream

    def listening(request: Any) -> Any:
        prompts.append(worker.tokenizer.decode(request.prompt_ids))
        return stream(request)

    monkeypatch.setattr(worker, "stream", listening)
    await agree(someone)
    clock.at = FIRST
    first = await asked(someone, served)
    await answer_to(someone, "一般")
    assert prompts[-1].endswith(f"{UNASKED}\n\n答：{first.text}\n\n[Round 2]\n\n问：一般\n\n答：")
    before = prompts[-1]
    await answer_to(someone, "老样子")
    assert prompts[-1].startswith(before)  # what the model keeps of the talk can be used again
    assert prompts[-1].count(first.text) == 1
    clock.at = FIRST + DAY
    second = await asked(someone, served)
    await someone.press("🙂")
    await someone.wait_for(None, after=second.message_id, timeout_s=60)
    assert f"答：{second.text}\n\n[Round 5]" in prompts[-1]


async def test_no_summary_without_a_mood_in_silence_or_after_a_hold(
    served: Service, someone: SandboxUser, clock: Clock, texts: Texts
) -> None:
    await agree(someone)
    await pressed(someone, "ci:flag:weekly_summary")
    person = await person_of(served, someone)
    assert person is not None

    async def is_offered(day: int, **values: Any) -> bool:
        clock.at = FIRST + day * DAY
        if values:
            async with served.parts.database.begin() as transaction:
                await check_in_settings.change(transaction, person.person_id, **values)
        question = await asked(someone, served)
        await until(lambda: is_idle(served))
        summary = texts("zh", "checkin_summary")
        return any(
            m.text == summary and m.message_id > question.message_id for m in someone.messages
        )

    assert not await is_offered(7)  # no mood was noted
    last = someone.last
    assert last is not None
    await someone.press("😐")
    await someone.wait_for(None, after=last.message_id, timeout_s=60)
    await until(lambda: is_idle(served))
    assert not await is_offered(10, unanswered=3, asked_on=(FIRST + 7 * DAY).date())
    assert not await is_offered(11, unanswered=0, asked_on=None, was_held=True)
    assert await is_offered(12, unanswered=0, asked_on=None)
    assert not await is_offered(13)
