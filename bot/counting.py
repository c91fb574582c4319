"""What is counted of the model's replies for the yearly report.

Knows nothing of what was said, nor of fixed replies and cases, which are counted where they
are written. California's SB 243 asks for counts without anything that leads to a person.
"""

from datetime import datetime

from safety.policy import respond
from safety.screen import Screening
from storage import Transaction, safety_counts
from storage.safety_counts import Act


async def count_reply(
    transaction: Transaction, asked: Screening, *, is_kept_back: bool, now: datetime
) -> None:
    """Count what a reply of the model had beside it, or that a reviewed text took its place.

    Args:
        transaction: the one that queues the reply, so that nothing is counted twice.
        asked: of the words that are answered.
        is_kept_back: the guard did not let the model's words through.
        now: the present instant.
    """
    response = respond(asked)
    if response is not None:  # level 2: what is graver has a fixed reply and none of the model
        await safety_counts.add(
            transaction, Act.RESOURCES, now=now, level=int(response.level), script=response.script
        )
    if is_kept_back:
        await safety_counts.add(transaction, Act.GUARD, now=now)
