"""Cases that are due: unclaimed, with an expired lease, not in a digest, or with an old topic."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select, update

from storage.database.connection import Transaction
from storage.database.schema_review import NOT_RESOLVED, cases
from storage.ids import CaseId
from storage.review.cases import Case, as_case, select_cases


async def clocks_due(transaction: Transaction, *, limit: int = 50) -> list[Case]:
    """Return cases that no operator claimed in time, the longest due first."""
    query = (
        select_cases()
        .where(
            NOT_RESOLVED, cases.c.clock_due_at.is_not(None), cases.c.clock_due_at <= transaction.now
        )
        .order_by(cases.c.clock_due_at)
        .limit(limit)
    )
    return [as_case(row) for row in await transaction.execute(query)]


async def leases_over(transaction: Transaction) -> list[Case]:
    """Return cases with a takeover whose lease expired."""
    query = select_cases().where(
        cases.c.lease_until_at.is_not(None), cases.c.lease_until_at <= transaction.now
    )
    return [as_case(row) for row in await transaction.execute(query)]


async def undigested(transaction: Transaction, *, below: int, limit: int = 500) -> list[Case]:
    """Return cases of a risk below a level that no digest has listed since its last sign."""
    query = (
        select_cases()
        .where(
            NOT_RESOLVED,
            cases.c.level < below,
            cases.c.level > 0,  # without a risk it was announced when the person asked
            cases.c.digested_at.is_(None) | (cases.c.digested_at < cases.c.last_risk_at),
        )
        .order_by(cases.c.level.desc(), cases.c.last_risk_at.desc())
        .limit(limit)
    )
    return [as_case(row) for row in await transaction.execute(query)]


async def mark_digested(transaction: Transaction, case_ids: Collection[CaseId]) -> None:
    """Record that a digest has listed these cases."""
    told = update(cases).where(cases.c.case_id.in_(case_ids)).values(digested_at=transaction.now)
    await transaction.execute(told)


async def last_digest_at(transaction: Transaction) -> datetime | None:
    """Return when a digest was last written, or None."""
    query = select(cases.c.digested_at).where(cases.c.digested_at.is_not(None))
    newest = query.order_by(cases.c.digested_at.desc()).limit(1)
    last_at: datetime | None = (await transaction.execute(newest)).scalar_one_or_none()
    return last_at


async def topics_over(transaction: Transaction, *, resolved_before: datetime) -> list[CaseId]:
    """Return cases with a topic to delete, because they are erased or were resolved long ago."""
    query = select(cases.c.case_id).where(
        cases.c.thread_id.is_not(None),
        cases.c.erased_at.is_not(None) | (cases.c.resolved_at < resolved_before),
    )
    return [CaseId(case_id) for case_id in (await transaction.execute(query)).scalars()]
