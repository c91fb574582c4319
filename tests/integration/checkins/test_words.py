"""Words that answer questions about check-ins, on real databases: what is done, asked, or left."""

from datetime import UTC, datetime

import pytest

from bot.checkins.outgoing.evaluation import quiet_of
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import EVERY_DAY, WEEKDAYS, Appointment
from bot.checkins.settings import service
from bot.checkins.settings.changes import STAYS_OPEN, SettingsDialog
from bot.checkins.settings.pages import unpacked
from bot.checkins.settings.phrases import PhraseHandler
from bot.texts import Texts
from bot.updates.responder import UnitOfWork
from storage import Database, Transaction
from storage.checkins import questions
from storage.checkins import settings as check_in_settings
from storage.checkins.questions import QuestionTopic, TimesDraft
from storage.messages.body import MessageBody
from tests.integration.cast import mei

NOW = datetime(2026, 1, 5, 0, 30, tzinfo=UTC)  # Monday, 8:30 in Shanghai
TEXTS = Texts()
CHANGES = SettingsDialog(lambda _person: True)
TYPED = PhraseHandler(CHANGES)
NINE, TEN_PM = Appointment(EVERY_DAY, 540), Appointment(EVERY_DAY, 1320)


async def opened(tx: Transaction, asks: QuestionTopic, *, is_agreed: bool = True) -> UnitOfWork:
    """Mei with two times, or with none yet, and an open question."""
    person = await mei(tx)
    if is_agreed:
        await service.begin(tx, person.person_id, zone="Asia/Shanghai", wanted=[NINE, TEN_PM])
    draft = (
        TimesDraft([(540, 127)]) if not is_agreed and asks is QuestionTopic.ZONE else TimesDraft()
    )
    await questions.put(tx, person.person_id, asks, draft)
    return UnitOfWork(tx, person, TEXTS)


async def minutes(a: UnitOfWork) -> list[int]:
    return [each.minute for each, _ in await service.upcoming(a.transaction, a.person.person_id)]


def offered(body: MessageBody | None) -> list[list[int]]:
    """The times on the buttons that confirm them."""
    assert body is not None
    picks = [
        data.removeprefix("ci:pick:")
        for row in body.buttons
        for _label, data in row
        if data.startswith("ci:pick:")
    ]
    return [[each.minute for each in unpacked(pick)] for pick in picks]


def data_of(body: MessageBody | None) -> list[str]:
    assert body is not None
    return [data for row in body.buttons for _label, data in row]


DISTRESS = [
    "凌晨三点又醒了",
    "it's 3am and I can't sleep",
    "一点都不好",
    "我三天没睡了",
    "晚安",
    "头晕",
    "Help",
    "I have no more tears",
    "今天不想起床",
    "我在北京一个人好孤单",
    "三天没怎么休息了",
    "停止不了胡思乱想",
]


async def asks_again(a: UnitOfWork, asks: QuestionTopic) -> None:
    """Open a question anew."""
    await questions.put(a.transaction, a.person.person_id, asks, TimesDraft())


async def test_distress_is_for_the_companion_and_changes_nothing(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.STATE)
        before = await check_in_settings.get(tx, a.person.person_id)
        for asks in (
            QuestionTopic.TIMES,
            QuestionTopic.STATE,
            QuestionTopic.QUIET,
            QuestionTopic.PAUSE,
            QuestionTopic.ZONE,
        ):
            await asks_again(a, asks)
            for text in DISTRESS:
                assert await TYPED.answer(a, text) is None, (asks, text)
                assert await TYPED.wish(a, text) is None, (asks, text)
            assert await CHANGES.asked(a) == asks
        assert await minutes(a) == [540, 1320]
        assert await check_in_settings.get(tx, a.person.person_id) == before


async def test_times_that_nobody_asked_for_are_confirmed_by_a_button(database: Database) -> None:
    wanted = {
        "每天早上八点": [[480]],
        "3am": [[180]],
        "早上八点或九点": [[480], [540]],
        "明天早上八点": [[480]],
    }
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.STATE)
        assert {text: offered(await TYPED.answer(a, text)) for text in wanted} == wanted
        assert await minutes(a) == [540, 1320]


@pytest.mark.parametrize("asks", [QuestionTopic.TIMES, QuestionTopic.STATE, QuestionTopic.ZONE])
async def test_unclear_times_and_changes_bring_the_buttons(
    database: Database, asks: QuestionTopic
) -> None:
    async with database.begin() as tx:
        a = await opened(tx, asks)
        for text in (
            "再加一个中午",
            "去掉晚上十点",
            "从早上九点改成早上八点",
            "隔天早上八点",
            "8点到9点",
            "北京时间早上八点",
            "8am London time",
        ):
            await asks_again(a, asks)
            body = await TYPED.answer(a, text)
            assert {"ci:time:540", "ci:time:1320", "ci:hours", "ci:done"} <= set(data_of(body))
            assert body.text.count("· 每天") == 2  # what is agreed stands there
        assert await minutes(a) == [540, 1320]


async def test_unclear_words_lose_nothing_that_is_being_chosen(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.TIMES)
        await questions.put(
            tx, a.person.person_id, QuestionTopic.TIMES, TimesDraft([(480, 31)], 31)
        )
        body = await TYPED.answer(a, "再加一个中午")
        assert body is not None
        assert TEXTS("zh", "checkin_unclear") in body.text
        assert "· 工作日 08:00" in body.text
        assert (await CHANGES.draft(a)).times == [(480, 31)]


