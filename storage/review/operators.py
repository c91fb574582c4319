"""Operators and their hours on duty.

A removed operator can do nothing. The row stays, because the audit trail refers to it.
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
    """The role of an operator. An admin also adds operators and decides on lexicon changes."""

    REVIEWER = "reviewer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Operator:
    """A trained person who sees to cases.

    Attributes:
        name: their name among operators, which people who write never see.
        public_name: the name that people read, or "" if the operator chose none.
        shows_words: show messages without a click to reveal them.
    """

    operator_id: OperatorId
    telegram_id: int
    name: str
    role: OperatorRole
    language: str
    shows_words: bool
    public_name: str
    removed_at: datetime | None

    @property
    def is_active(self) -> bool:
        """Whether the operator was not removed."""
        return self.removed_at is None

    @property
    def is_admin(self) -> bool:
        """Whether they decide on operators and lexicon changes."""
        return self.is_active and self.role is OperatorRole.ADMIN


@dataclass(frozen=True, slots=True)
class Shift:
    """Hours on duty in minutes after midnight.

    A shift that ends before it starts passes midnight.
    """

    weekday: int
    starts_min: int
    ends_min: int


class OperatorColumns(TypedDict, total=False):
    """The columns that `change` sets."""

    name: str
    role: OperatorRole
    language: str
    shows_words: bool
    public_name: str
    removed_at: datetime | None


async def get(transaction: Transaction, operator_id: OperatorId) -> Operator | None:
    """Return an operator, removed or not, or None."""
    return await _one(transaction, _operators().where(operators.c.operator_id == operator_id))


async def by_telegram_id(transaction: Transaction, telegram_id: int) -> Operator | None:
    """Return the active operator with this Telegram id, or None."""
    query = _operators().where(
        operators.c.telegram_id == telegram_id, operators.c.removed_at.is_(None)
    )
    return await _one(transaction, query)


async def listed(transaction: Transaction, *, active: bool = True) -> list[Operator]:
    """Return operators in the order they were added, removed ones only if not `active`."""
    query = _operators().order_by(operators.c.operator_id)
    if active:
        query = query.where(operators.c.removed_at.is_(None))
    return [_operator(row) for row in await transaction.execute(query)]


async def add(
    transaction: Transaction, telegram_id: int, *, role: OperatorRole, name: str, language: str
) -> Operator:
    """Add an operator, or restore a removed one."""
    await transaction.execute(
        insert_ignore(transaction.dialect, operators).values(
            telegram_id=telegram_id,
            role=role,
            name=name,
            language=language,
            added_at=transaction.now,
        )
    )
    await transaction.execute(
        update(operators)
        .where(operators.c.telegram_id == telegram_id, operators.c.removed_at.is_not(None))
        .values(role=role, name=name, language=language, removed_at=None)
    )
    operator = await by_telegram_id(transaction, telegram_id)
    assert operator is not None
    return operator


async def change(
    transaction: Transaction, operator_id: OperatorId, **columns: Unpack[OperatorColumns]
) -> None:
    """Set columns of an operator."""
    values = {name: int(v) if isinstance(v, bool) else v for name, v in columns.items()}
    await transaction.execute(
        update(operators).where(operators.c.operator_id == operator_id).values(**values)
    )


async def all_shifts(transaction: Transaction) -> dict[OperatorId, list[Shift]]:
    """Return the shifts of every active operator who has any."""
    query = (
        select(shifts.c.operator_id, shifts.c.weekday, shifts.c.starts_min, shifts.c.ends_min)
        .join_from(shifts, operators)
        .where(operators.c.removed_at.is_(None))
        .order_by(shifts.c.weekday, shifts.c.starts_min)
    )
    roster: dict[OperatorId, list[Shift]] = {}
    for operator_id, *hours in await transaction.execute(query):
        roster.setdefault(OperatorId(operator_id), []).append(Shift(*hours))
    return roster


async def set_shifts(transaction: Transaction, operator_id: OperatorId, hours: list[Shift]) -> None:
    """Replace an operator's shifts."""
    await transaction.execute(delete(shifts).where(shifts.c.operator_id == operator_id))
    for shift in hours:
        await transaction.execute(
            insert(shifts).values(
                operator_id=operator_id,
                weekday=shift.weekday,
                starts_min=shift.starts_min,
                ends_min=shift.ends_min,
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
        operators.c.public_name,
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
        row.public_name,
        row.removed_at,
    )
