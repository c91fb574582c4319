"""Case rows: one open case a person.

Knows nothing of who reviews them, nor of what was said: a case holds a level,
categories and times.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, bindparam, insert, select, update

from storage.database import Transaction
from storage.ids import CaseId, PersonId
from storage.schema import cases


@dataclass(frozen=True, slots=True)
class Case:
    """An operators' record of a person at risk."""

    case_id: CaseId
    person_id: PersonId | None
    level: int
    categories: tuple[str, ...]
    script: str
    state: str
    opened_at: datetime
    last_risk_at: datetime


async def open_case(transaction: Transaction, person_id: PersonId) -> Case | None:
    """The person's open case, or None."""
    row = (await transaction.execute(_open_case(), {"person": person_id})).one_or_none()
    return _case(row) if row else None


async def get(transaction: Transaction, case_id: CaseId) -> Case | None:
    """One case, open or not."""
    query = _cases().where(cases.c.case_id == case_id)
    row = (await transaction.execute(query)).one_or_none()
    return _case(row) if row else None


async def create(
    transaction: Transaction,
    person_id: PersonId,
    *,
    level: int,
    categories: tuple[str, ...],
    script: str,
    lexicon: str,
    now: datetime,
) -> CaseId:
    """Open a case."""
    made = await transaction.execute(
        insert(cases)
        .values(
            person_id=person_id,
            level=level,
            categories=",".join(categories),
            script=script,
            lexicon=lexicon,
            state="open",
            opened_at=now,
            last_risk_at=now,
        )
        .returning(cases.c.case_id)
    )
    return CaseId(made.scalar_one())


async def raise_level(
    transaction: Transaction,
    case: Case,
    *,
    level: int,
    categories: tuple[str, ...],
    script: str,
    now: datetime,
) -> None:
    """Record a further message at risk: the level never falls, categories add up."""
    together = tuple(dict.fromkeys((*case.categories, *categories)))
    await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case.case_id)
        .values(
            level=max(level, case.level),
            categories=",".join(together),
            script=script,
            last_risk_at=now,
        )
    )


async def touch(transaction: Transaction, case_id: CaseId, *, now: datetime) -> None:
    """Record that the person is still at risk, at no higher level."""
    await transaction.execute(
        update(cases).where(cases.c.case_id == case_id).values(last_risk_at=now)
    )


async def resolve(
    transaction: Transaction, case_id: CaseId, *, operator_id: int, now: datetime
) -> bool:
    """Close an open case; False where it was closed before."""
    result = await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case_id, cases.c.state == "open")
        .values(state="resolved", resolved_at=now, resolved_by=operator_id)
    )
    return result.rowcount == 1


async def of_person(transaction: Transaction, person_id: PersonId) -> list[Case]:
    """Every case of a person, oldest first."""
    query = _cases().where(cases.c.person_id == person_id).order_by(cases.c.case_id)
    return [_case(row) for row in await transaction.execute(query)]


@cache
def _open_case() -> Select[Any]:
    return _cases().where(cases.c.person_id == bindparam("person"), cases.c.state == "open")


def _cases() -> Select[Any]:
    return select(
        cases.c.case_id,
        cases.c.person_id,
        cases.c.level,
        cases.c.categories,
        cases.c.script,
        cases.c.state,
        cases.c.opened_at,
        cases.c.last_risk_at,
    )


def _case(row: Row[Any]) -> Case:
    return Case(
        case_id=row.case_id,
        person_id=row.person_id,
        level=row.level,
        categories=tuple(filter(None, row.categories.split(","))),
        script=row.script,
        state=row.state,
        opened_at=row.opened_at,
        last_risk_at=row.last_risk_at,
    )
