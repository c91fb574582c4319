"""Who may answer before the model does: what each of them leaves behind."""

from dataclasses import dataclass, field

from bot.conversation.interceptors import Interceptor, is_intercepted
from bot.people.onboarding import MOST_WAITING
from bot.updates.utterance import Utterance
from storage import Transaction
from storage.companion import pilot, plans, script_positions
from storage.companion.conversations import Speaker
from storage.companion.people import Person
from storage.companion.plans import Plan
from storage.messages import inbox_queue
from tests.support.house import Heart, OpenHeart

GRAVE = "我想自杀"
ORDINARY = "今天下雨了，我在家待着"


@dataclass
class Listed:
    """An interceptor that answers or lets pass, and notes that it was asked."""

    answers: bool
    asked: list[str] = field(default_factory=list)

    async def intercept(self, _transaction: Transaction, utterance: Utterance) -> bool:
        self.asked.append(utterance.text)
        return self.answers


async def is_taken(rooms: Heart, utterance: Utterance, *chain: Interceptor) -> bool:
    async with rooms.database.begin() as transaction:
        return await is_intercepted(chain, transaction, utterance)


async def held(rooms: Heart) -> Person:
    """A person whom a case holds, with the script's first question open."""
    person = await rooms.agreed(region="CN")
    utterance = await rooms.heard(person, GRAVE)
    async with rooms.database.begin() as transaction:
        await rooms.crisis.responder.respond(transaction, utterance)
    found = await rooms.person()
    assert found is not None
    return found


async def turns_of_script(rooms: Heart, person: Person) -> int:
    async with rooms.database.read() as transaction:
        position = await script_positions.get(transaction, person.person_id)
    assert position is not None
    return position.turns


async def test_the_first_that_answers_is_the_last_that_is_asked(rooms: Heart) -> None:
    passing, taking, behind = Listed(False), Listed(True), Listed(True)
    utterance = await rooms.heard(await rooms.agreed(), ORDINARY)
    assert await is_taken(rooms, utterance, passing, taking, behind)
    assert (passing.asked, taking.asked, behind.asked) == ([ORDINARY], [ORDINARY], [])


async def test_what_nobody_takes_is_the_models(rooms: Heart) -> None:
    utterance = await rooms.heard(await rooms.agreed(), ORDINARY)
    assert not await is_taken(rooms, utterance, Listed(False))
    assert await rooms.ends() == [""]


async def test_words_that_a_crisis_overtook_get_no_second_answer(rooms: Heart) -> None:
    person = await held(rooms)
    before = await rooms.queued("crisis")
    utterance = await rooms.heard(person, ORDINARY, is_late=True)
    assert await is_taken(rooms, utterance, rooms.crisis.interceptors.hold)
    assert await rooms.queued("crisis") == before
    assert (await rooms.turns())[-1].text == ORDINARY  # kept all the same


async def test_a_button_moves_no_script_on(rooms: Heart) -> None:
    person = await held(rooms)
    before = await turns_of_script(rooms, person)
    utterance = await rooms.heard(person, "😐", is_typed=False)
    assert await is_taken(rooms, utterance, rooms.crisis.interceptors.hold)
    assert await turns_of_script(rooms, person) == before
    assert (await rooms.ends())[-1] == "checkin_held"


async def test_a_turn_that_is_answered_again_is_not_kept_twice(rooms: Heart) -> None:
    person = await held(rooms)
    before = len(await rooms.turns())
    utterance = await rooms.heard(person, ORDINARY, is_new=False)
    assert await is_taken(rooms, utterance, rooms.crisis.interceptors.hold)
    assert len(await rooms.turns()) == before


async def test_words_of_a_takeover_are_the_operators(rooms: Heart) -> None:
    person = await held(rooms)
    await rooms.takes_over()
    utterance = await rooms.heard(person, ORDINARY)
    assert await is_taken(rooms, utterance, rooms.crisis.interceptors.takeover)
    assert (await rooms.queued("case"))[-1].endswith(ORDINARY)
    assert (await rooms.turns())[-1].role is Speaker.PERSON


async def test_a_lease_that_is_over_ends_the_takeover(rooms: Heart) -> None:
    person = await held(rooms)
    await rooms.takes_over()
    rooms.clock.forward(hours=2)
    utterance = await rooms.heard(person, ORDINARY)
    assert not await is_taken(rooms, utterance, rooms.crisis.interceptors.takeover)
    assert rooms.texts("zh", "human_silent") in (await rooms.queued("crisis"))[-1]


async def test_the_scripts_last_question_is_closed_by_the_next_words(rooms: Heart) -> None:
    person = await held(rooms)
    utterance = await rooms.heard(person, ORDINARY)
    assert not await is_taken(rooms, utterance, rooms.crisis.interceptors.question_closer)
    async with rooms.database.read() as transaction:
        assert await script_positions.get(transaction, person.person_id) is None


async def test_words_in_safe_mode_are_kept(rooms: Heart) -> None:
    rooms.crisis.safe_mode.trip()
    utterance = await rooms.heard(await rooms.agreed(), ORDINARY)
    assert await is_taken(rooms, utterance, rooms.crisis.interceptors.safe_mode)
    assert [turn.role for turn in await rooms.turns()] == [Speaker.PERSON, Speaker.SCRIPT]
    assert await rooms.ends() == ["paused"]


async def test_words_become_a_line_of_the_plan(rooms: Heart) -> None:
    person = await rooms.agreed()
    async with rooms.database.begin() as transaction:
        await plans.put(transaction, person.person_id, Plan(open_step=0))
    utterance = await rooms.heard(person, "睡不着的时候")
    assert await is_taken(rooms, utterance, rooms.crisis.interceptors.safety_plan)
    async with rooms.database.read() as transaction:
        plan = await plans.get(transaction, person.person_id)
    assert plan is not None
    assert plan.items == {"signs": ["睡不着的时候"]}


async def test_a_newcomer_is_asked_once_and_then_reminded(rooms: Heart) -> None:
    person = await rooms.known()
    for _ in range(2):
        assert await is_taken(rooms, await rooms.heard(person, ORDINARY), rooms.people.onboarding)
    first, second = await rooms.queued("notice")
    assert first.startswith(rooms.opening("start"))
    assert second == rooms.texts("zh", "start_waiting")


async def test_of_a_newcomer_so_many_messages_wait(rooms: Heart) -> None:
    person = await rooms.known()
    for _ in range(MOST_WAITING + 1):
        await is_taken(rooms, await rooms.heard(person, ORDINARY), rooms.people.onboarding)
    async with rooms.database.read() as transaction:
        assert await inbox_queue.waiting_count(transaction, person.person_id) == MOST_WAITING
    assert (await rooms.ends())[-1] == "no_consent"


async def test_the_quota_has_an_end_and_a_new_day(open_heart: OpenHeart) -> None:
    rooms = await open_heart(daily_quota=1)
    person = await rooms.agreed()
    async with rooms.database.begin() as transaction:
        await pilot.count_reply(transaction, person.person_id)
    assert await is_taken(rooms, await rooms.heard(person, ORDINARY), rooms.people.quota)
    assert await rooms.ends() == ["quota_over"]
    rooms.clock.forward(days=1)
    assert not await is_taken(rooms, await rooms.heard(person, ORDINARY), rooms.people.quota)
