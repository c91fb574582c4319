"""How silence backs check-ins off: as agreed, every third day, weekly, goodbye.

Knows nothing of storage, of words, or of why somebody is silent. It counts days on which a
person was asked and gave no sign of life, so that three appointments on one day are one silence.
Whatever they send sets it back to the start (`signs.py`).

| unanswered days | what follows |
|---|---|
| 0 to 2 | as agreed |
| 3 to 5 | at most every third day, once a day |
| 6, 7 | at most once a week |
| 8 | one goodbye, a week later, with a way back; then nothing |

For somebody who is asked daily that is a goodbye on the 33rd day.
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
# From so many unanswered days on, at least so many days lie between two questions.
EVERY_DAYS = ((6, 7), (3, 3))


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a person has been silent.

    Attributes:
        unanswered: days on which they were asked since their last answer.
        asked_on: the local date of the last question since then; None: none.
    """

    unanswered: int = 0
    asked_on: date | None = None

    @property
    def every_days(self) -> int:
        """Days that lie between two questions at least; 0: as agreed."""
        return next((days for since, days in EVERY_DAYS if self.unanswered >= since), 0)

    def decide(self, day: date, *, was_held: bool = False) -> Decision:
        """What to do with the occurrence of a local date.

        Args:
            day: the date.
            was_held: a case held check-ins, and nothing was asked since: then no goodbye comes
                first, whatever silence there was.
        """
        if self.asked_on is not None and abs((day - self.asked_on).days) < self.every_days:
            return Decision.SKIP
        if was_held:
            return Decision.ASK
        return Decision.GOODBYE if self.unanswered >= GOODBYE_AFTER else Decision.ASK

    def asked(self, day: date) -> "Backoff":
        """After a question on a local date."""
        if day == self.asked_on:
            return self
        return Backoff(self.unanswered + 1, day)


# Where everybody starts, and where any sign of life leads back to.
ANSWERED = Backoff()
