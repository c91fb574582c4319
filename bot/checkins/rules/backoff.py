"""The backoff of check-ins in a silence: as agreed, every third day, weekly, goodbye.

It counts the days on which a person was asked and sent nothing. Three appointments on one day are
one such day. Anything the person sends resets it (`bot/checkins/settings/activity.py`).

| unanswered days | next check-ins |
|---|---|
| 0 to 2 | as agreed |
| 3 to 5 | at most every third day, once a day |
| 6, 7 | at most once a week |
| 8 | one goodbye, a week later, with a way back; then nothing |

For a person who is asked daily the goodbye comes on the 33rd day.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Decision(StrEnum):
    """What to do with an occurrence."""

    ASK = "ask"
    SKIP = "leave_out"
    GOODBYE = "goodbye"


GOODBYE_AFTER = 8
# (unanswered days, least days between two questions), highest first.
EVERY_DAYS = ((6, 7), (3, 3))


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a person has been silent.

    Attributes:
        unanswered: days on which they were asked since their last answer.
        asked_on: the local date of the last question since then, or None.
    """

    unanswered: int = 0
    asked_on: date | None = None

    @property
    def every_days(self) -> int:
        """The least number of days between two questions, or 0 as agreed."""
        return next((days for since, days in EVERY_DAYS if self.unanswered >= since), 0)

    def decide(self, day: date, *, was_held: bool = False) -> Decision:
        """Decide on the occurrence of a local date.

        If a case held check-ins and no question came since (`was_held`), it is not a goodbye.
        """
        if self.asked_on is not None and abs((day - self.asked_on).days) < self.every_days:
            return Decision.SKIP
        if was_held:
            return Decision.ASK
        return Decision.GOODBYE if self.unanswered >= GOODBYE_AFTER else Decision.ASK

    def asked(self, day: date) -> "Backoff":
        """Return the backoff after a question on a local date."""
        if day == self.asked_on:
            return self
        return Backoff(self.unanswered + 1, day)


# The start, to which any message of the person resets.
ANSWERED = Backoff()
