"""Skipped check-ins, and forgetting a skip whose time is still to come."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select

from storage.checkins.occurrences import CheckInState
from storage.database.connection import Transaction
from storage.database.schema_checkins import check_ins
from storage.ids import PersonId


async def since_last_asked(transaction: Transaction, person_id: PersonId, reason: str) -> bool:
    """Return whether a check-in was skipped for this reason after the last question."""
    query = (
        select(check_ins.c.reason)
        .where(
            check_ins.c.person_id == person_id,
            or_(check_ins.c.state != CheckInState.SKIPPED, check_ins.c.reason == reason),
        )
        .order_by(check_ins.c.check_in_id.desc())
        .limit(1)
    )
    latest = (await transaction.execute(query)).scalar_one_or_none()
    return latest == reason


async def is_to_come(
    transaction: Transaction, person_id: PersonId, *, after: datetime, reason: str
) -> bool:
    """Return whether a future check-in is skipped for this reason."""
    query = select(exists().where(_to_come(person_id, after, [reason])))
    return bool((await transaction.execute(query)).scalar_one())


async def forget(
    transaction: Transaction, person_id: PersonId, *, after: datetime, reasons: Collection[str]
) -> None:
    """Forget future check-ins skipped for one of these reasons."""
    await transaction.execute(delete(check_ins).where(_to_come(person_id, after, reasons)))


def _to_come(person_id: PersonId, after: datetime, reasons: Collection[str]) -> ColumnElement[bool]:
    return and_(
        check_ins.c.person_id == person_id,
        check_ins.c.state == CheckInState.SKIPPED,
        check_ins.c.reason.in_(reasons),
        check_ins.c.due_at > after,
    )
