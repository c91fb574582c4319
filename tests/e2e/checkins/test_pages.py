"""The pages of check-ins when things are odd: too many times, old buttons, a case, many notes."""

import json
from datetime import date, datetime, timedelta

from bot.service.lifecycle import Service
from bot.texts import Texts
from bot.transport.text_split import LIMIT, utf16_length
from sandbox import Sandbox, SandboxUser
from storage.checkins import occurrences as check_ins
from storage.checkins import settings
from storage.checkins.occurrences import MoodAnswer, Occasion
from tests.e2e.checkins.cast import (
    BEGIN,
    agree,
    asked,
    is_resolved,
    pressed,
    settings_of,
)
from tests.e2e.conftest import answer_to, close_case, person_of
from tests.support.clock import ManualClock
from tests.support.waiting import until


def line(text: str, name: str) -> str:
    found = [each for each in text.splitlines() if each.lstrip("· ").startswith(name)]
    assert found, text
    return found[0]


async def test_a_seventh_time_is_refused_within_the_page(
    served: Service, someone: SandboxUser, texts: Texts
) -> None:
    await answer_to(someone, "/checkin")
    for minute in (420, 480, 540, 750, 1080, 1200):
        await pressed(someone, f"ci:time:{minute}")
    page = someone.last
    assert page is not None
    warned = await pressed(someone, "ci:time:1290")
    assert someone.last is not None and someone.last.message_id == page.message_id
    assert texts("zh", "checkin_too_many") in warned
    assert warned.count("· 每天") == 6
    assert sum("✓" in label for row in someone.last.buttons for label, _ in row) == 7  # and days
    assert texts("zh", "checkin_too_many") not in await pressed(someone, "ci:time:420")
    assert "· 每天 21:30" in await pressed(someone, "ci:time:1290")
    assert (await answer_to(someone, "/checkin")).count("· 每天") == 6  # nothing is lost
    assert texts("zh", "checkin_zone_ask") in await pressed(someone, "ci:done")


async def test_nothing_chosen_leaves_the_page(
    served: Service, someone: SandboxUser, texts: Texts
) -> None:
    await answer_to(someone, "/checkin")
    await someone.press("ci:done")
    page = await someone.wait_for(texts("zh", "checkin_choose_first"), timeout_s=20)
    assert "ci:time:480" in str(page.buttons)


async def test_a_draft_lives_as_long_as_it_is_the_last_question(
    served: Service, someone: SandboxUser, clock: ManualClock, texts: Texts
) -> None:
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:time:480")
    clock.now += timedelta(days=2)  # the chooser still holds
    assert "08:00" in await pressed(someone, "ci:time:1290")
    await pressed(someone, "ci:done")
    first = await pressed(someone, "ci:zone:Asia/Shanghai")
    assert "21:30" in first
    asked_first = someone.last
    assert asked_first is not None
    clock.now += timedelta(hours=3)
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:time:480")
    await pressed(someone, "ci:done")
    await pressed(someone, "ci:zone:Asia/Shanghai")
    # The older consent stands under other times: it is asked again, and records nothing.
    last = someone.last
    assert last is not None
    await someone.press("好，开始", message_id=asked_first.message_id)
    again = await someone.wait_for(None, after=last.message_id, timeout_s=20)
    assert again.text.startswith(texts("zh", "checkin_draft_changed"))
    assert "08:00" not in again.text
    assert await settings_of(served, someone) is None
    assert "下一次：11-26 21:30" in await pressed(someone, "好，开始")
    # Pressed twice it shows how things stand, and does not say that something is lost.
    await someone.press("好，开始", message_id=again.message_id)
    twice = await someone.wait_for(
        lambda m: m.text.startswith("每日问候：开着"), after=again.message_id + 1, timeout_s=20
    )
    assert texts("zh", "checkin_draft_gone") not in twice.text


