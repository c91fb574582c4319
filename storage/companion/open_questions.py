"""Questions that wait for a person's message: a plan's step, a contact's name, check-ins.

A message answers the last question. Any graver question closes these, and their buttons open them
again.
"""

from storage import Transaction
from storage.checkins import questions
from storage.companion import contact_links, plans
from storage.ids import PersonId


async def close_steps(transaction: Transaction, person_id: PersonId) -> None:
    """Close the open step of a plan, keeping its content, and of a trusted contact."""
    await plans.close_step(transaction, person_id)
    await contact_links.close_step(transaction, person_id)


async def close(transaction: Transaction, person_id: PersonId) -> None:
    """Close all of a person's open questions."""
    await close_steps(transaction, person_id)
    await questions.close(transaction, person_id)
