"""What becomes of words after a face: a note, an answer, or words for the companion."""

from typing import Any

import pytest

from bot.conversation.prompt import CHECK_IN_QUERY
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.checkins import questions
from storage.checkins.occurrences import CheckInState
from storage.companion.conversations import Speaker
from tests.e2e.checkins.cast import (
    DAY,
    FIRST,
    GRAVE,
    PASSIVE,
    agree,
    asked,
    is_resolved,
    note_asked,
    note_of,
    pressed,
    rows,
    turns_of,
)
from tests.e2e.conftest import answer_to, close_case, newcomer_agrees, person_of
from tests.support.clock import ManualClock
from tests.support.waiting import at_rest, until


@pytest.mark.parametrize("words", [GRAVE, PASSIVE])
async def test_after_words_at_risk_no_note_is_waited_for(
    served: Service,
    sandbox: Sandbox,
    someone: SandboxUser,
    clock: ManualClock,
    texts: Texts,
    words: str,
) -> None:
    await note_asked(someone, served, clock, texts)
    await answer_to(someone, words)
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.read() as transaction:
        assert await questions.get(transaction, person.person_id, since=clock.now - DAY) is None
    if words == GRAVE:
        await close_case(sandbox, 1)
        await until(lambda: is_resolved(served, someone))
        await someone.wait_for(texts("zh", "hold_ended"), timeout_s=20)
    await answer_to(someone, "是的")
    assert await note_of(served, someone) is None


async def test_off_the_record_a_note_is_not_kept_and_that_is_said(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await note_asked(someone, served, clock, texts)
    await answer_to(someone, "/offrecord")
    await pressed(someone, "offrecord:1")
    sent = await someone.say("开会太多")
    not_kept = texts("zh", "checkin_note_off_record")
    await someone.wait_for(not_kept, after=sent, timeout_s=20)
    await at_rest(served, sandbox)
    assert await note_of(served, someone) is None
    last = someone.last
    assert last is not None
    await someone.press("mood:1:note")
    await someone.wait_for(not_kept, after=last.message_id, timeout_s=20)


async def test_an_edit_is_no_note_and_no_answer(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
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
    clock.now = FIRST + DAY
    question = await asked(someone, served)
    await someone.edit(old, "今天出太阳了")
    await someone.wait_for(None, after=question.message_id, timeout_s=60)
    assert (await rows(served, someone))[-1].state is CheckInState.ASKED


async def test_in_english(
    served: Service, sandbox: Sandbox, clock: ManualClock, texts: Texts
) -> None:
    someone = sandbox.add_user(language_code="en")
    await newcomer_agrees(someone, "en")
    await answer_to(someone, "/checkin")
    await answer_to(someone, "every day at 8am")
    await answer_to(someone, "Shanghai")
    await pressed(someone, "Yes, start")
    clock.now = FIRST
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
    clock.now = FIRST + DAY
    question = await asked(someone, served)
    # The last mood was low.
    assert (
        question.text.removeprefix("Good morning. ")
        in texts("en", "checkin_soft_morning").splitlines()
    )
    await answer_to(someone, "a long day ahead")
    kept = (await rows(served, someone))[-1]
    assert kept.state is CheckInState.ANSWERED
    clock.now = FIRST + 2 * DAY
    await asked(someone, served)
    assert "paused until 12-04" in await answer_to(someone, "pause for a week")
    said = [turn.text for turn in await turns_of(served, someone) if turn.role is Speaker.PERSON]
    assert said[-1] == "pause for a week"  # a request too stays the person's words


async def test_the_model_sees_the_question_that_words_or_a_face_answer(
    served: Service, someone: SandboxUser, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, prompts = served.parts.worker, []
    stream = worker.stream

    def listening(request: Any) -> Any:
        prompts.append(worker.tokenizer.decode(request.prompt_ids))
        return stream(request)

    monkeypatch.setattr(worker, "stream", listening)
    await agree(someone)
    clock.now = FIRST
    first = await asked(someone, served)
    await answer_to(someone, "一般")
    assert prompts[-1].endswith(
        f"{CHECK_IN_QUERY}\n\n答：{first.text}\n\n[Round 2]\n\n问：一般\n\n答："
    )
    before = prompts[-1]
    await answer_to(someone, "老样子")
    assert prompts[-1].startswith(before)  # what the model keeps of the talk can be used again
    assert prompts[-1].count(first.text) == 1
    clock.now = FIRST + DAY
    second = await asked(someone, served)
    await someone.press("🙂")
    await someone.wait_for(None, after=second.message_id, timeout_s=60)
    assert f"答：{second.text}\n\n[Round 5]" in prompts[-1]
