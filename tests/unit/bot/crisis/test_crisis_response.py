"""What a message at risk leaves: the reviewed reply, the case, the word to operators."""

from datetime import timedelta

from bot.updates.utterance import Utterance
from safety.response.policy import Script
from storage.companion import script_positions
from storage.companion.conversations import Speaker
from storage.companion.people import Person
from storage.review.cases import CaseState
from tests.support.house import Heart

GRAVE = "我想自杀"
WORSE = "我刚吃了一整瓶安眠药"
QUIET = "活着好没意思，有时候希望自己消失"


async def respond(rooms: Heart, person: Person, text: str, **values: bool) -> Utterance:
    utterance = await rooms.heard(person, text, **values)
    async with rooms.database.begin() as transaction:
        await rooms.crisis.responder.respond(transaction, utterance)
    return utterance


async def test_the_opening_asks_directly_and_then_for_the_region(rooms: Heart) -> None:
    await respond(rooms, await rooms.agreed(), GRAVE)
    opening, region = await rooms.queued("crisis")
    assert opening.startswith(rooms.opening("crisis_suicide"))
    assert region == rooms.texts("zh", "ask_region_crisis")
    assert await rooms.ends() == ["fixed_reply"]


async def test_a_known_region_is_not_asked_for(rooms: Heart) -> None:
    await respond(rooms, await rooms.agreed(region="CN"), GRAVE)
    (opening,) = await rooms.queued("crisis")
    assert "12356" in opening


async def test_a_case_holds_the_person_and_operators_are_told(rooms: Heart) -> None:
    await respond(rooms, await rooms.agreed(), GRAVE)
    case = await rooms.case()
    assert case is not None
    assert (case.level, case.state, case.script) == (3, CaseState.OPEN, "suicide")
    assert case.hold_until_at == rooms.clock() + timedelta(hours=24)
    (notice,) = await rooms.queued("case")
    assert GRAVE in notice.splitlines()


async def test_what_the_model_was_about_to_say_is_cut_off(rooms: Heart) -> None:
    before = await rooms.agreed()
    await respond(rooms, before, GRAVE)
    after = await rooms.person()
    assert after is not None
    assert after.epoch == before.epoch + 1


async def test_words_and_reply_are_kept_as_turns(rooms: Heart) -> None:
    await respond(rooms, await rooms.agreed(), GRAVE)
    assert [turn.role for turn in await rooms.turns()] == [Speaker.PERSON, Speaker.SCRIPT]


async def test_before_consent_no_word_is_kept_or_shown(rooms: Heart) -> None:
    await respond(rooms, await rooms.known(), GRAVE)
    assert len(await rooms.queued("crisis")) == 1
    assert await rooms.turns() == []
    assert not any(GRAVE in text for text in await rooms.queued("case"))


async def test_a_second_message_goes_on_in_the_script(rooms: Heart) -> None:
    person = await rooms.agreed(region="CN")
    await respond(rooms, person, GRAVE)
    await respond(rooms, person, GRAVE)
    first, second = await rooms.queued("crisis")
    assert second != first
    async with rooms.database.read() as transaction:
        position = await script_positions.get(transaction, person.person_id)
    assert position is not None
    assert (position.script, position.turns) == (Script.SUICIDE, 2)


async def test_a_rise_of_the_level_raises_the_case(rooms: Heart) -> None:
    person = await rooms.agreed()
    await respond(rooms, person, GRAVE)
    await respond(rooms, person, WORSE)
    case = await rooms.case()
    assert case is not None
    assert case.level == 4


async def test_an_operator_in_the_conversation_answers_instead(rooms: Heart) -> None:
    person = await rooms.agreed(region="CN")
    await respond(rooms, person, GRAVE)
    await rooms.takes_over()
    before = len(await rooms.queued("crisis"))
    await respond(rooms, person, "我就是不想活了")
    assert len(await rooms.queued("crisis")) == before
    assert (await rooms.ends())[-1] == "takeover"


async def test_a_rise_of_the_level_is_answered_in_a_takeover_too(rooms: Heart) -> None:
    person = await rooms.agreed(region="CN")
    await respond(rooms, person, GRAVE)
    await rooms.takes_over()
    before = len(await rooms.queued("crisis"))
    await respond(rooms, person, WORSE)
    assert len(await rooms.queued("crisis")) == before + 1


async def test_an_opening_that_was_sent_already_is_only_recorded(rooms: Heart) -> None:
    await respond(rooms, await rooms.agreed(region="CN"), GRAVE, is_told=True)
    assert await rooms.queued("crisis") == []
    assert [turn.role for turn in await rooms.turns()] == [Speaker.PERSON, Speaker.SCRIPT]


async def test_a_quiet_risk_in_a_hold_extends_it(rooms: Heart) -> None:
    person = await rooms.agreed(region="CN")
    await respond(rooms, person, GRAVE)
    rooms.clock.forward(hours=20)
    case = await rooms.case()
    assert case is not None
    utterance = await rooms.heard(person, QUIET)
    async with rooms.database.begin() as transaction:
        await rooms.crisis.responder.respond_in_hold(transaction, utterance, case)
    case = await rooms.case()
    assert case is not None
    assert case.hold_until_at == rooms.clock() + timedelta(hours=24)