async def test_times_that_were_asked_for_are_taken(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.TIMES)
        assert await TYPED.answer(a, "每天早上八点") is not None
        assert await minutes(a) == [480]


async def test_buttons_add_move_and_remove_any_time(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.STATE)
        await CHANGES.choose(a)
        assert "ci:hour:6" in data_of(await CHANGES.hours(a))
        assert "ci:time:405" in data_of(await CHANGES.hour(a, 6))
        await CHANGES.toggle(a, 405)  # 6:45 is added
        await CHANGES.toggle(a, 1320)
        body = await CHANGES.toggle(a, 1230)  # 22:00 becomes 20:30
        assert "ci:time:405" in data_of(body)  # to tap it off
        assert await CHANGES.day(a, 5) is not None
        await CHANGES.day(a, 6)
        await CHANGES.done(a)
        agreed = await service.upcoming(tx, a.person.person_id)
        assert [(each.minute, each.days) for each, _ in agreed] == [
            (minute, WEEKDAYS) for minute in (405, 540, 1230)
        ]
        await CHANGES.choose(a)
        for day in range(5):
            body = await CHANGES.day(a, day)
        assert body is None  # the last day stays
        assert await CHANGES.toggle(a, 1440) is None
        await CHANGES.toggle(a, 420)
        draft = await CHANGES.draft(a)
        assert draft is not None
        assert {days for _, days in draft.times} == {1 << 4}


async def test_quiet_hours_stop_nothing(database: Database) -> None:
    hours = {
        "晚上十点到早上七点别打扰我": QuietHours(1320, 420),
        "不需要": None,
        "10pm to 7am please don't ask": QuietHours(1320, 420),
        "22 to 8": QuietHours(1320, 480),
    }
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.QUIET)
        for text, quiet in hours.items():
            await asks_again(a, QuestionTopic.QUIET)
            assert await TYPED.answer(a, text) is not None
            settings = await check_in_settings.get(tx, a.person.person_id)
            assert settings is not None
            assert settings.stopped_at is None
            assert quiet_of(settings) == quiet


async def test_no_day_and_no_span_stops_everything(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.QUIET)
        for asks in (QuestionTopic.QUIET, QuestionTopic.TIMES, QuestionTopic.ZONE):
            for text in ("周末别问我", "晚上别发", "明天别问", "这周别问了", "取消"):
                await asks_again(a, asks)
                await TYPED.answer(a, text)
        settings = await check_in_settings.get(tx, a.person.person_id)
        assert settings is not None
        assert (settings.stopped_at, settings.paused_until_at) == (None, None)
        await asks_again(a, QuestionTopic.QUIET)
        await TYPED.answer(a, "别再问我了")
        settings = await check_in_settings.get(tx, a.person.person_id)
        assert settings is not None
        assert settings.stopped_at == NOW


async def test_hours_of_two_meanings_are_buttons(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.QUIET)
        assert data_of(await TYPED.answer(a, "十点到七点"))[:2] == [
            "ci:quiet:1320-420",
            "ci:quiet:600-1140",
        ]
        await CHANGES.state(a)
        found = await TYPED.answer(a, "晚上十点到早上七点别打扰我")
        assert data_of(found)[0] == "ci:quiet:1320-420"


async def test_after_consent_a_zone_in_words_is_confirmed(database: Database) -> None:
    zones = {
        "伦敦": ["Europe/London"],
        "London, Ontario": ["Europe/London", "America/Toronto", "America/Winnipeg"],
        "Georgia": ["America/New_York", "Asia/Tbilisi"],
    }
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.ZONE)
        for text, names in zones.items():
            assert data_of(await TYPED.answer(a, text)) == [f"ci:zone:{each}" for each in names]
        settings = await check_in_settings.get(tx, a.person.person_id)
        assert settings is not None
        assert settings.zone == "Asia/Shanghai"


@pytest.mark.parametrize("is_agreed", [True, False])
async def test_times_corrected_at_the_zone_are_confirmed(
    database: Database, is_agreed: bool
) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.ZONE, is_agreed=is_agreed)
        assert offered(await TYPED.answer(a, "还是晚上八点吧")) == [[1200]]
        assert offered(await TYPED.answer(a, "每天早上八点")) == [[480]]
        settings = await check_in_settings.get(tx, a.person.person_id)
        assert (settings is not None) is is_agreed


async def test_a_question_is_open_to_words_for_a_while(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.TIMES)
        tx.now += STAYS_OPEN
        assert await TYPED.answer(a, "每天早上八点") is None
        assert await minutes(a) == [540, 1320]


async def test_times_that_are_no_quiet_hours_bring_the_buttons(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.QUIET)
        assert "ci:quiet:none" in data_of(await TYPED.answer(a, "22:00 8:00"))


async def test_an_unmistakable_wish_counts_without_a_page(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.STATE)
        assert await TYPED.wish(a, "今天休息") is None
        assert await TYPED.wish(a, "暂停三天") is not None
        assert "ci:resume" in data_of(await TYPED.answer(a, "停"))
        settings = await check_in_settings.get(tx, a.person.person_id)
        assert settings is not None
        assert settings.stopped_at is not None


async def test_cancel_at_the_first_choice_ends_the_choice(database: Database) -> None:
    async with database.begin() as tx:
        a = await opened(tx, QuestionTopic.TIMES, is_agreed=False)
        body = await TYPED.answer(a, "取消")
        assert body is not None
        assert body.text == TEXTS("zh", "checkin_agreed_not")
        assert await CHANGES.asked(a) is None
