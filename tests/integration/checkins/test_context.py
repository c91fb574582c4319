"""The question of a check-in among the rounds that the model sees; on both databases."""

from datetime import date, timedelta

from storage import Database, Transaction
from storage.checkins import occurrences
from storage.checkins.occurrences import CheckInState, Occasion
from storage.companion import conversations, round_cache, transcripts
from storage.companion.conversations import Speaker, Turn
from storage.companion.people import Person
from storage.companion.recent_rounds import RecentRounds
from storage.ids import PersonId, UpdateId
from storage.messages import inbox
from tests.integration.cast import NOW, mei, says

ASKED = "早上好。今天感觉怎么样？"


async def asks(
    transaction: Transaction,
    person_id: PersonId,
    day: int,
    state: CheckInState = CheckInState.ASKED,
) -> None:
    """A check-in, as `bot/checkins/outgoing/job.py` writes it."""
    at = NOW + timedelta(days=day, microseconds=day)
    transaction.now = at
    session = await conversations.current_session(transaction, person_id)
    occasion = Occasion(person_id, date(2026, 1, 2) + timedelta(days=day), 480, at)
    assert await occurrences.note_asked(transaction, occasion, state=state) is not None
    await conversations.append(
        transaction, person_id, session, Speaker.SCRIPT, text=f"{ASKED}{day}"
    )


async def words(transaction: Transaction, person: Person, text: str, update_id: int) -> Turn:
    ids = [UpdateId(update_id)]
    transaction.now = NOW
    await inbox.add(transaction, ids[0], kind="words", payload=text, person_id=person.person_id)
    return await conversations.open_turn(transaction, person.person_id, ids, text=text, level=0)


async def test_a_check_in_is_a_round_without_a_question(database: Database) -> None:
    rounds = RecentRounds(database, round_cache.connect(None))
    async with database.begin() as tx:
        tx.now = NOW
        person = await mei(tx)
        person_id = person.person_id
        await says(tx, person, "你好", 1, answer="你好呀")
        await asks(tx, person_id, 1)  # nobody answers this one
        await asks(tx, person_id, 2)
        question = await words(tx, person, "一般", 2)
    before = [("你好", "你好呀"), ("", f"{ASKED}2")]
    assert await rounds.before(person_id, question) == before
    async with database.begin() as tx:
        tx.now = NOW
        await conversations.answer(tx, person_id, question, text="嗯")
        following = await words(tx, person, "老样子", 3)
    # From SQL it is what the prompt of the turn before held.
    assert await rounds.before(person_id, following) == [*before, ("一般", "嗯")]
    await rounds.keep(person_id, question.session_id, [*before, ("一般", "嗯")])
    assert await rounds.before(person_id, following) == [*before, ("一般", "嗯")]
    async with database.read() as tx:
        some = await transcripts.recent_rounds(tx, person_id, question.session_id, limit=2)
    assert some == [("", f"{ASKED}2"), ("一般", "嗯")]


async def test_other_fixed_words_and_a_goodbye_are_no_round(database: Database) -> None:
    rounds = RecentRounds(database, round_cache.connect(None))
    async with database.begin() as tx:
        tx.now = NOW
        person = await mei(tx)
        person_id = person.person_id
        await asks(tx, person_id, 1, CheckInState.GOODBYE)
        after_goodbye = await words(tx, person, "再见", 1)
        tx.now = NOW
        await conversations.append(
            tx, person_id, after_goodbye.session_id, Speaker.SCRIPT, text="值守人员看过了"
        )
        after_script = await words(tx, person, "好", 2)
        await asks(tx, person_id, 2)
        await words(tx, person, "暂停三天", 3)
        later = await words(tx, person, "今天下雨", 4)
        other = await mei(tx, 43)
        of_another = await words(tx, other, "你好", 5)
    for question in (after_goodbye, after_script, later):
        assert await rounds.before(person_id, question) == []
    assert await rounds.before(other.person_id, of_another) == []
