"""Daily counts of what the safety layer did, for the yearly report.

No row can be traced to a person, so `/forget` and the sweep keep them.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select

from storage.database.connection import Transaction, count_up
from storage.database.schema import safety_counts


class SafetyEvent(StrEnum):
    """The acts that are counted."""

    # A reviewed reply with numbers to call, in place of the model's (levels 3 and 4).
    FIXED_REPLY = "fixed_reply"
    # Numbers to call beside the model's reply (level 2).
    RESOURCES = "resources"
    # A case was opened for operators.
    CASE = "case"
    # A safety plan was begun.
    PLAN = "plan"
    # A person who had agreed to it was asked on the next day.
    FOLLOW_UP = "follow_up"
    # The guard blocked a model reply.
    GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Count:
    """One line of the report."""

    act: str
    level: int
    script: str
    number: int


async def add(
    transaction: Transaction, act: SafetyEvent, *, level: int = 0, script: str = ""
) -> None:
    """Count one act."""
    keys = {
        "day": f"{transaction.now:%Y-%m-%d}",
        "kind": act,
        "level": level,
        "script": script,
    }
    await transaction.execute(count_up(transaction.dialect, safety_counts.c.number, keys))


async def of_year(transaction: Transaction, year: int) -> list[Count]:
    """Return the sums of a year (UTC) by act, level and script."""
    c = safety_counts.c
    query = (
        select(c.kind, c.level, c.script, func.sum(c.number))
        .where(c.day >= f"{year:04}-01-01", c.day <= f"{year:04}-12-31")
        .group_by(c.kind, c.level, c.script)
        .order_by(c.kind, c.level.desc(), c.script)
    )
    rows = (await transaction.execute(query)).all()
    return [Count(act, level, script, int(number)) for act, level, script, number in rows]
