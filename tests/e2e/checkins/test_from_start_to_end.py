"""Check-ins as people see them: arranged, received, answered, paused, ended; by a movable clock."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.checkins import appointments
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import CheckInState
from storage.companion import people, transcripts
from storage.companion.conversations import Speaker
from storage.review import cases, notes, operators
from tests.e2e.checkins.cast import (
    BEGIN,
    Start,
    agree,
    asked,
    is_resolved,
    pressed,
    pressed_twice,
    rows,
    settings_of,
)
from tests.e2e.conftest import answer_to, close_case, newcomer_agrees, opening, person_of
from tests.support.clock import ManualClock
from tests.support.waiting import at_rest, until


async def test_by_buttons_received_and_answered_by_a_tap(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    assert texts("zh", "checkin_chosen_nothing") in await answer_to(someone, "/checkin")
    assert "· 每天 08:00" in await pressed(someone, "ci:time:480")
    await pressed(someone, "ci:time:1290")
    assert "· 工作日 08:00\n· 工作日 21:30" in await pressed(someone, "ci:days:work")
    assert await settings_of(served, someone) is None
    assert texts("zh", "checkin_zone_ask") in await pressed(someone, "ci:done")
    assert "Asia/Shanghai" in await pressed(someone, "ci:zone:Asia/Shanghai")
    assert await settings_of(served, someone) is None  # everything is off until asked for
    assert "下一次：11-24 21:30" in await pressed(someone, "好，开始")
    settings = await settings_of(served, someone)
    assert settings is not None
    assert settings.consent_at == BEGIN
    clock.to(2026, 11, 24, 13, 30, 5)
    question = await asked(someone, served)
    assert question.text.startswith("晚上好")
    assert [label for label, _ in question.buttons[0]] == ["😞", "🙁", "😐", "🙂", "😄"]
    await someone.press("🙂")
    noted = await someone.wait_for(
        lambda m: m.message_id == question.message_id and m.edited, timeout_s=20
    )
    assert "🙂" in noted.text
    reply = await someone.wait_for(None, after=question.message_id, timeout_s=60)
    assert reply.text
    kept = (await rows(served, someone))[-1]
    assert (kept.state, kept.answer and kept.answer.mood) == (CheckInState.ANSWERED, 4)
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert [(t.role, t.text) for t in turns[-3:-1]] == [
        (Speaker.SCRIPT, question.text),
        (Speaker.PERSON, texts("zh", "checkin_said_4")),
    ]
    assert turns[-1].role is Speaker.COMPANION


async def test_by_words_in_english(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await answer_to(someone, "/language")
    await pressed(someone, "lang:en")
    await answer_to(someone, "/checkin")
    assert await answer_to(someone, "at 8") == texts("en", "checkin_which_half")
    assert texts("en", "checkin_zone_ask").strip() in await pressed(someone, "ci:pick:0480127")
    assert await answer_to(someone, "China or Japan") == texts("en", "checkin_zone_which")
    assert "08:00, every day" in await pressed(someone, "ci:zone:Asia/Shanghai")
    state = await pressed(someone, "Yes, start")
    assert "Next: 11-25 08:00" in state
    assert "around" not in state
    assert "22:00–08:00" in await pressed_twice(someone, "ci:quiets", "ci:quiet:1320-480")
    assert "paused until 12-01" in await pressed_twice(someone, "ci:pauses", "ci:pause:7")
    assert "Check-ins: on" in await pressed(someone, "ci:resume")
    assert "paused until 11-27" in await answer_to(someone, "pause for 3 days")
    assert texts("en", "checkin_unclear") in await answer_to(someone, "add 9:45 am")
    await pressed(someone, "ci:hours")
    await pressed(someone, "ci:hour:9")
    assert "09:45, every day" in await pressed(someone, "ci:time:585")
    assert "09:45, every day" in await pressed(someone, "ci:done")
    clock.now += timedelta(minutes=31)  # the question is over: this is talk
    assert "Check-ins:" not in await answer_to(someone, "weekdays at 21:30")


async def test_words_are_an_answer_and_a_wish_is_heard(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    clock.to(2026, 11, 25, 0, 0, 1)
    await asked(someone, served)
    reply = await answer_to(someone, "昨晚没怎么睡，今天要见老板")
    assert reply != texts("zh", "checkin_stopped")
    assert [row.state for row in await rows(served, someone)] == [CheckInState.ANSWERED]
    clock.to(2026, 11, 26, 0, 0, 1)
    question = await asked(someone, served)
    assert "老板" not in question.text
    assert "睡" not in question.text
    assert "暂停到 12-03" in await answer_to(someone, "暂停一周")
    settings = await settings_of(served, someone)
    assert settings is not None
    assert settings.unanswered == 0


async def test_paused_resumed_and_travelling(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock
) -> None:
    await agree(someone)
    assert "暂停到 11-27" in await pressed_twice(someone, "ci:pauses", "ci:pause:3")
    clock.to(2026, 11, 25, 0, 0, 1)
    assert await served.parts.check_ins.job.run() == 0
    assert "下一次：11-26 08:00" in await pressed(someone, "ci:resume")
    clock.to(2026, 11, 26, 0, 0, 1)
    await asked(someone, served)
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:zones")
    sent = await someone.send_location(51.5, -0.12)
    state = (await someone.wait_for(None, after=sent, timeout_s=20)).text
    assert "Europe/London" in state
    assert "下一次：11-27 08:00" in state  # the 26th was served, there or here
    clock.to(2026, 11, 27, 8, 0, 1)
    await asked(someone, served)
    await served.parts.check_ins.job.run()
    assert [row.local_date.day for row in await rows(served, someone)] == [26, 27]


async def test_silence_leads_to_a_goodbye_and_back(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    for day in range(40):
        clock.now = datetime(2026, 11, 25, 0, 0, 1, tzinfo=UTC) + timedelta(days=day)
        if await served.parts.check_ins.job.run():
            await at_rest(served, sandbox)
    bye = await someone.wait_for(texts("zh", "checkin_goodbye"), timeout_s=20)
    assert "mood:" not in str(bye.buttons)
    kept = await rows(served, someone)
    days = [(row.local_date - kept[0].local_date).days for row in kept if row.asked_at]
    assert days == [0, 1, 2, 5, 8, 11, 18, 25, 32]
    assert "下一次：01-04 08:00" in await pressed(someone, "ci:resume")
    clock.to(2027, 1, 4, 0, 0, 1)
    assert (await asked(someone, served)).text.startswith("早上好")


async def test_a_grave_case_holds_them_and_they_come_back_with_words_for_it(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    await answer_to(someone, "我想自杀，已经买好了绳子")
    clock.to(2026, 11, 25, 0, 0, 1)
    assert await served.parts.check_ins.job.run() == 0
    assert [(row.state, row.reason) for row in await rows(served, someone)] == [
        (CheckInState.SKIPPED, "held")
    ]
    await close_case(sandbox, 1)
    await until(lambda: is_resolved(served, someone))
    clock.to(2026, 11, 26, 0, 0, 1)
    question = await asked(someone, served)
    assert question.text in texts("zh", "checkin_after_hold")
    assert "自杀" not in question.text
    clock.to(2026, 11, 27, 0, 0, 1)
    assert (await asked(someone, served)).text.startswith("早上好")
    # A note with words at risk is no note: it goes the way of a crisis.
    await someone.press("😞")
    last = someone.last
    assert last is not None
    await someone.wait_for(lambda m: "mood:3:note" in str(m.buttons), timeout_s=20)
    await someone.wait_for(None, after=last.message_id, timeout_s=60)
    await someone.press("mood:3:note")
    await someone.wait_for(texts("zh", "checkin_note_ask"), timeout_s=20)
    assert (await answer_to(someone, "我不想活了，今晚就去跳楼")).startswith(
        opening(texts, "crisis_now_danger")
    )
    kept = (await rows(served, someone))[-1].answer
    assert kept is not None
    assert (kept.mood, kept.note) == (1, None)


async def test_the_chart_its_notes_export_and_the_end(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    assert await answer_to(someone, "/mood") == texts("zh", "chart_none")
    await agree(someone)
    await pressed(someone, "ci:flag:asks_sleep")
    clock.to(2026, 11, 25, 0, 0, 1)
    question = await asked(someone, served)
    await someone.press("🙁")
    await someone.wait_for(texts("zh", "checkin_sleep_ask"), timeout_s=20)
    await someone.wait_for(None, after=question.message_id, timeout_s=60)
    await someone.press("mood:1:s2")
    await someone.wait_for(
        lambda m: m.message_id == question.message_id and "s2" not in str(m.buttons), timeout_s=20
    )
    await someone.press("mood:1:note")
    await someone.wait_for(texts("zh", "checkin_note_ask"), timeout_s=20)
    assert await answer_to(someone, "开会太多")  # kept, and the companion hears it
    sent = await someone.say("/mood")
    shown = await someone.wait_for(lambda m: m.photo is not None, after=sent, timeout_s=20)
    assert shown.photo is not None
    assert shown.photo[1].startswith(b"\x89PNG")
    assert "2026-11-19 至 2026-11-25，1 次" in shown.text
    assert "睡眠平均 2.0" in shown.text
    await someone.wait_for("11-25 08:00 开会太多", after=sent, timeout_s=20)
    await someone.press("chart:year")
    await someone.wait_for("一年：2025-11-25", after=shown.message_id, timeout_s=20)
    sent = await someone.say("/export")
    exported = await someone.wait_for(lambda m: m.document is not None, after=sent, timeout_s=20)
    assert exported.document is not None
    data = json.loads(exported.document[1])["check_ins"]
    assert data["zone"] == "Asia/Shanghai"
    assert [(a["date"], a["mood"], a["sleep"], a["note"]) for a in data["answers"]] == [
        ("2026-11-25", 2, 2, "开会太多")
    ]
    assert "心情：1 次" in await answer_to(someone, "/memory")
    assert texts("zh", "checkin_off_too") in await answer_to(someone, "/stop")
    clock.to(2026, 11, 26, 0, 0, 1)
    assert await served.parts.check_ins.job.run() == 0
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:resume")
    await answer_to(someone, "/forget")
    await someone.press("forget:yes")
    await someone.wait_for("回执", timeout_s=20)
    clock.to(2026, 11, 27, 0, 0, 1)
    assert await served.parts.check_ins.job.run() == 0


async def test_blocked_and_back(served: Service, someone: SandboxUser, clock: ManualClock) -> None:
    await agree(someone)
    await someone.block()
    await until(lambda: parked(served, someone))
    clock.to(2026, 11, 25, 0, 0, 1)
    assert await served.parts.check_ins.job.run() == 0
    await someone.unblock()
    await until(lambda: parked(served, someone, is_parked=False))
    await served.parts.check_ins.job.run()  # reckons anew
    clock.to(2026, 11, 26, 0, 0, 1)
    await asked(someone, served)


async def parked(service: Service, user: SandboxUser, *, is_parked: bool = True) -> bool:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        found = await appointments.of_person(transaction, person.person_id)
        raw = await people.by_id(transaction, person.person_id)
    assert raw is not None
    return (raw.blocked_at is not None) == is_parked and bool(found)


async def test_falling_moods_are_a_quiet_note_and_never_a_case(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock
) -> None:
    await agree(someone)
    for day in range(3):
        clock.to(2026, 11, 25 + day, 0, 0, 1)
        question = await asked(someone, served)
        await someone.press("😞")
        await someone.wait_for(None, after=question.message_id, timeout_s=60)
    chat = sandbox.operators_chat_id
    await served.parts.jobs["digest"].work()
    told = await sandbox.operator.wait_for("变差的人：1 个", chat_id=chat, timeout_s=20)
    assert str(someone.id) not in told.text
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.read() as transaction:
        assert await cases.of_person(transaction, person.person_id) == []
        waiting = await check_in_settings.waiting_fallen(transaction)
    assert [each.person_id for each in waiting] == [person.person_id]  # in the console's queue


async def test_beside_an_open_case_falling_moods_are_its_note_and_a_human_is_not_disturbed(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock
) -> None:
    await agree(someone)
    await answer_to(someone, "我妈又打我了，我身上都是伤")  # level 2: check-ins go on
    for day in range(3):
        clock.to(2026, 11, 25 + day, 0, 0, 1)
        question = await asked(someone, served)
        await someone.press("🙁")
        await someone.wait_for(None, after=question.message_id, timeout_s=60)
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.read() as transaction:
        case = await cases.open_case(transaction, person.person_id)
        assert case is not None
        noted = await notes.of_case(transaction, case.case_id, person.person_id)
        operator = (await operators.listed(transaction))[0]
        assert await check_in_settings.count_fallen(transaction) == 0
        assert await check_in_settings.waiting_fallen(transaction) == []
    assert [note.text for note in noted] == [served.texts("zh", "checkin_fell")]
    async with served.parts.database.begin() as transaction:
        await served.parts.operators.takeover.begin(transaction, operator, case.case_id)
    clock.to(2026, 11, 28, 0, 0, 1)
    assert await served.parts.check_ins.job.run() == 0


async def test_a_summary_is_offered_once_a_week_and_shows_nothing_by_itself(
    served: Service, sandbox: Sandbox, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await agree(someone)
    await pressed(someone, "ci:flag:weekly_summary")
    offered = []
    for day in (0, 5, 6, 7):
        clock.now = datetime(2026, 11, 25, 0, 0, 1, tzinfo=UTC) + timedelta(days=day)
        question = await asked(someone, served)
        if day == 5:
            await someone.press("😐")
            await someone.wait_for(None, after=question.message_id, timeout_s=60)
        await at_rest(served, sandbox)
        offered += [
            day
            for m in someone.messages
            if m.text == texts("zh", "checkin_summary") and m.message_id > question.message_id
        ]
    assert offered == [6]  # a week after it was switched on
    assert someone.last is not None
    await someone.press("chart:week")
    shown = await someone.wait_for(lambda m: m.photo is not None, timeout_s=20)
    assert shown.text.startswith("一周")


async def test_a_tap_whose_reply_was_cut_by_an_end_is_answered_after_the_start(
    start: Start, sandbox: Sandbox, clock: ManualClock, texts: Texts, slow: asyncio.Event
) -> None:
    first = await start(clock=clock)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await agree(user)
    clock.to(2026, 11, 25, 0, 0, 1)
    question = await asked(user, first)
    slow.clear()
    await user.press("🙂")
    await asyncio.wait_for(slow.wait(), 20)
    await first.aclose()
    second = await start(clock=clock)
    await user.wait_for(None, after=question.message_id, timeout_s=60)
    person = await person_of(second, user)
    assert person is not None
    async with second.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    said = [turn.text for turn in turns if turn.role is Speaker.PERSON]
    assert said == ["每天早上八点", "上海", texts("zh", "checkin_said_4")]
    assert turns[-1].role is Speaker.COMPANION
    # A change of mind is kept, and not talked about unless the mood is low.
    await user.press(f"mood:{(await rows(second, user))[0].check_in_id}:3")
    await user.wait_for(
        lambda m: m.message_id == question.message_id and "😐" in m.text, timeout_s=20
    )
    await at_rest(second, sandbox)
    async with second.parts.database.read() as transaction:
        again = await transcripts.history(transaction, person.person_id)
    assert len(again) == len(turns)
    kept = (await rows(second, user))[0].answer
    assert kept is not None
    assert kept.mood == 3
