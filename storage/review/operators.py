"""Operators and the hours they are on duty.

A row is never deleted, because the audit trail speaks of it: who is removed can do nothing any
more.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict, Unpack

from sqlalchemy import Row, Select, delete, insert, select, update

from storage.database.connection import Transaction, insert_ignore
from storage.database.schema_review import operators, shifts
from storage.ids import OperatorId


class OperatorRole(StrEnum):
    """What an operator may do: an admin also adds operators and decides on changes."""

    REVIEWER = "reviewer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Operator:
    """A trained person who sees to cases.

    Attributes:
        name: as they are called among operators; never told to the people who write.
        shows_words: does not want words hidden until asked for.
    """

    operator_id: OperatorId
    telegram_id: int
    name: str
    role: OperatorRole
    language: str
    shows_words: bool
    removed_at: datetime | None

    @property
    def is_active(self) -> bool:
        """Whether they may still do anything."""
        return self.removed_at is None

    @property
    def is_admin(self) -> bool:
        """Whether they decide who is an operator, and on lexicon changes."""
        return self.is_active and self.role is OperatorRole.ADMIN


@dataclass(frozen=True, slots=True)
class Shift:
    """Hours on duty, in minutes after midnight; one that ends first goes over midnight."""

    weekday: int
    starts_min: int
    ends_min: int


class OperatorColumns(TypedDict, total=False):
    """The columns that `change` sets."""

    name: str
    role: OperatorRole
    language: str
    shows_words: bool
    removed_at: datetime | None


async def get(transaction: Transaction, operator_id: OperatorId) -> Operator | None:
    """One operator, removed or not."""
    return await _one(transaction, _operators().where(operators.c.operator_id == operator_id))


async def by_telegram_id(transaction: Transaction, telegram_id: int) -> Operator | None:
    """The active operator behind a Telegram id, or None."""
    query = _operators().where(
        operators.c.telegram_id == telegram_id, operators.c.removed_at.is_(None)
    )
    return await _one(transaction, query)


async def listed(transaction: Transaction, *, active: bool = True) -> list[Operator]:
    """Operators in the order in which they were added; the removed too where asked."""
    query = _operators().order_by(operators.c.operator_id)
    if active:
        query = query.where(operators.c.removed_at.is_(None))
    return [_operator(row) for row in await transaction.execute(query)]


async def add(
    transaction: Transaction,
    telegram_id: int,
    *,
    role: OperatorRole,
    name: str,
    language: str,
    now: datetime,
) -> Operator:
    """Add an operator, or list one again who was removed."""
    await transaction.execute(
        insert_ignore(transaction.dialect, operators).values(
            telegram_id=telegram_id, role=role, name=name, language=language, added_at=now
        )
    )
    await transaction.execute(
        update(operators)
        .where(operators.c.telegram_id == telegram_id, operators.c.removed_at.is_not(None))
        .values(role=role, name=name, language=language, removed_at=None)
    )
    found = await by_telegram_id(transaction, telegram_id)
    assert found is not None
    return found


async def change(
    transaction: Transaction, operator_id: OperatorId, **columns: Unpack[OperatorColumns]
) -> None:
    """Set columns of an operator."""
    values = {name: int(v) if isinstance(v, bool) else v for name, v in columns.items()}
    await transaction.execute(
        update(operators).where(operators.c.operator_id == operator_id).values(**values)
    )


async def all_shifts(transaction: Transaction) -> dict[OperatorId, list[Shift]]:
    """The hours of every active operator who has any."""
    query = (
        select(shifts.c.operator_id, shifts.c.weekday, shifts.c.starts_min, shifts.c.ends_min)
        .join_from(shifts, operators)
        .where(operators.c.removed_at.is_(None))
        .order_by(shifts.c.weekday, shifts.c.starts_min)
    )
    found: dict[OperatorId, list[Shift]] = {}
    for operator_id, *hours in await transaction.execute(query):
        found.setdefault(OperatorId(operator_id), []).append(Shift(*hours))
    return found


async def set_shifts(transaction: Transaction, operator_id: OperatorId, hours: list[Shift]) -> None:
    """Set the hours of an operator, in place of those before."""
    await transaction.execute(delete(shifts).where(shifts.c.operator_id == operator_id))
    for each in hours:
        await transaction.execute(
            insert(shifts).values(
                operator_id=operator_id,
                weekday=each.weekday,
                starts_min=each.starts_min,
                ends_min=each.ends_min,
            )
        )


def _operators() -> Select[Any]:
    return select(
        operators.c.operator_id,
        operators.c.telegram_id,
        operators.c.name,
        operators.c.role,
        operators.c.language,
        operators.c.shows_words,
        operators.c.removed_at,
    )


async def _one(transaction: Transaction, query: Select[Any]) -> Operator | None:
    row = (await transaction.execute(query)).one_or_none()
    return _operator(row) if row else None


def _operator(row: Row[Any]) -> Operator:
    return Operator(
        OperatorId(row.operator_id),
        row.telegram_id,
        row.name,
        OperatorRole(row.role),
        row.language,
        bool(row.shows_words),
        row.removed_at,
    )
