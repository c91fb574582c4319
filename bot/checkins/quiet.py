"""Quiet hours: when nothing is asked.

Knows nothing of schedules or storage. An appointment within quiet hours is refused when it is
made; if the hours are made later, its check-ins are skipped and noted.
"""

from dataclasses import dataclass

from bot.checkins.schedule import MINUTES_A_DAY


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet hours, which may go over midnight.

    Attributes:
        starts: the first quiet minute, local, after midnight.
        ends: the first minute that is not quiet any more; less than `starts` goes over
            midnight.
    """

    starts: int
    ends: int

    def __post_init__(self) -> None:
        if not all(0 <= minute < MINUTES_A_DAY for minute in (self.starts, self.ends)):
            raise ValueError("quiet hours need minutes from 0 to 1439")
        if self.starts == self.ends:
            raise ValueError("quiet hours of a whole day are a pause")

    def contains(self, minute: int) -> bool:
        """Whether a local minute is quiet."""
        if self.starts < self.ends:
            return self.starts <= minute < self.ends
        return minute >= self.starts or minute < self.ends
