"""Quiet hours, in which nothing is asked.

An appointment within them is refused. If the hours are set later, they silence it.
"""

from dataclasses import dataclass

from bot.checkins.rules.schedule import MINUTES_A_DAY


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet hours, which may go over midnight.

    Attributes:
        starts: the first quiet local minute after midnight.
        ends: the first minute that is not quiet. If less than `starts`, midnight lies between.
    """

    starts: int
    ends: int

    def __post_init__(self) -> None:
        if not all(0 <= minute < MINUTES_A_DAY for minute in (self.starts, self.ends)):
            raise ValueError("quiet hours need minutes from 0 to 1439")
        if self.starts == self.ends:
            raise ValueError("quiet hours of a whole day are a pause")

    def contains(self, minute: int) -> bool:
        """Return whether a local minute is quiet."""
        if self.starts < self.ends:
            return self.starts <= minute < self.ends
        return minute >= self.starts or minute < self.ends
