"""The schedule of check-ins, by the person's local clock.

- An appointment is a local time and the days on which it is wanted. It has at most one
  occurrence a local date.
- As in RFC 5545, a local time that a clock change leaves out is read with the offset before it
  (02:30 becomes 03:30). Of a time that comes twice the first counts.
- A local date that does not exist (Samoa, 2011-12-30) has no occurrence.
- After a change of zone the next occurrence is the first one in the new zone, from now on,
  whose local date has not been served yet. So travel never asks twice for one date and never
  loses the next one. The key `(person, local_date, minute)` of
  `storage/checkins/occurrences.py` stops a double whatever is computed here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTES_A_DAY = 24 * 60
EVERY_DAY = frozenset(range(7))
WEEKDAYS = frozenset(range(5))
WEEKEND = frozenset((5, 6))
# An occurrence is asked up to this long after its time, and skipped later.
LATEST = timedelta(hours=2)

DAY = timedelta(days=1)
SEARCHED_DAYS = 16  # a weekly appointment whose next date does not exist, and room for the ends


@dataclass(frozen=True, slots=True)
class Appointment:
    """A local time on some days of the week.

    Attributes:
        days: 0 is Monday.
        minute: local minutes after midnight, 0 to 1439. With the person it is the key.
    """

    days: frozenset[int]
    minute: int

    def __post_init__(self) -> None:
        if not self.days or not self.days <= EVERY_DAY:
            raise ValueError("an appointment needs days from 0 to 6")
        if not 0 <= self.minute < MINUTES_A_DAY:
            raise ValueError("an appointment needs a minute from 0 to 1439")

    @property
    def mask(self) -> int:
        """The days as bits, Monday the lowest, for storage."""
        return sum(1 << day for day in self.days)

    @classmethod
    def of(cls, mask: int, minute: int) -> "Appointment":
        """Return an appointment as storage keeps it."""
        return cls(frozenset(day for day in range(7) if mask >> day & 1), minute)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that an appointment comes up.

    Attributes:
        local_date: the date that it serves. Its instant may lie on the next date, if a clock
            change moves it over midnight.
        at: the instant, in UTC.
    """

    local_date: date
    at: datetime


def merged(appointments: Iterable[Appointment]) -> tuple[Appointment, ...]:
    """Merge appointments of the same minute, and sort them."""
    days: dict[int, frozenset[int]] = {}
    for appointment in appointments:
        days[appointment.minute] = days.get(appointment.minute, frozenset()) | appointment.days
    return tuple(Appointment(days[minute], minute) for minute in sorted(days))


def local_minute(at: datetime, zone: ZoneInfo) -> int:
    """Return the local time of an instant, in minutes after midnight."""
    local = at.astimezone(zone)
    return local.hour * 60 + local.minute


def occurrence_on(appointment: Appointment, zone: ZoneInfo, day: date) -> Occurrence | None:
    """Return the occurrence that serves a local date, or None if there is none."""
    if day.weekday() not in appointment.days or not _exists(day, zone):
        return None
    return Occurrence(day, _instant(day, appointment.minute, zone))


def next_occurrence(
    appointment: Appointment, zone: ZoneInfo, after: datetime, served: date | None = None
) -> Occurrence:
    """Return the first occurrence later than an instant.

    Args:
        appointment: what was agreed.
        zone: where the person is now.
        after: an aware instant. An occurrence at this very instant is past.
        served: the latest local date that was served or skipped, in any zone. The next one is
            later.

    Raises:
        LookupError: the zone leaves out every date that would serve. No real zone does.
    """
    today = after.astimezone(zone).date()
    first = today - DAY  # a clock change may move yesterday's over midnight
    if served is not None:
        # Travel puts a served date at most one day ahead. A wrong clock recorded later ones.
        first = max(first, min(served, today + DAY) + DAY)
    for number in range(SEARCHED_DAYS):
        occurrence = occurrence_on(appointment, zone, first + number * DAY)
        if occurrence is not None and occurrence.at > after:
            return occurrence
    raise LookupError(f"no occurrence within {SEARCHED_DAYS} days")


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    # fold=0 is RFC 5545's reading: the first of two, and the offset before a gap.
    wall = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
    return wall.astimezone(UTC)


def _exists(day: date, zone: ZoneInfo) -> bool:
    """Return whether a clock in the zone ever shows this date."""
    return any(
        _instant(day, minute, zone).astimezone(zone).date() == day
        for minute in (12 * 60, 0, MINUTES_A_DAY - 1)
    )
