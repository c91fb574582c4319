"""What the answers to requests say and do, in each state, on the whole service without Telegram."""

from datetime import timedelta

import pytest

from bot.checkins.rules.schedule import EVERY_DAY, Appointment
from bot.checkins.settings import service as check_ins
from bot.texts import Texts
from storage.checkins import settings as check_in_settings
from storage.companion import script_positions
from storage.review import cases
from storage.review.cases import ASKED
from tests.support.house import MEI, House, OpenHouse, update
from tests.support.waiting import until

GRAVE = "我想自杀"
WHO = "你是真人吗"
READS = "谁能看到我说的话"
HUMAN = "能和真人说话吗"
NUMBER = "给我求助电话"
STOPS = "不用每天问我了"


async def answer(house: House, *texts: str) -> str:
    """What a person reads after messages."""
    before = len(await house.queued())
    await house.receives(*texts)
    kinds = await house.queued("notice") + await house.queued("crisis")
    assert len(await house.queued()) > before
    return kinds[-1]


async def said(house: House, *texts: str) -> list[str]:
    """All that is queued by messages, for operators too."""
    before = len(await house.queued())
    await house.receives(*texts)
    return (await house.queued())[before:]


async def commands(house: House, name: str) -> list[str]:
    """All that is queued by a command."""
    before = len(await house.queued())
    command = {"type": "bot_command", "offset": 0, "length": len(name)}
    await house.receives(name, entities=[command])
    return (await house.queued())[before:]


def press(data: str) -> dict[str, object]:
    """A button on a message that Telegram no longer shows."""
    made = update("", MEI)
    person = made["message"]["from"]
    chat = made["message"]["chat"]
    gone = {"chat": chat, "message_id": 1, "date": 0}
    query = {"id": "1", "from": person, "chat_instance": "1", "data": data, "message": gone}
    return {"update_id": made["update_id"], "callback_query": query}


async def presses(house: House, data: str) -> list[str]:
    before = len(await house.queued())
    await house.parts.receiving.intake.receive(press(data))
    await until(lambda: not house.parts.receiving.lanes.is_busy)
    return (await house.queued())[before:]


async def test_it_says_that_it_is_a_program_and_who_is_there(
    open_house: OpenHouse, texts: Texts
) -> None:
    staffed = await open_house()
    await staffed.agreed()
    [told] = await said(staffed, WHO)
    assert texts("zh", "request_identity") in told
    assert texts("zh", "request_identity_people") in told
    assert [turn.text for turn in await staffed.turns()] == [
        WHO,
        told,
    ]  # kept, for the next prompt and for operators


async def test_without_operators_nobody_is_promised(open_house: OpenHouse, texts: Texts) -> None:
    alone = await open_house(operators=frozenset(), operators_chat=None)
    await alone.agreed()
    [who] = await said(alone, WHO)
    assert texts("zh", "request_identity_no_people") in who
    [reads] = await said(alone, READS)
    assert texts("zh", "request_privacy_no_people") in reads
    [human] = await said(alone, HUMAN)
    assert texts("zh", "request_human_nobody") in human
    assert "12356" not in human  # no region is known, so no number of one
    assert await alone.case() is None


async def test_privacy_says_what_holds_now(open_house: OpenHouse, texts: Texts) -> None:
    house = await open_house(retention_days=30)
    now = house.clock()
    await house.agreed(training_consent_at=now, shadow_consent_at=now)
    [told] = await said(house, READS)
    for key in ("people", "training", "shadow", "phone"):
        assert texts("zh", f"request_privacy_{key}") in told
    assert texts("zh", "request_privacy_kept", days=30) in told
    await house.agreed(off_record_until_at=now + timedelta(hours=1))
    [told] = await said(house, READS)
    assert texts("zh", "request_privacy_off_record") in told
    assert texts("zh", "request_privacy_kept", days=30) not in told


async def test_a_newcomer_is_answered_and_nothing_is_kept(
    open_house: OpenHouse, texts: Texts
) -> None:
    house = await open_house()
    await house.known()
    [told] = await said(house, READS)
    assert texts("zh", "request_privacy_unconsented", hours=24) in told
    assert told.endswith(texts("zh", "request_start"))
    assert await house.turns() == []


async def test_numbers_of_the_region_or_the_question_where(
    open_house: OpenHouse, texts: Texts
) -> None:
    house = await open_house()
    await house.agreed()
    [told] = await said(house, NUMBER)
    assert texts("zh", "request_lines_where") in told
    [told] = await presses(house, "ask:in:CN")
    assert "12356" in told
    person = await house.person()
    assert person is not None
    assert person.region == "CN"
    [told] = await commands(house, "/sos")
    assert "12356" in told
    assert texts("zh", "request_lines_where") not in told
    [told] = await presses(house, "ask:in:none")  # another place: no loop of questions
    assert texts("zh", "request_lines_where") not in told


async def test_asking_for_a_human_opens_one_case_and_the_companion_goes_on(
    open_house: OpenHouse, texts: Texts
) -> None:
    house = await open_house(acknowledge_minutes=5)
    await house.agreed()
    told = await said(house, HUMAN)
    assert any(texts("zh", "request_human_told", minutes=15) in text for text in told)
    notices = await house.queued("case")
    assert len(notices) == 1
    assert HUMAN in notices[0]
    case = await house.case()
    assert case is not None
    assert (case.level, case.categories, case.hold_until_at) == (0, (ASKED,), None)
    assert case.clock_due_at == house.clock() + timedelta(minutes=5)
    [again] = await commands(house, "/human")  # and no second notice
    assert texts("zh", "request_human_waits", minutes=15) in again
    assert await house.case() == case
    assert await house.who_answers("今天下雨了") == "model"


