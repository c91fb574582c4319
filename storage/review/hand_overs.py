"""Hand-overs of claimed cases: offered to one operator, then confirmed or ended.

Every change is one conditional UPDATE, so that a case never has two operators.
"""

from datetime import datetime

from sqlalchemy import case, update

from storage.database.connection import Transaction
from storage.database.schema_review import cases
from storage.ids import CaseId, OperatorId
from storage.review.cases import CaseState


async def offer(
    transaction: Transaction,
    case_id: CaseId,
    *,
    giver: OperatorId,
    receiver: OperatorId,
    due_at: datetime,
) -> bool:
    """Offer a case to an operator, and return False if the giver no longer has it.

    The giver keeps it until the receiver confirms. At `due_at` the offer lapses.
    """
    result = await transaction.execute(
        update(cases)
        .where(
            cases.c.case_id == case_id,
            cases.c.state == CaseState.CLAIMED,
            cases.c.claimed_by == giver,
        )
        .values(handed_to=receiver, clock_due_at=due_at)
    )
    return result.rowcount == 1


async def confirm(
    transaction: Transaction, case_id: CaseId, receiver: OperatorId, *, lease_until_at: datetime
) -> bool:
    """Give a case to the operator to whom it was offered, and return False if it no longer is.

    A takeover goes on with them until `lease_until_at`.
    """
    lease = case((cases.c.lease_until_at.is_not(None), lease_until_at), else_=None)
    result = await transaction.execute(
        update(cases)
        .where(
            cases.c.case_id == case_id,
            cases.c.state == CaseState.CLAIMED,
            cases.c.handed_to == receiver,
        )
        .values(
            claimed_by=receiver,
            claimed_at=transaction.now,
            handed_to=None,
            lease_until_at=lease,
            clock_due_at=None,
        )
    )
    return result.rowcount == 1


async def end(transaction: Transaction, case_id: CaseId, *, due_at: datetime | None = None) -> bool:
    """End an offer, and return False if there is none. The giver still has the case.

    With `due_at` it ends only if it is still due then, because another may have been made.
    """
    statement = update(cases).where(cases.c.case_id == case_id, cases.c.handed_to.is_not(None))
    if due_at is not None:
        statement = statement.where(cases.c.clock_due_at == due_at)
    ended = await transaction.execute(statement.values(handed_to=None, clock_due_at=None))
    return ended.rowcount == 1
