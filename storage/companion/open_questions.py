"""Questions that wait for a person's message: a plan's step, a contact's name, check-ins.

A message answers the last question. Any graver question closes these, and their buttons open them
again.
"""

from datetime import timedelta

from storage import Transaction
from storage.checkins import questions
from storage.companion import contact_links, plans
from storage.ids import PersonId

# An older question waits for a button alone.
STAYS_OPEN = timedelta(minutes=30)


async def is_any_open(transaction: Transaction, person_id: PersonId) -> bool:
    """Return whether one of these questions waits for the person's next message."""
    since = transaction.now - STAYS_OPEN
    plan = await plans.get(transaction, person_id, open_since=since)
    if plan is not None and plan.open_step is not None:
        return True
    if await contact_links.asked_of(transaction, person_id, since=since) is not None:
        return True
    return await questions.get(transaction, person_id, since=since) is not None


async def close_steps(transaction: Transaction, person_id: PersonId) -> None:
    """Close the open step of a plan, keeping its content, and of a trusted contact."""
    await plans.close_step(transaction, person_id)
    await contact_links.close_step(transaction, person_id)


async def close(transaction: Transaction, person_id: PersonId) -> None:
    """Close all of a person's open questions."""
    await close_steps(transaction, person_id)
    await questions.close(transaction, person_id)
