"""What an operator was shown today: counted from the audit trail, so that they can take care.

Knows nothing of pages, and judges nobody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from storage import Transaction
from storage.review import audit
from storage.review.operators import Operator

MUCH = 30
"""Grave turns a day from which the console says a gentle word."""
LONG = timedelta(hours=6)
READING = ("viewed_words", "viewed_history")


@dataclass(frozen=True, slots=True)
class Exposure:
    """A day so far.

    Attributes:
        grave: turns at level 3 and up whose words were shown.
        since: when the operator first did something today.
    """

    grave: int
    since: datetime | None
    now: datetime

    @property
    def is_much(self) -> bool:
        """Whether a pause would be good."""
        is_long = self.since is not None and self.now - self.since >= LONG
        return self.grave >= MUCH or is_long


async def today(
    transaction: Transaction, operator: Operator, zone: ZoneInfo, *, now: datetime
) -> Exposure:
    """Count what an operator was shown since midnight."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    shown = await audit.details_since(transaction, operator.operator_id, READING, midnight)
    grave = sum(int(each.get("grave", 0)) for each in shown)
    since = await audit.first_since(transaction, operator.operator_id, midnight)
    return Exposure(grave, since, now)