async def test_the_person_learns_that_nobody_came(open_house: OpenHouse, texts: Texts) -> None:
    house = await open_house(acknowledge_minutes=5)
    await house.agreed()
    await house.receives(HUMAN)
    escalation = house.parts.operators.desk.escalation
    for _ in range(3):
        house.clock.now += timedelta(minutes=5)
        await escalation.tick()
    lines = texts("zh", "nobody_came").split("{", 1)[0]
    assert any(text.startswith(lines) for text in await house.queued("crisis"))
    told = texts("zh", "request_human_told", minutes=15)  # asked again, the clock runs again
    assert any(text.startswith(told) for text in await said(house, HUMAN))


async def test_a_claimed_case_needs_no_second_call(open_house: OpenHouse, texts: Texts) -> None:
    house = await open_house()
    await house.agreed()
    await house.receives(HUMAN)
    case, actor = await house.case(), await house.operator()
    assert case is not None
    async with house.database.begin() as transaction:
        await house.parts.operators.desk.claim(transaction, actor, case.case_id)
    [told] = await said(house, HUMAN)
    assert texts("zh", "request_human_claimed") in told
    async with house.database.begin() as transaction:
        await house.parts.operators.takeover.begin(transaction, actor, case.case_id)
    assert texts("zh", "request_human_joined") in (await commands(house, "/human"))[-1]


async def test_a_request_off_the_record_shows_operators_no_words(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.agreed(off_record_until_at=house.clock() + timedelta(hours=1))
    await house.receives(HUMAN)
    [notice] = await house.queued("case")
    assert HUMAN not in notice


async def test_in_a_hold_the_numbers_stand_and_the_question_stays_open(
    open_house: OpenHouse, texts: Texts
) -> None:
    house = await open_house()
    person = await house.agreed(region="CN")
    await house.receives(GRAVE, "嗯")  # the script asks about injury now
    async with house.database.read() as transaction:
        before = await script_positions.get(transaction, person.person_id)
    told = await answer(house, WHO)
    assert told.startswith(texts("zh", "request_identity"))
    assert "12356" in told
    assert told.endswith(texts("zh", "ask_injured"))
    async with house.database.read() as transaction:
        assert await script_positions.get(transaction, person.person_id) == before


async def test_in_a_hold_the_case_is_marked(open_house: OpenHouse, texts: Texts) -> None:
    house = await open_house()
    await house.agreed(region="CN")
    await house.receives(GRAVE)
    before = await house.case()
    assert before is not None
    told = await answer(house, HUMAN)
    assert texts("zh", "request_human_told", minutes=30) in told
    case = await house.case()
    assert case is not None
    assert case.is_asked
    assert (case.level, case.clock_due_at) == (before.level, before.clock_due_at)
    async with house.database.read() as transaction:
        assert len(await cases.of_person(transaction, (await house.agreed()).person_id)) == 1


async def test_at_level_two_the_numbers_stand_below_the_answer(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.agreed(region="CN")
    told = await answer(house, "活着好没意思，有时候希望自己消失。你是真人吗")
    assert "12356" in told
    case = await house.case()
    assert case is not None
    assert case.level == 2


async def test_check_ins_stop_for_good(open_house: OpenHouse, texts: Texts) -> None:
    house = await open_house()
    person = await house.agreed()
    assert await said(house, STOPS) == [texts("zh", "request_checkins_none")]
    async with house.database.begin() as transaction:
        wanted = [Appointment(EVERY_DAY, 8 * 60)]
        await check_ins.begin(transaction, person.person_id, zone="Asia/Shanghai", wanted=wanted)
    assert await said(house, STOPS) == [texts("zh", "request_checkins_off")]
    async with house.database.read() as transaction:
        settings = await check_in_settings.get(transaction, person.person_id)
    assert settings is not None
    assert settings.stopped_at is not None
    assert await said(house, STOPS) == [texts("zh", "request_checkins_off_already")]


async def test_old_buttons_work_in_a_hold(open_house: OpenHouse, texts: Texts) -> None:
    house = await open_house()
    await house.agreed(region="CN")
    await house.receives(GRAVE)
    assert "12356" in (await presses(house, "ask:lines"))[-1]
    told = await presses(house, "ask:human")
    assert any(texts("zh", "request_human_told", minutes=30) in text for text in told)


async def test_a_stranger_of_a_closed_pilot_in_a_hold_gets_numbers(
    open_house: OpenHouse, texts: Texts
) -> None:
    house = await open_house(pilot=True)
    await house.known(region="CN")
    [closed] = await commands(house, "/sos")
    assert closed.startswith(texts("zh", "pilot_closed").split("{", 1)[0])
    await house.receives(GRAVE)
    [told] = await commands(house, "/sos")
    assert told.startswith(texts("zh", "request_lines").split("{", 1)[0])


async def test_a_risk_after_a_request_opens_the_case_for_operators(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.agreed()
    await house.receives(HUMAN, GRAVE)
    case = await house.case()
    assert case is not None
    assert (case.case_id, case.level, case.is_asked) == (1, 3, True)
    opened = house.parts.operators.messenger.text("case_opened", case=1, level=3, categories="")
    assert any(text.startswith(opened) for text in await house.queued("case"))


@pytest.mark.parametrize(
    ("asks", "answers"), [("谢谢你，晚安", "goodbye"), ("今天下雨了", "model_failed")]
)
async def test_an_empty_reply_to_a_goodbye_is_a_goodbye(
    open_house: OpenHouse, texts: Texts, asks: str, answers: str
) -> None:
    house = await open_house()
    await house.agreed()
    house.model.replies = ["", ""]
    [told] = await said(house, asks)
    assert told.startswith(texts("zh", answers))