async def test_an_old_page_says_that_it_is_old(
    served: Service, someone: SandboxUser, texts: Texts
) -> None:
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:time:480")
    chooser = someone.last
    await pressed(someone, "ci:done")
    await pressed(someone, "ci:zone:Asia/Shanghai")
    consent = someone.last
    assert chooser is not None and consent is not None
    await pressed(someone, "ci:no")
    last = someone.last
    assert last is not None
    await someone.press("好，开始", message_id=consent.message_id)
    gone = await someone.wait_for(
        texts("zh", "checkin_draft_gone"), after=last.message_id, timeout_s=20
    )
    assert texts("zh", "checkin_chosen_nothing") in gone.text
    assert await settings_of(served, someone) is None
    assert "· 每天 08:00" in await pressed(someone, "ci:time:480")


async def test_new_times_after_a_stop_offer_to_begin_again(
    served: Service, someone: SandboxUser, texts: Texts
) -> None:
    await agree(someone)
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:stop")
    state = await answer_to(someone, "/checkin")
    assert line(state, "每日问候") == "每日问候：已停止"
    await pressed(someone, "ci:times")
    await pressed(someone, "ci:time:1290")
    kept = await pressed(someone, "ci:done")
    assert kept.startswith(texts("zh", "checkin_kept_stopped"))
    assert line(kept, "下一次") == "· 下一次：没有"
    assert someone.last is not None
    assert someone.last.buttons[0][0][1] == "ci:resume"
    assert "下一次：11-24 21:30" in await pressed(someone, "ci:resume")


async def test_the_state_tells_of_a_case_and_of_times_in_quiet_hours(
    served: Service, sandbox: Sandbox, someone: SandboxUser, texts: Texts
) -> None:
    await agree(someone)
    await pressed(someone, "ci:quiets")
    silent = await pressed(someone, "ci:quiet:0-480")
    assert line(silent, "安静时段") == "· 安静时段：00:00–08:00"
    await answer_to(someone, "/checkin")
    await answer_to(someone, "我想自杀，已经买好了绳子")
    sent = await someone.say("/checkin")
    held = (await someone.wait_for("每日问候：", after=sent, timeout_s=20)).text
    assert line(held, "每日问候") == "每日问候：" + texts("zh", "checkin_status_held")
    assert line(held, "下一次") == "· 下一次：" + texts("zh", "checkin_next_held")
    await close_case(sandbox, 1)
    await until(lambda: is_resolved(served, someone))
    sent = await someone.say("/checkin")
    after = (await someone.wait_for("每日问候：", after=sent, timeout_s=20)).text
    assert line(after, "下一次") == "· 下一次：11-25 08:00"


async def noted(service: Service, user: SandboxUser, days: int, note: str) -> None:
    """A past with a note on every day."""
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.begin() as transaction:
        for back in range(days, 0, -1):
            at = transaction.now = BEGIN - timedelta(days=back)
            made = await check_ins.note_asked(
                transaction, Occasion(person.person_id, at.date(), 480, at)
            )
            assert made is not None
            said = MoodAnswer(mood=3, note=f"{note}{back}")
            await check_ins.answer(transaction, person.person_id, made, said)


async def test_notes_come_one_message_at_a_time_newest_first(
    served: Service, someone: SandboxUser, texts: Texts
) -> None:
    await noted(served, someone, 60, "开会" * 100 + "·")
    await answer_to(someone, "/mood")
    sent = await someone.say("/mood")
    await someone.wait_for("一周", after=sent, timeout_s=20)
    await someone.press("chart:year")
    year = await someone.wait_for("一年", after=sent, timeout_s=20)
    assert texts("zh", "chart_kept", days=200) in year.text
    read: list[int] = []
    last = year.message_id
    for _ in range(10):
        page = await someone.wait_for("你写下的", after=last, timeout_s=20)
        assert utf16_length(page.text) <= LIMIT
        found = [int(each.rpartition("·")[2]) for each in page.text.splitlines()[1:]]
        assert page.text.splitlines()[1].startswith(
            f"{BEGIN.date() - timedelta(days=found[0]):%m-%d} 08:00 "
        )
        read += found
        last = page.message_id
        if not page.buttons:
            break
        await someone.press(texts("zh", "chart_older"), message_id=last)
    assert read == list(range(1, 61))
    assert "chart:older" not in str(page.buttons)


