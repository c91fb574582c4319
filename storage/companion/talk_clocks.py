"""When each person was last told that this is a program, and when their current talk began."""

from functools import cache
from typing import Any

from sqlalchemy import Executable, Select, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite

from safety.response.legal_duties import TalkClock
from storage.database.connection import Transaction
from storage.database.schema import talk_clocks
from storage.ids import PersonId


async def get(transaction: Transaction, person_id: PersonId) -> TalkClock | None:
    """Return the person's clock, or None if they have none yet."""
    row = (await transaction.execute(_get(), {"person": person_id})).one_or_none()
    return TalkClock(**row._mapping) if row else None


async def put(transaction: Transaction, person_id: PersonId, clock: TalkClock) -> None:
    """Store a clock in place of an older one."""
    values = {
        "person_id": person_id,
        "disclosed_at": clock.told_at,
        "began_at": clock.began_at,
        "spoke_at": clock.spoke_at,
        "break_at": clock.rested_at,
    }
    await transaction.execute(_put(transaction.dialect), values)


@cache
def _get() -> Select[Any]:
    return select(
        talk_clocks.c.disclosed_at.label("told_at"),
        talk_clocks.c.began_at,
        talk_clocks.c.spoke_at,
        talk_clocks.c.break_at.label("rested_at"),
    ).where(talk_clocks.c.person_id == bindparam("person"))


@cache
def _put(dialect: str) -> Executable:
    statement = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(talk_clocks)
    names = ("disclosed_at", "began_at", "spoke_at", "break_at")
    return statement.on_conflict_do_update(
        index_elements=["person_id"], set_={name: statement.excluded[name] for name in names}
    )
