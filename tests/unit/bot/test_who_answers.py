"""State × words → who answers: the specification of the companion, row by row.

A row names an interceptor, the model, or the reason with which intake or a handler ended the words.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.crisis.safe_mode import Switch
from storage.checkins import questions
from storage.checkins.questions import QuestionTopic, TimesDraft
from storage.companion import pilot, plans
from storage.companion.plans import Plan
from storage.review import cases
from tests.support.house import MEI, House, OpenHouse

ORDINARY = "今天下雨了，我在家待着"
QUIET = "活着好没意思，有时候希望自己消失"
GRAVE = "我想自杀"
STOP = "退出"
YES = "嗯"
FRENCH = "Bonjour, il fait très beau aujourd'hui"
SPANISH_RISK = "ya no quiero vivir"
TIMES = "每天早上八点"
PLAN_ANSWER = "睡不着的时候"
WHO = "你是真人吗"
HUMAN = "能和真人说话吗"
NUMBER = "给我求助电话"

# What a person is: first whether they have agreed, then what else holds.
TABLE = [
    # A person who has not agreed yet is asked for consent; a risk is answered before that.
    ("newcomer", ORDINARY, "Onboarding"),
    ("newcomer", QUIET, "Onboarding"),
    ("newcomer", GRAVE, "fixed_reply"),
    ("newcomer", STOP, "stop"),
    ("newcomer", FRENCH, "OtherLanguageInterceptor"),
    ("newcomer", SPANISH_RISK, "fixed_reply"),
    ("agreed", FRENCH, "OtherLanguageInterceptor"),
    ("agreed", SPANISH_RISK, "fixed_reply"),
    ("agreed, held", FRENCH, "HoldInterceptor"),
    ("agreed, plan step", FRENCH, "SafetyPlans"),
    ("agreed, safe mode", FRENCH, "OtherLanguageInterceptor"),
    ("newcomer, held", ORDINARY, "HoldInterceptor"),
    ("newcomer, safe mode", ORDINARY, "Onboarding"),
    # The model answers people who have agreed, up to level 2.
    ("agreed", ORDINARY, "model"),
    ("agreed", QUIET, "model"),
    ("agreed", GRAVE, "fixed_reply"),
    ("agreed", STOP, "stop"),
    # The gentle question is open: a yes is a risk, other words are ordinary.
    ("agreed, asked gently", YES, "CrisisReply"),
    ("agreed, asked gently", ORDINARY, "model"),
    # A case holds the model silent.
    ("agreed, held", ORDINARY, "HoldInterceptor"),
    ("agreed, held", GRAVE, "fixed_reply"),
    ("agreed, held", STOP, "stop"),
    ("agreed, held, plan step", PLAN_ANSWER, "HoldInterceptor"),
    ("agreed, held, safe mode", ORDINARY, "HoldInterceptor"),
    ("agreed, held, quota used", ORDINARY, "HoldInterceptor"),
    # An operator has the conversation.
    ("agreed, held, taken over", ORDINARY, "TakeoverInterceptor"),
    ("agreed, held, taken over", GRAVE, "takeover"),
    ("agreed, held, taken over, safe mode", ORDINARY, "TakeoverInterceptor"),
    ("agreed, held, taken over, plan step", PLAN_ANSWER, "TakeoverInterceptor"),
    # A step of the safety plan waits for words.
    ("agreed, plan step", PLAN_ANSWER, "SafetyPlans"),
    ("agreed, plan step", QUIET, "model"),
    ("agreed, plan step", YES, "model"),
    ("agreed, plan step", GRAVE, "fixed_reply"),
    ("agreed, plan step, safe mode", PLAN_ANSWER, "SafetyPlans"),
    ("agreed, plan step, quota used", PLAN_ANSWER, "SafetyPlans"),
    ("agreed, plan step, times asked", TIMES, "SafetyPlans"),
    # A question about check-ins waits for words.
    ("agreed, times asked", TIMES, "CheckInInterceptor"),
    ("agreed, times asked", QUIET, "model"),
    ("agreed, times asked", GRAVE, "fixed_reply"),
    ("agreed, times asked, held", TIMES, "HoldInterceptor"),
    ("agreed, times asked, safe mode", TIMES, "CheckInInterceptor"),
    ("agreed, times asked, quota used", TIMES, "CheckInInterceptor"),
    # The model must be silent everywhere.
    ("agreed, safe mode", ORDINARY, "SafeModeInterceptor"),
    ("agreed, safe mode", QUIET, "SafeModeInterceptor"),
    ("agreed, safe mode", GRAVE, "fixed_reply"),
    ("agreed, safe mode", STOP, "stop"),
    ("agreed, safe mode, quota used", ORDINARY, "SafeModeInterceptor"),
    # The replies of the day are used up.
    ("agreed, quota used", ORDINARY, "Quota"),
    ("agreed, quota used", QUIET, "Quota"),
    ("agreed, quota used", GRAVE, "fixed_reply"),
    # A closed pilot turns strangers away, also those who agreed before it closed.
    ("newcomer, closed pilot", ORDINARY, "Admission"),
    ("newcomer, closed pilot", GRAVE, "fixed_reply"),
    ("newcomer, closed pilot", STOP, "erased"),
    ("newcomer, closed pilot, held", ORDINARY, "HoldInterceptor"),
    ("agreed, closed pilot", ORDINARY, "Admission"),
    ("agreed, closed pilot", GRAVE, "fixed_reply"),
    ("agreed, closed pilot, plan step", PLAN_ANSWER, "Admission"),
    ("agreed, closed pilot, safe mode", ORDINARY, "Admission"),
    ("agreed, closed pilot, listed", ORDINARY, "model"),
    ("newcomer, closed pilot, listed", ORDINARY, "Onboarding"),
    # A real question gets a true answer in any state, after a crisis reply and an operator.
    ("newcomer", WHO, "RequestInterceptor"),
    ("newcomer", NUMBER, "RequestInterceptor"),
    ("newcomer, held", HUMAN, "RequestInterceptor"),
    ("agreed", WHO, "RequestInterceptor"),
    ("agreed", HUMAN, "RequestInterceptor"),
    ("agreed", f"{WHO}，{GRAVE}", "fixed_reply"),
    ("agreed, asked gently", WHO, "RequestInterceptor"),
    ("agreed, held", WHO, "RequestInterceptor"),
    ("agreed, held, taken over", HUMAN, "TakeoverInterceptor"),
    ("agreed, held, plan step", NUMBER, "RequestInterceptor"),
    ("agreed, plan step", WHO, "RequestInterceptor"),
    ("agreed, times asked", "不用每天问我了", "RequestInterceptor"),
    ("agreed, safe mode", WHO, "RequestInterceptor"),
    ("agreed, quota used", NUMBER, "RequestInterceptor"),
    ("agreed", "你是我唯一的朋友", "model"),
    ("agreed", "谢谢你，晚安", "model"),
    # The text of a closed pilot says what this is and gives numbers.
    ("newcomer, closed pilot", WHO, "Admission"),
    ("newcomer, closed pilot, held", WHO, "RequestInterceptor"),
]
SETTINGS: dict[str, dict[str, Any]] = {
    "closed pilot": {"pilot": True},
    "listed": {"pilot_people": frozenset({MEI})},
    "quota used": {"daily_quota": 1},
}


async def nothing(_house: House) -> None:
    """The settings say it."""


async def agrees(house: House) -> None:
    await house.agreed()


async def is_asked_gently(house: House) -> None:
    await house.receives(QUIET)


async def is_held(house: House) -> None:
    await house.receives(GRAVE)


async def is_taken_over(house: House) -> None:
    actor, person = await house.operator(), await house.person()
    assert person is not None
    async with house.database.begin() as transaction:
        case = await cases.open_case(transaction, person.person_id)
        assert case is not None
        await house.parts.operators.takeover.begin(transaction, actor, case.case_id)


async def opens_a_step(house: House) -> None:
    person = await house.person()
    assert person is not None
    async with house.database.begin() as transaction:
        await plans.put(transaction, person.person_id, Plan(open_step=0))


async def is_asked_for_times(house: House) -> None:
    person = await house.person()
    assert person is not None
    async with house.database.begin() as transaction:
        await questions.put(transaction, person.person_id, QuestionTopic.TIMES, TimesDraft())


async def is_silenced(house: House) -> None:
    await house.parts.crisis.safe_mode.turn_on(Switch.PAUSED, "a test")


async def has_used_the_quota(house: House) -> None:
    person = await house.person()
    assert person is not None
    async with house.database.begin() as transaction:
        await pilot.count_reply(transaction, person.person_id)


STATES: dict[str, Callable[[House], Awaitable[None]]] = {
    "newcomer": nothing,
    "agreed": agrees,
    "closed pilot": nothing,
    "listed": nothing,
    "asked gently": is_asked_gently,
    "held": is_held,
    "taken over": is_taken_over,
    "plan step": opens_a_step,
    "times asked": is_asked_for_times,
    "safe mode": is_silenced,
    "quota used": has_used_the_quota,
}


@pytest.mark.parametrize(("state", "words", "answerer"), TABLE)
async def test_who_answers(open_house: OpenHouse, state: str, words: str, answerer: str) -> None:
    states = state.split(", ")
    settings = {key: value for each in states for key, value in SETTINGS.get(each, {}).items()}
    house = await open_house(**settings)
    for each in sorted(states, key=list(STATES).index):
        await STATES[each](house)
    assert await house.who_answers(words) == answerer
