"""What check-ins people must get, counted by hand."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from bot.checkins.rules.schedule import Appointment
from storage.ids import CaseId

DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)
LAST = datetime.max.replace(tzinfo=UTC)


@cache
def wall(name: str, start: datetime, days: int) -> dict[tuple[date, int], datetime]:
    """What a clock on a wall shows, read every quarter of an hour; the first of two counts."""
    zone, found = ZoneInfo(name), {}
    at = start.replace(minute=0) - 3 * DAY
    while at < start + (days + 4) * DAY:
        local = at.astimezone(zone)
        found.setdefault((local.date(), local.hour * 60 + local.minute), at)
        at += QUARTER
    return found


@cache
def comes_up(
    name: str, appointment: Appointment, start: datetime, days: int
) -> list[tuple[date, datetime]]:
    """Every time that comes up, by the wall; one in a gap is as late as the gap is long."""
    shown, found = wall(name, start, days), []
    first = start.astimezone(ZoneInfo(name)).date() - DAY
    for number in range(days + 4):
        each = first + number * DAY
        if each.weekday() not in appointment.days:
            continue
        at = shown.get((each, appointment.minute))
        if at is None and (each, 720) in shown:  # the date exists, this time of it does not
            local = datetime(each.year, each.month, each.day) + timedelta(  # noqa: DTZ001
                minutes=appointment.minute
            )
            gone = timedelta(0)
            while at is None:
                gone += QUARTER
                earlier = local - gone
                at = shown.get((earlier.date(), earlier.hour * 60 + earlier.minute))
            at += gone
        if at is not None:
            found.append((each, at))
    return found


@dataclass
class Count:
    """What one person must get, counted by hand.

    Attributes:
        answers: how often they answer, 0 to 1.
        after: nothing comes up until after this instant.
        ends: what must become of each date.
        skips: dates they left out, their instants, and what was served before.
    """

    zone: str
    wanted: Appointment
    answers: float
    start: datetime
    days: int
    after: datetime
    ends: dict[date, str] = field(default_factory=dict)
    paused_until: datetime | None = None
    quiet: tuple[int, int] | None = None
    stopped: bool = False
    unanswered: int = 0
    asked_on: date | None = None
    case: CaseId | None = None
    was_held: bool = False
    served: date = date.min
    skips: list[tuple[date, datetime, date]] = field(default_factory=list)
    seen: tuple[Any, tuple[date, datetime]] | None = None

    def next(self) -> tuple[date, datetime]:
        """The next time that comes up: a date once, never one before the last."""
        key = (self.zone, self.served, self.after)
        if self.seen is None or self.seen[0] != key:
            every = comes_up(self.zone, self.wanted, self.start, self.days)
            first = bisect_right(every, (self.served, LAST))
            later = (each for each in every[first:] if each[1] > self.after)
            self.seen = (key, next(later, (date.max, LAST)))
        return self.seen[1]

    def is_due(self, now: datetime) -> bool:
        """Whether something is to be asked or left out."""
        return not self.stopped and self.next()[1] <= now

    def tick(self, now: datetime) -> list[tuple[date, bool]]:
        """What is asked at this moment, and whether with the words for after a case."""
        asked = []
        while self.is_due(now):
            day, at = self.next()
            self.served, self.after, why = day, at, self._why(day, at, now)
            if why in ("asked", "goodbye"):
                asked.append((day, self.was_held))
                self.unanswered += day != self.asked_on
                self.asked_on, self.was_held = day, False
                self.stopped = why == "goodbye"
            self.was_held = self.was_held or why == "held"
            self.ends[day] = why
        return asked

    def _why(self, day: date, at: datetime, now: datetime) -> str:
        if self.paused_until is not None and at < self.paused_until:
            return "paused"
        if self.case is not None:
            return "held"
        if now - at > timedelta(hours=2):
            return "late"
        if self._is_quiet(at) or self._is_quiet(now):
            return "quiet"
        gap = 7 if self.unanswered >= 6 else 3 if self.unanswered >= 3 else 0
        if self.asked_on is not None and abs((day - self.asked_on).days) < gap:
            return "restraint"
        # After a case the first is never a goodbye.
        return "goodbye" if self.unanswered >= 8 and not self.was_held else "asked"

    def _is_quiet(self, at: datetime) -> bool:
        if self.quiet is None:
            return False
        local = at.astimezone(ZoneInfo(self.zone))
        minute, (starts, ends) = local.hour * 60 + local.minute, self.quiet
        return minute >= starts and minute < ends if starts < ends else not ends <= minute < starts

    def skip(self, today: date) -> None:
        """The person leaves out what is still to come today."""
        day, at = self.next()
        if not self.stopped and day == today:
            self.skips.append((day, at, self.served))
            self.ends[day], self.served, self.after = "asked_for", day, at

    def go_on(self, now: datetime) -> None:
        """The person ends whatever keeps check-ins back; what they left out may still come."""
        while self.skips and self.skips[-1][1] > now:
            day, _, self.served = self.skips.pop()
            del self.ends[day]
        self.paused_until, self.stopped, self.after = None, False, now
        self.heard()

    def heard(self) -> None:
        """Whoever is heard from is not silent."""
        self.unanswered, self.asked_on = 0, None
