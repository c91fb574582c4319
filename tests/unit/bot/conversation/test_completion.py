"""How a question ends that the model answered: what goes out, and what does not."""

import pytest

from bot.conversation.completion import Completion, PendingTurn, TurnCompleter
from bot.crisis.resource_footer import ResourceFooter
from bot.crisis.safe_mode import Switch
from safety.screening.levels import Level
from storage.companion import people, pilot
from storage.companion.conversations import Speaker
from storage.companion.people import Person
from storage.ids import PersonId
from storage.review import cases, safety_counts
from storage.review.safety_counts import SafetyEvent
from storage.upkeep import erasure
from tests.support.house import Heart, OpenHeart

WORDS = "我在，慢慢说。"
ORDINARY = "今天有点累"
QUIET = "活着好没意思，有时候希望自己消失"


async def asked(rooms: Heart, person: Person | None = None, text: str = ORDINARY) -> PendingTurn:
    """A question that the model has been asked."""
    person = person or await rooms.agreed()
    utterance = await rooms.heard(person, text)
    async with rooms.database.begin() as transaction:
        turn = await rooms.crisis.fixed_reply.keep(transaction, utterance)
    return PendingTurn(person, turn, utterance.update_ids, utterance.screening)


def completer(rooms: Heart) -> TurnCompleter:
    return TurnCompleter(
        crisis=rooms.crisis.responder,
        safe_mode=rooms.crisis.safe_mode,
        quota=rooms.people.quota,
        resource_footer=ResourceFooter(rooms.texts, rooms.context.help_lines),
        legal_notices=rooms.people.legal_notices,
        shadow=rooms.operators.shadow,
        texts=rooms.texts,
    )


async def finish(
    rooms: Heart,
    question: PendingTurn,
    *,
    is_blocked: bool = False,
    preview_message_id: int | None = None,
) -> Completion:
    async with rooms.database.begin() as transaction:
        return await completer(rooms).complete(
            transaction,
            question,
            WORDS,
            preview_message_id=preview_message_id,
            is_blocked=is_blocked,
        )


async def is_read_first(rooms: Heart) -> PendingTurn:
    """A question whose reply an operator reads before it goes."""
    person = await rooms.agreed(shadow_consent_at=rooms.clock())
    question = await asked(rooms, person, QUIET)
    actor, case = await rooms.operator(), await rooms.case()
    assert case is not None
    async with rooms.database.begin() as transaction:
        await rooms.operators.desk.claim(transaction, actor, case.case_id)
        await cases.change(transaction, case.case_id, is_shadowed=True)
    return question


async def test_a_reply_goes_out_and_is_a_turn(rooms: Heart) -> None:
    assert await finish(rooms, await asked(rooms)) is Completion.REPLY
    assert await rooms.queued("reply") == [WORDS]
    assert [(turn.role, turn.text) for turn in await rooms.turns()][1:] == [
        (Speaker.COMPANION, WORDS)
    ]


async def test_a_reply_of_an_older_epoch_is_dropped(rooms: Heart) -> None:
    question = await asked(rooms)
    async with rooms.database.begin() as transaction:
        await people.raise_epoch(transaction, question.person.person_id)
    assert await finish(rooms, question) is Completion.SUPERSEDED
    assert await rooms.queued() == []
    assert len(await rooms.turns()) == 1


async def test_a_reply_to_an_erased_person_is_dropped(rooms: Heart) -> None:
    question = await asked(rooms)
    async with rooms.database.begin() as transaction:
        await erasure.erase(transaction, question.person.person_id)
    assert await finish(rooms, question) is Completion.SUPERSEDED
    assert await rooms.queued() == []


async def test_in_safe_mode_the_models_words_stay_behind(rooms: Heart) -> None:
    question = await asked(rooms)
    await rooms.crisis.safe_mode.turn_on(Switch.PAUSED, "a test")
    assert await finish(rooms, question) is Completion.PAUSED
    (said,) = await rooms.queued()
    assert said.startswith(rooms.opening("paused"))
    assert len(await rooms.turns()) == 1


@pytest.mark.parametrize("is_blocked", [True, False])
async def test_a_reply_that_the_guard_blocked_is_counted(rooms: Heart, is_blocked: bool) -> None:
    await finish(rooms, await asked(rooms), is_blocked=is_blocked)
    async with rooms.database.read() as transaction:
        counts = await safety_counts.of_year(transaction, rooms.clock().year)
    assert (SafetyEvent.GUARD in {count.act for count in counts}) is is_blocked


async def test_an_operator_who_reads_first_gets_the_reply(rooms: Heart) -> None:
    question = await is_read_first(rooms)
    assert await finish(rooms, question) is Completion.SHADOW
    assert await rooms.queued("reply") == []
    async with rooms.database.read() as transaction:
        (draft,) = await rooms.operators.shadow.waiting(transaction, question.person.person_id)
    assert draft.words == WORDS


async def test_a_reply_that_is_on_the_screen_is_not_held(rooms: Heart) -> None:
    question = await is_read_first(rooms)
    assert await finish(rooms, question, preview_message_id=7) is Completion.REPLY
    assert len(await rooms.queued("reply")) == 1


async def test_a_quiet_risk_gets_the_gentle_question_below(rooms: Heart) -> None:
    question = await asked(rooms, text=QUIET)
    assert question.screening.level is Level.PASSIVE
    await finish(rooms, question)
    (said,) = await rooms.queued("reply")
    assert said.startswith(WORDS)
    assert rooms.texts("zh", "gentle_suicide") in said


async def replies(rooms: Heart, person_id: PersonId) -> int:
    async with rooms.database.read() as transaction:
        return await pilot.replies_today(transaction, person_id)


async def test_a_question_is_answered_and_counted_once(open_heart: OpenHeart) -> None:
    rooms = await open_heart(daily_quota=9)
    question = await asked(rooms)
    await finish(rooms, question)
    await finish(rooms, question)  # a crash came between its answer and the end of its rows
    assert await rooms.queued("reply") == [WORDS]
    assert await replies(rooms, question.person.person_id) == 1


async def test_who_may_be_at_risk_gets_numbers_also_without_a_reply(rooms: Heart) -> None:
    question = await asked(rooms, await rooms.agreed(region="CN"), QUIET)
    async with rooms.database.begin() as transaction:
        await completer(rooms).complete_with_failure(
            transaction, question, "没有回答", [], preview_message_id=None
        )
    (said,) = await rooms.queued("reply")
    assert said.startswith("没有回答") and "12356" in said
