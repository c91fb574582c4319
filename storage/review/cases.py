"""Case rows: one case a person that is not resolved.

Every act is one conditional UPDATE, so that of two operators one wins.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypedDict, Unpack

from sqlalchemy import Column, Row, Select, bindparam, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema_review import NOT_RESOLVED, cases
from storage.ids import CaseId, OperatorId, PersonId


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    CLAIMED = "claimed"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """How a case ended."""

    HELPED = "helped"
    FALSE_ALARM = "false_alarm"
    REFERRED = "referred"
    UNREACHABLE = "unreachable"
    ERASED = "erased"  # the person deleted their data; no operator says so


@dataclass(frozen=True, slots=True)
class Case:
    """An operators' record of a person at risk.

    Attributes:
        hold_until_at: until when the model is silent; None where it is not.
        claimed_by: who looks after it.
        acknowledged_at: when it was first claimed since its level rose.
        lease_until_at: until when the person talks with whoever claimed it; None: no takeover.
        clock_stage: how far the escalation of an unclaimed case has come.
        is_shadowed: an operator reads the model's replies before they go.
        thread_id: its topic in the operators' group.
    """

    case_id: CaseId
    person_id: PersonId | None
    level: int
    categories: tuple[str, ...]
    script: str
    state: CaseState
    opened_at: datetime
    last_risk_at: datetime
    hold_until_at: datetime | None = None
    claimed_by: OperatorId | None = None
    claimed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    took_over_at: datetime | None = None
    lease_until_at: datetime | None = None
    clock_stage: int = 0
    clock_due_at: datetime | None = None
    paged_operator: OperatorId | None = None
    is_shadowed: bool = False
    thread_id: int | None = None
    resolution: Resolution | None = None
    resolved_at: datetime | None = None
    resolved_by: OperatorId | None = None


class CaseColumns(TypedDict, total=False):
    """The columns that `change` sets."""

    level: int
    categories: tuple[str, ...]
    script: str
    last_risk_at: datetime
    hold_until_at: datetime | None
    clock_stage: int
    clock_due_at: datetime | None
    paged_operator: OperatorId | None
    is_shadowed: bool
    thread_id: int | None


async def open_case(transaction: Transaction, person_id: PersonId) -> Case | None:
    """The person's case that is not resolved, or None."""
    row = (await transaction.execute(_open_case(), {"person": person_id})).one_or_none()
    return as_case(row) if row else None


async def get(transaction: Transaction, case_id: CaseId) -> Case | None:
    """One case, resolved or not."""
    row = (await transaction.execute(_by_id(), {"case": case_id})).one_or_none()
    return as_case(row) if row else None


async def of_person(transaction: Transaction, person_id: PersonId) -> list[Case]:
    """Every case of a person, oldest first."""
    query = select_cases().where(cases.c.person_id == person_id).order_by(cases.c.case_id)
    return [as_case(row) for row in await transaction.execute(query)]


async def create(
    transaction: Transaction,
    person_id: PersonId,
    *,
    level: int,
    categories: tuple[str, ...],
    script: str,
    lexicon: str,
    hold_until_at: datetime | None = None,
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
            state=CaseState.OPEN,
            opened_at=now,
            last_risk_at=now,
            hold_until_at=hold_until_at,
        )
        .returning(cases.c.case_id)
    )
    return CaseId(made.scalar_one())


async def change(transaction: Transaction, case_id: CaseId, **columns: Unpack[CaseColumns]) -> None:
    """Set columns of a case in any state."""
    values: dict[str, Any] = dict(columns)
    if "categories" in columns:
        values["categories"] = ",".join(columns["categories"])
    if "is_shadowed" in columns:
        values["is_shadowed"] = int(columns["is_shadowed"])
    await transaction.execute(update(cases).where(cases.c.case_id == case_id).values(**values))


async def claim(
    transaction: Transaction, case_id: CaseId, operator_id: OperatorId, *, now: datetime
) -> bool:
    """Take an open case; False where somebody has it, or it is resolved. Its clock stops."""
    result = await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case_id, cases.c.state == CaseState.OPEN)
        .values(
            state=CaseState.CLAIMED,
            claimed_by=operator_id,
            claimed_at=now,
            acknowledged_at=now,
            clock_due_at=None,
        )
    )
    return result.rowcount == 1


