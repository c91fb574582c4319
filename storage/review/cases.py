"""Cases, at most one unresolved for each person.

Every change of state is one conditional UPDATE, so that only one of two operators succeeds.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypedDict, Unpack

from sqlalchemy import Column, Row, Select, bindparam, insert, select, update

from storage.database.connection import Transaction
from storage.database.schema_review import NOT_RESOLVED, cases
from storage.ids import CaseId, OperatorId, OutboxId, PersonId

# The category of a case in which the person asked for a human.
ASKED = "asked"


class CaseState(StrEnum):
    """The state of a case."""

    OPEN = "open"
    CLAIMED = "claimed"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """The end of a case."""

    HELPED = "helped"
    FALSE_ALARM = "false_alarm"
    REFERRED = "referred"
    UNREACHABLE = "unreachable"
    ERASED = "erased"  # the person deleted their data; operators cannot choose it


@dataclass(frozen=True, slots=True)
class Case:
    """An operators' record of a person at risk, or of one who asked for a human.

    Attributes:
        hold_until_at: the model is silent until then, or None without a hold.
        claimed_by: the operator who claimed it, or None.
        handed_to: the operator who is asked to take it over from them, or None.
        acknowledged_at: when it was first claimed since its level rose.
        lease_until_at: the end of the takeover's lease, or None without a takeover.
        clock_stage: the stage of an unclaimed case's escalation.
        is_shadowed: an operator reads the model's replies before they are sent.
        thread_id: its topic in the operators' group.
        answers_outbox_id: the message of the outbox that shows operators the script's answers.
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
    handed_to: OperatorId | None = None
    claimed_at: datetime | None = None
    acknowledged_at: datetime | None = None
    took_over_at: datetime | None = None
    lease_until_at: datetime | None = None
    clock_stage: int = 0
    clock_due_at: datetime | None = None
    paged_operator: OperatorId | None = None
    is_shadowed: bool = False
    thread_id: int | None = None
    answers_outbox_id: OutboxId | None = None
    resolution: Resolution | None = None
    resolved_at: datetime | None = None
    resolved_by: OperatorId | None = None

    @property
    def is_asked(self) -> bool:
        """Whether the person asked for a human."""
        return ASKED in self.categories


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
    answers_outbox_id: OutboxId | None


async def open_case(transaction: Transaction, person_id: PersonId) -> Case | None:
    """Return the person's unresolved case, or None."""
    row = (await transaction.execute(_open_case(), {"person": person_id})).one_or_none()
    return as_case(row) if row else None


async def get(transaction: Transaction, case_id: CaseId) -> Case | None:
    """Return a case, resolved or not, or None."""
    row = (await transaction.execute(_by_id(), {"case": case_id})).one_or_none()
    return as_case(row) if row else None


async def of_person(transaction: Transaction, person_id: PersonId) -> list[Case]:
    """Return every case of a person, oldest first."""
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
) -> CaseId:
    """Open a case."""
    inserted = await transaction.execute(
        insert(cases)
        .values(
            person_id=person_id,
            level=level,
            categories=",".join(categories),
            script=script,
            lexicon=lexicon,
            state=CaseState.OPEN,
            opened_at=transaction.now,
            last_risk_at=transaction.now,
            hold_until_at=hold_until_at,
        )
        .returning(cases.c.case_id)
    )
    return CaseId(inserted.scalar_one())


async def change(transaction: Transaction, case_id: CaseId, **columns: Unpack[CaseColumns]) -> None:
    """Set columns of a case in any state."""
    values: dict[str, Any] = dict(columns)
    if "categories" in columns:
        values["categories"] = ",".join(columns["categories"])
    if "is_shadowed" in columns:
        values["is_shadowed"] = int(columns["is_shadowed"])
    await transaction.execute(update(cases).where(cases.c.case_id == case_id).values(**values))


async def claim(transaction: Transaction, case_id: CaseId, operator_id: OperatorId) -> bool:
    """Claim an open case and stop its clock, and return False if it is claimed or resolved."""
    result = await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case_id, cases.c.state == CaseState.OPEN)
        .values(
            state=CaseState.CLAIMED,
            claimed_by=operator_id,
            claimed_at=transaction.now,
            acknowledged_at=transaction.now,
            clock_due_at=None,
        )
    )
    return result.rowcount == 1


async def release(transaction: Transaction, case_id: CaseId) -> bool:
    """Release a claimed case to the queue, which also ends its takeover and hand-over."""
    result = await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case_id, cases.c.state == CaseState.CLAIMED)
        .values(
            state=CaseState.OPEN,
            claimed_by=None,
            handed_to=None,
            claimed_at=None,
            acknowledged_at=None,
            took_over_at=None,
            lease_until_at=None,
            clock_due_at=None,
        )
    )
    return result.rowcount == 1


async def take_over(
    transaction: Transaction, case_id: CaseId, operator_id: OperatorId, *, lease_until_at: datetime
) -> bool:
    """Begin a takeover of a case that this operator claimed.

    Returns False if a takeover is running or another operator claimed the case.
    """
    result = await transaction.execute(
        update(cases)
        .where(
            cases.c.case_id == case_id,
            cases.c.state == CaseState.CLAIMED,
            cases.c.claimed_by == operator_id,
            cases.c.lease_until_at.is_(None),
        )
        .values(took_over_at=transaction.now, lease_until_at=lease_until_at)
    )
    return result.rowcount == 1


async def renew(
    transaction: Transaction, case_id: CaseId, operator_id: OperatorId, *, lease_until_at: datetime
) -> bool:
    """Renew a takeover's lease, and return False if it expired or is another operator's."""
    result = await transaction.execute(
        update(cases)
        .where(
            cases.c.case_id == case_id,
            cases.c.claimed_by == operator_id,
            cases.c.lease_until_at > transaction.now,
        )
        .values(lease_until_at=lease_until_at)
    )
    return result.rowcount == 1


async def end_takeover(
    transaction: Transaction, case_id: CaseId, *, expired_at: datetime | None = None
) -> bool:
    """End a takeover, and return False if none is running. The case stays claimed.

    With `expired_at` it ends only if its lease expired by then, because a message of the operator
    may have renewed it.
    """
    statement = update(cases).where(cases.c.case_id == case_id, cases.c.lease_until_at.is_not(None))
    if expired_at is not None:
        statement = statement.where(cases.c.lease_until_at <= expired_at)
    ended = await transaction.execute(statement.values(took_over_at=None, lease_until_at=None))
    return ended.rowcount == 1


async def resolve(
    transaction: Transaction, case_id: CaseId, resolution: Resolution, *, operator_id: OperatorId
) -> bool:
    """Resolve a case, and return False if it was resolved before."""
    result = await transaction.execute(
        update(cases)
        .where(cases.c.case_id == case_id, NOT_RESOLVED)
        .values(
            state=CaseState.RESOLVED,
            resolution=resolution,
            resolved_at=transaction.now,
            resolved_by=operator_id,
            handed_to=None,
            took_over_at=None,
            lease_until_at=None,
            clock_due_at=None,
            is_shadowed=0,
        )
    )
    return result.rowcount == 1


async def by_thread(transaction: Transaction, thread_id: int) -> Case | None:
    """Return the newest case with this topic, or None."""
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
    """Return the columns of a `Case`."""
    return [cases.c[field.name] for field in fields(Case)]


def select_cases() -> Select[Any]:
    """Build a query for cases that `as_case` reads."""
    return select(*columns())


def as_case(row: Row[Any]) -> Case:
    """Convert a row with the columns of `columns` to a case."""
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
