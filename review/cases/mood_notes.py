"""Notes about falling moods of people without a case, which operators mark as seen.

A note is not a case: it cannot be claimed and has no clock.
"""

from review.operators.access import Refusal, RefusedError, require_active
from storage import Transaction
from storage.checkins import settings
from storage.ids import PersonId
from storage.review import audit
from storage.review.operators import Operator

SEEN = "saw_falling_moods"


async def mark_seen(transaction: Transaction, actor: Operator, person_id: PersonId) -> None:
    """Remove the note from the queue for all operators.

    Raises:
        RefusedError: `note_gone` (another operator marked it first, or the person left).
    """
    require_active(actor)
    if not await settings.end_fallen(transaction, person_id):
        raise RefusedError(Refusal.NOTE_GONE)
    await audit.append(transaction, SEEN, operator_id=actor.operator_id, person_id=person_id)
