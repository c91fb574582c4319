"""Named values and people for the storage tests."""

from datetime import UTC, datetime

from storage import Transaction
from storage.companion import conversations, people
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.ids import UpdateId
from storage.messages import inbox

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = "这句话谁也不该看到"


async def mei(transaction: Transaction, telegram_id: int = 42) -> Person:
    """Mei, who has agreed."""
    person = await people.get_or_create(transaction, telegram_id, language="zh")
    await people.change(transaction, person.person_id, consent_at=NOW, consent_version="1")
    return person


async def says(
    transaction: Transaction,
    person: Person,
    words: str,
    update_id: int = 1,
    *,
    off_record: bool = False,
    answer: str | None = "我在听",
) -> Turn:
    """A question with its answer."""
    ids = [UpdateId(update_id)]
    await inbox.add(transaction, ids[0], kind="words", payload=words, person_id=person.person_id)
    turn = await conversations.open_turn(
        transaction, person.person_id, ids, text=words, level=0, off_record=off_record
    )
    if answer is not None:
        await conversations.answer(transaction, person.person_id, turn, text=answer)
    return turn