async def release(transaction: Transaction, case_id: CaseId) -> bool:
    """Give a claimed case back to the queue; a takeover ends with it."""
    result = await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case_id, cases.c.state == CaseState.CLAIMED)
        .values(
            state=CaseState.OPEN,
            claimed_by=None,
            claimed_at=None,
            acknowledged_at=None,
            took_over_at=None,
            lease_until_at=None,
        )
    )
    return result.rowcount == 1


async def take_over(
    transaction: Transaction,
    case_id: CaseId,
    operator_id: OperatorId,
    *,
    lease_until_at: datetime,
    now: datetime,
) -> bool:
    """Begin a takeover by whoever claimed the case; False where it runs, or is not theirs."""
    result = await transaction.execute(
        update(cases)
        .where(
            cases.c.case_id == case_id,
            cases.c.state == CaseState.CLAIMED,
            cases.c.claimed_by == operator_id,
            cases.c.lease_until_at.is_(None),
        )
        .values(took_over_at=now, lease_until_at=lease_until_at)
    )
    return result.rowcount == 1


async def renew(
    transaction: Transaction,
    case_id: CaseId,
    operator_id: OperatorId,
    *,
    lease_until_at: datetime,
    now: datetime,
) -> bool:
    """Prolong a takeover that still holds; False where it does not, or is not theirs."""
    result = await transaction.execute(
        update(cases)
        .where(
            cases.c.case_id == case_id,
            cases.c.claimed_by == operator_id,
            cases.c.lease_until_at > now,
        )
        .values(lease_until_at=lease_until_at)
    )
    return result.rowcount == 1


async def end_takeover(
    transaction: Transaction, case_id: CaseId, *, expired_at: datetime | None = None
) -> bool:
    """End a takeover; False where none runs.

    Args:
        transaction: the case itself stays claimed.
        case_id: which.
        expired_at: only where its lease ran out by then: a word of the operator may be quicker.
    """
    statement = update(cases).where(cases.c.case_id == case_id, cases.c.lease_until_at.is_not(None))
    if expired_at is not None:
        statement = statement.where(cases.c.lease_until_at <= expired_at)
    ended = await transaction.execute(statement.values(took_over_at=None, lease_until_at=None))
    return ended.rowcount == 1


async def resolve(
    transaction: Transaction,
    case_id: CaseId,
    resolution: Resolution,
    *,
    operator_id: OperatorId,
    now: datetime,
) -> bool:
    """Close a case; False where it was closed before."""
    result = await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case_id, NOT_RESOLVED)
        .values(
            state=CaseState.RESOLVED,
            resolution=resolution,
            resolved_at=now,
            resolved_by=operator_id,
            took_over_at=None,
            lease_until_at=None,
            clock_due_at=None,
            is_shadowed=0,
        )
    )
    return result.rowcount == 1


async def by_thread(transaction: Transaction, thread_id: int) -> Case | None:
    """The newest case whose topic this is."""
    query = (
        select_cases()
        .where(cases.c.thread_id == thread_id)
        .order_by(cases.c.case_id.desc())
        .limit(1)
    )
    row = (await transaction.execute(query)).one_or_none()
    return as_case(row) if row else None


@cache
def _open_case() -> Select[Any]:
    return select_cases().where(cases.c.person_id == bindparam("person"), NOT_RESOLVED)


@cache
def _by_id() -> Select[Any]:
    return select_cases().where(cases.c.case_id == bindparam("case"))


def columns() -> list[Column[Any]]:
    """The columns that make a `Case`."""
    return [cases.c[field.name] for field in fields(Case)]


def select_cases() -> Select[Any]:
    """A query for whole cases, to be read with `as_case`."""
    return select(*columns())


def as_case(row: Row[Any]) -> Case:
    """A row of `columns` as a case."""
    values = dict(row._mapping)
    return Case(
        **values
        | {
            "categories": tuple(filter(None, row.categories.split(","))),
            "state": CaseState(row.state),
            "is_shadowed": bool(row.is_shadowed),
            "resolution": Resolution(row.resolution) if row.resolution else None,
        }
    )
