"""Questions that wait for a person's words: a step of their plan, one about check-ins.

Knows nothing of how such words are read. Words answer what was asked last: whatever asks
something graver closes these, and the buttons under them can open them again.
"""

from storage import Transaction, check_in_questions, plans
from storage.ids import PersonId


async def close(transaction: Transaction, person_id: PersonId) -> None:
    """Wait for no words any longer; what a plan holds stays."""
    await plans.close_step(transaction, person_id)
    await check_in_questions.close(transaction, person_id)
