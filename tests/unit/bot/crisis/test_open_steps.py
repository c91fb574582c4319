"""Nothing swallows a crisis: a message of level 3 closes each step that waits for words."""

from collections.abc import Awaitable, Callable

import pytest

from storage import Transaction
from storage.checkins import questions
from storage.checkins.questions import QuestionTopic, TimesDraft
from storage.companion import contact_links, plans, trusted_contacts
from storage.companion.plans import Plan
from storage.ids import PersonId
from tests.support.house import House, OpenHouse

GRAVE = ("我想自杀", "I want to kill myself")
ANSWER = "喝点热水"
Opens = Callable[[Transaction, PersonId], Awaitable[object]]


async def opens_plan(tx: Transaction, person_id: PersonId) -> None:
    await plans.put(tx, person_id, Plan(open_step=0))


async def asks_name(tx: Transaction, person_id: PersonId) -> None:
    await contact_links.begin(tx, person_id)


def asks_about(topic: QuestionTopic) -> Opens:
    async def asks(tx: Transaction, person_id: PersonId) -> None:
        await questions.put(tx, person_id, topic, TimesDraft(check_in_id=1))

    return asks


STEPS: dict[str, Opens] = {
    "plan": opens_plan,
    "contact": asks_name,
    **{f"check-in {topic}": asks_about(topic) for topic in QuestionTopic},
}


async def open_steps(house: House, person_id: PersonId) -> list[str]:
    async with house.database.read() as tx:
        plan = await plans.get(tx, person_id)
        contact = await trusted_contacts.of_person(tx, person_id)
        question = await questions.get(tx, person_id)
    found = {
        "plan": plan is not None and plan.open_step is not None,
        "contact": contact is not None and contact.asks is not None,
        "question": question is not None,
    }
    return [name for name, is_open in found.items() if is_open]


@pytest.mark.parametrize("grave", GRAVE)
@pytest.mark.parametrize("step", STEPS)
async def test_a_grave_message_closes_each_step(
    open_house: OpenHouse, step: str, grave: str
) -> None:
    house = await open_house()
    person = await house.agreed()
    async with house.database.begin() as tx:
        await STEPS[step](tx, person.person_id)
    assert await open_steps(house, person.person_id) != []
    await house.receives(grave)
    assert await open_steps(house, person.person_id) == []
    assert await house.who_answers(ANSWER) == "HoldInterceptor"
    async with house.database.read() as tx:
        plan = await plans.get(tx, person.person_id)
    assert plan is None or plan.is_empty


async def test_a_person_without_an_age_is_held_by_the_script(open_house: OpenHouse) -> None:
    house = await open_house()
    await house.agreed(age_band=None)
    await house.receives(GRAVE[0])
    assert await house.who_answers("17") == "HoldInterceptor"
    person = await house.person()
    assert person is not None
    assert person.age_band is None


async def test_in_a_hold_a_name_is_taken_and_a_bare_answer_is_for_the_script(
    open_house: OpenHouse,
) -> None:
    house = await open_house()
    person = await house.agreed()
    await house.receives(GRAVE[0])
    async with house.database.begin() as tx:
        await contact_links.begin(tx, person.person_id)
    await house.receives("没有")
    assert (await house.ends())[-1] == "fixed_reply"
    async with house.database.begin() as tx:
        await contact_links.begin(tx, person.person_id)
    await house.receives("表姐")
    assert (await house.ends())[-1] == "contact"