async def test_a_single_note_of_any_length_is_shown_and_an_old_button_is_harmless(
    served: Service, someone: SandboxUser, texts: Texts
) -> None:
    await noted(served, someone, 2, "长" * 4090 + "·")
    sent = await someone.say("/mood")
    await someone.wait_for("一周", after=sent, timeout_s=20)
    end = await someone.wait_for(
        lambda m: "chart:older" in str(m.buttons), after=sent, timeout_s=20
    )
    assert end.text.endswith("·1")
    await someone.press(texts("zh", "chart_older"))
    await someone.wait_for(lambda m: m.text.endswith("·2"), after=end.message_id, timeout_s=20)


async def test_a_skip_can_be_taken_back(
    served: Service, someone: SandboxUser, texts: Texts, clock: ManualClock
) -> None:
    await agree(someone)
    clock.to(2026, 11, 24, 23, 0, 1)  # 7:00 of the 25th in Shanghai: an hour before
    await answer_to(someone, "/checkin")
    skipped = await pressed(someone, "ci:skip")
    assert texts("zh", "checkin_skipped") in skipped
    assert "11-26 08:00" in skipped
    assert someone.last is not None
    assert "ci:skip" not in str(someone.last.buttons)
    back = await pressed(someone, texts("zh", "checkin_unskip"))
    assert "11-25 08:00" in back
    assert "ci:skip" in str(someone.last.buttons)
    await pressed(someone, "ci:skip")
    assert "11-25 08:00" in await answer_to(someone, "今天还是问我吧")
    clock.to(2026, 11, 25, 0, 0, 1)
    await asked(someone, served)


async def test_everything_is_in_the_export_and_words_are_no_moods(
    served: Service, someone: SandboxUser, clock: ManualClock
) -> None:
    await agree(someone)
    await pressed(someone, "ci:quiets")
    await pressed(someone, "ci:quiet:1320-480")
    await pressed(someone, "ci:flag:asks_energy")
    await pressed(someone, "ci:skip")
    clock.to(2026, 11, 25, 0, 0, 1)
    await asked(someone, served)
    await answer_to(someone, "还行，去买菜了")
    clock.to(2026, 11, 25, 23, 0, 1)  # 7:00 of the 26th in Shanghai
    await answer_to(someone, "/checkin")
    await pressed(someone, "ci:skip")
    clock.to(2026, 11, 27, 0, 0, 1)
    question = await asked(someone, served)
    await someone.press("🙂")
    await someone.wait_for(None, after=question.message_id, timeout_s=60)
    memory = await answer_to(someone, "/memory")
    assert "点的心情：1 次；用文字回答的：1 次" in memory
    person = await person_of(served, someone)
    assert person is not None
    async with served.parts.database.begin() as transaction:
        await settings.change(
            transaction, person.person_id, fell_on=date(2026, 11, 27), fell_waits_at=clock.now
        )
    sent = await someone.say("/export")
    file = await someone.wait_for(lambda m: m.document is not None, after=sent, timeout_s=20)
    assert file.document is not None
    data = json.loads(file.document[1])["check_ins"]
    assert datetime.fromisoformat(data["agreed_at"]) == BEGIN
    assert data["quiet_hours"] == ["22:00", "08:00"]
    assert (data["asks_sleep"], data["asks_energy"]) == (False, True)
    assert (data["moods_fell_on"], data["days_without_an_answer"]) == ("2026-11-27", 0)
    assert datetime.fromisoformat(data["staff_are_told_since"]) == clock.now
    occurrences = data["occurrences"]
    assert [(each["date"], each["state"], each["skipped_because"]) for each in occurrences] == [
        ("2026-11-25", "answered", None),
        ("2026-11-26", "skipped", "asked_for"),
        ("2026-11-27", "answered", None),
    ]
    assert [(each["date"], each["mood"]) for each in data["answers"]] == [
        ("2026-11-25", None),
        ("2026-11-27", 4),
    ]
    # Every column of the settings is in the file, under whatever name.
    known = {"person_id", "fell_untold"}
    assert (
        len(settings.NAMES) - len(known) == len(data) - len({"times", "occurrences", "answers"}) + 1
    )  # quiet hours are one
