"""Check-ins beside a risk, a human, a pause and a quota."""

from datetime import timedelta

from bot.crisis.safe_mode import Switch
from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.companion.conversations import Speaker
from storage.review import cases, operators
from tests.e2e.checkins.cast import (
    FIRST,
    GRAVE,
    PASSIVE,
    Start,
    agree,
    asked,
    mood_of,
    place,
    pressed,
    rows,
    settings_of,
    turns_of,
)
from tests.e2e.conftest import answer_to, newcomer_agrees, opening, person_of
from tests.support.clock import ManualClock
from tests.support.ear import Ear
from tests.support.waiting import at_rest, until


async def test_a_face_in_a_hold_is_noted_and_moves_no_script(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    clock.now = FIRST
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
        (Speaker.PERSON, texts("zh", "checkin_said_4")),
        (Speaker.SCRIPT, word.text),
    ]
    # The direct question still waits: this is its answer.
    assert (await answer_to(someone, "嗯")).startswith(texts("zh", "risk_yes"))


async def test_a_face_in_a_takeover_reaches_the_operator(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    clock.now = FIRST
    question = await asked(someone, served)
    await answer_to(someone, "我妈又打我了，我身上都是伤")
    person = await person_of(served, someone)
    assert person is not None
    ear = Ear()
    served.parts.operators.desk.events.add(ear)
    async with served.parts.database.begin() as transaction:
        case = await cases.open_case(transaction, person.person_id)
        assert case is not None
        operator = (await operators.listed(transaction))[0]
        await served.parts.operators.takeover.begin(transaction, operator, case.case_id)
    joined = await someone.wait_for(texts("zh", "human_joined"), timeout_s=20)
    await someone.press("🙁", message_id=question.message_id)
    words = texts("zh", "checkin_said_2")
    await until(lambda: f"person_said:{words}" in ear.heard)
    await at_rest(served, sandbox)
    assert await mood_of(served, someone) == 2
    said = await turns_of(served, someone)
    assert (said[-1].role, said[-1].text) == (Speaker.PERSON, words)
    assert not [m for m in someone.messages if m.from_bot and m.message_id > joined.message_id]


async def test_a_face_leaves_the_direct_question_open(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    assert texts("zh", "gentle_suicide") in await answer_to(someone, PASSIVE)
    before = await place(served, someone)
    clock.now = FIRST
    question = await asked(someone, served)
    await someone.press("😐")
    await someone.wait_for(None, after=question.message_id, timeout_s=60)
    assert await place(served, someone) == before
    assert (await answer_to(someone, "嗯")).startswith(texts("zh", "risk_yes"))


async def test_an_old_face_is_kept_and_not_talked_about(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock
) -> None:
    await agree(someone, "每周三早上八点")  # so that no other comes meanwhile
    clock.now = FIRST
    question = await asked(someone, served)
    clock.now = FIRST + timedelta(hours=24)
    before = await turns_of(served, someone)
    await someone.press("😞")
    await someone.wait_for(
        lambda m: m.message_id == question.message_id and "😞" in m.text, timeout_s=20
    )
    await at_rest(served, sandbox)
    assert await mood_of(served, someone) == 1
    assert await turns_of(served, someone) == before


async def test_a_mood_corrected_down_to_a_low_one_is_heard(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    clock.now = FIRST
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
        await at_rest(served, sandbox)
        heard.append(len(await turns_of(served, someone)) - before)
    assert heard == [2, 0, 0, 2, 0]
    assert (await turns_of(served, someone))[-2].text == texts("zh", "checkin_said_1")


async def test_in_safe_mode_settings_are_heard_and_a_face_is_kept(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    await served.parts.crisis.safe_mode.turn_on(Switch.PAUSED, "by hand")
    await pressed(someone, "ci:pauses")
    assert "暂停到 11-27" in await answer_to(someone, "三天")
    assert (await turns_of(served, someone))[-1].text == "三天"
    await pressed(someone, "ci:resume")
    clock.now = FIRST
    question = await asked(someone, served)
    await someone.press("🙁")
    await someone.wait_for(opening(texts, "paused"), after=question.message_id, timeout_s=20)
    assert await mood_of(served, someone) == 2
    assert all(turn.role is not Speaker.COMPANION for turn in await turns_of(served, someone))


async def test_beyond_the_quota_settings_are_heard_and_a_face_is_kept(
    start: Start, sandbox: Sandbox, clock: ManualClock, texts: Texts
) -> None:
    served = await start(clock=clock, daily_quota=1)
    someone = sandbox.add_user()
    await newcomer_agrees(someone)
    await agree(someone)
    clock.now = FIRST
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
    start: Start, sandbox: Sandbox, clock: ManualClock, texts: Texts
) -> None:
    open_to_all = await start(clock=clock)
    someone = sandbox.add_user()
    await newcomer_agrees(someone)
    await agree(someone)
    await pressed(someone, "ci:pauses")
    await open_to_all.aclose()
    closed = await start(clock=clock, pilot=True)
    assert (await answer_to(someone, "三天")).startswith(opening(texts, "pilot_over"))
    settings = await settings_of(closed, someone)
    assert settings is not None
    assert settings.paused_until_at is None
    clock.now = FIRST
    assert await closed.parts.check_ins.job.run() == 0
    assert [row.reason for row in await rows(closed, someone)] == ["not_admitted"]
