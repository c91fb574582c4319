"""Questions that wait for a person's words: a step of their plan, one about check-ins.

Words answer what was asked last: whatever asks something graver closes these, and the buttons under
them can open them again.
"""

from storage import Transaction
from storage.checkins import questions
from storage.companion import plans
from storage.ids import PersonId


async def close(transaction: Transaction, person_id: PersonId) -> None:
    """Wait for no words any longer; what a plan holds stays."""
    await plans.close_step(transaction, person_id)
    await questions.close(transaction, person_id)
