"""Signs of life: whatever a person sends, a word, a button, a sticker, ends their silence.

Knows nothing of what was sent or of how it is answered. Called where updates are stored, so that
words at risk and words for an operator, which no handler of check-ins ever sees, count too.
"""

from bot.checkins import diary
from storage import Transaction, check_in_settings
from storage.ids import PersonId


async def reset_silence(transaction: Transaction, person_id: PersonId) -> None:
    """Set restraint back to the start, where silence had backed check-ins off."""
    settings = await check_in_settings.get(transaction, person_id)
    if settings is not None and (settings.unanswered or settings.asked_on is not None):
        await diary.heard_from(transaction, person_id)
