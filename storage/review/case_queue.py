"""The operators' queue of cases, gravest first, and figures about all cases."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select

from storage.database.connection import Transaction
from storage.database.schema import script_answers
from storage.database.schema_review import NOT_RESOLVED, cases, evidence
from storage.ids import OperatorId
from storage.review.cases import Case, CaseState, as_case, columns

URGENT_IF_YES = ("injured", "body", "means", "weapon", "near", "their_danger")
URGENT_IF_NO = ("company", "beside", "distance", "their_company")


@dataclass(frozen=True, slots=True)
class Filters:
    """An operator's filters on the queue, where None accepts any value.

    Attributes:
        state: `waiting` (not claimed), `mine` (with hand-overs to me), `claimed`, `resolved`, or
            None for unresolved.
        level: this level and above.
        category: one of the categories of a case.
        operator_id: the operator of `mine`.
    """

    state: str | None = None
    level: int | None = None
    category: str | None = None
    operator_id: OperatorId | None = None


async def page(
    transaction: Transaction, filters: Filters, *, limit: int = 50, offset: int = 0
) -> list[Case]:
    """Return a page of cases: by level, unclaimed, urgent answers, then the longest waiting."""
    unclaimed_first = case((cases.c.state == CaseState.OPEN, 0), else_=1)
    order: tuple[Any, ...] = (
        (cases.c.resolved_at.desc(),)
        if filters.state == "resolved"
        else (
            cases.c.level.desc(),
            unclaimed_first,
            _urgent_answers().desc(),
            cases.c.last_risk_at,
            cases.c.case_id,
        )
    )
    query = (
        select(*columns()).where(*_conditions(filters)).order_by(*order).limit(limit).offset(offset)
    )
    return [as_case(row) for row in await transaction.execute(query)]


def _urgent_answers() -> ColumnElement[int]:
    """Count the answers to the script that make a case more urgent than others of its level."""
    columns = script_answers.c
    return (
        select(func.count())
        .where(
            columns.person_id == cases.c.person_id,
            (columns.question.in_(URGENT_IF_YES) & (columns.answer == "yes"))
            | (columns.question.in_(URGENT_IF_NO) & (columns.answer == "no")),
        )
        .scalar_subquery()
    )


async def count(transaction: Transaction, filters: Filters) -> int:
    """Count the cases that match."""
    query = select(func.count()).select_from(cases).where(*_conditions(filters))
    return int((await transaction.execute(query)).scalar_one())


async def waiting_by_level(transaction: Transaction) -> dict[int, int]:
    """Count unclaimed cases by level."""
    query = (
        select(cases.c.level, func.count())
        .where(NOT_RESOLVED, cases.c.state == CaseState.OPEN)
        .group_by(cases.c.level)
    )
    return {row.level: row[1] for row in await transaction.execute(query)}


async def place_in_line(transaction: Transaction, waiting: Case) -> int:
    """Count the unclaimed cases ahead of this one, in the order of `page`."""
    urgent = _urgent_answers()
    own = select(urgent).where(cases.c.case_id == waiting.case_id)
    count = (await transaction.execute(own)).scalar_one()
    graver = cases.c.level > waiting.level
    longer = (urgent == count) & (cases.c.last_risk_at < waiting.last_risk_at)
    before = graver | ((cases.c.level == waiting.level) & ((urgent > count) | longer))
    query = select(func.count()).where(NOT_RESOLVED, cases.c.state == CaseState.OPEN, before)
    return int((await transaction.execute(query)).scalar_one())


@dataclass(frozen=True, slots=True)
class CaseFigures:
    """The figures of one case for charts."""

    level: int
    opened_at: datetime
    acknowledged_at: datetime | None
    resolution: str | None


async def opened_since(transaction: Transaction, since: datetime) -> list[CaseFigures]:
    """Return cases opened since an instant, oldest first."""
    query = (
        select(cases.c.level, cases.c.opened_at, cases.c.acknowledged_at, cases.c.resolution)
        .where(cases.c.opened_at >= since)
        .order_by(cases.c.opened_at)
    )
    return [CaseFigures(**row._mapping) for row in await transaction.execute(query)]


async def verdicts_by_rule(transaction: Transaction, since: datetime) -> dict[str, tuple[int, int]]:
    """Return for each rule the resolved cases in which it matched, and the false alarms."""
    is_false = cases.c.resolution == "false_alarm"
    query = (
        select(
            evidence.c.rule,
            func.count(func.distinct(cases.c.case_id)),
            func.count(func.distinct(case((is_false, cases.c.case_id)))),
        )
        .join_from(evidence, cases)
        .where(
            cases.c.resolved_at.is_not(None),
            cases.c.opened_at >= since,
            cases.c.resolution.is_not(None),
            cases.c.resolution != "erased",
        )
        .group_by(evidence.c.rule)
    )
    return {rule: (total, wrong) for rule, total, wrong in await transaction.execute(query)}


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        cases.c.resolved_at.is_not(None) if filters.state == "resolved" else NOT_RESOLVED
    ]
    if filters.state == "waiting":
        conditions.append(cases.c.state == CaseState.OPEN)
    elif filters.state == "claimed":
        conditions.append(cases.c.state == CaseState.CLAIMED)
    elif filters.state == "mine":
        theirs = (cases.c.claimed_by, cases.c.handed_to)
        conditions.append(or_(*(column == filters.operator_id for column in theirs)))
    if filters.level is not None:
        conditions.append(cases.c.level >= filters.level)
    if filters.category:
        within = "," + cases.c.categories + ","
        conditions.append(within.contains(f",{filters.category},", autoescape=True))
    return conditions
