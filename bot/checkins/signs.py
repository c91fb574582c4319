"""Signs of life: whatever a person sends, a word, a button, a sticker, ends their silence.

Knows nothing of what was sent or of how it is answered. Called where updates are stored, so that
words at risk and words for an operator, which no handler of check-ins ever sees, count too.
"""

from datetime import datetime

from bot.checkins import diary
from bot.checkins.changes import STAYS_OPEN
from storage import Transaction, check_in_questions, check_in_settings
from storage.ids import PersonId

NOTE = "note"
"""What is asked while a note to a mood is awaited."""


async def heard(transaction: Transaction, person_id: PersonId) -> None:
    """Set restraint back to the start, where silence had backed check-ins off."""
    settings = await check_in_settings.get(transaction, person_id)
    if settings is not None and (settings.unanswered or settings.asked_on is not None):
        await diary.heard_from(transaction, person_id)


async def close_note(transaction: Transaction, person_id: PersonId, *, now: datetime) -> None:
    """Wait for a note no longer: the next words belong to what was said at risk."""
    found = await check_in_questions.get(transaction, person_id, since=now - STAYS_OPEN)
    if found is not None and found.asks == NOTE:
        await check_in_questions.close(transaction, person_id)
