"""The urgent cases that wait for an operator, for the badge and the alerts of every page."""

from collections.abc import Sequence
from dataclasses import dataclass

from safety.screening.levels import Level
from storage import Transaction
from storage.review import case_queue
from storage.review.case_queue import Filters
from storage.review.cases import Case

# Further cases count, but a browser tells of no more than these.
MOST_TOLD = 100


@dataclass(frozen=True, slots=True)
class Urgent:
    """The waiting cases from level 3 on."""

    count: int
    cases: Sequence[Case]


async def waiting(transaction: Transaction) -> Urgent:
    """Return the urgent cases that nobody claimed."""
    filters = Filters(state="waiting", level=int(Level.ACTIVE))
    cases = await case_queue.page(transaction, filters, limit=MOST_TOLD)
    if len(cases) < MOST_TOLD:
        return Urgent(len(cases), cases)
    return Urgent(await case_queue.count(transaction, filters), cases)
