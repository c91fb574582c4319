"""When the next check-in is due: clock changes of every zone, skipped dates, travel."""

import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.checkins.rules.schedule import (
    EVERY_DAY,
    WEEKDAYS,
    Appointment,
    Occurrence,
    merged,
    next_occurrence,
    occurrence_on,
)

DAY = timedelta(days=1)
ZONES = sorted(available_timezones())
YEARS = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC))
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def run(appointment: Appointment, zone: ZoneInfo, after: datetime, number: int) -> list[Occurrence]:
    found: list[Occurrence] = []
    for _ in range(number):
        found.append(next_occurrence(appointment, zone, after))
        after = found[-1].at
    return found


@cache
def transitions(name: str) -> tuple[datetime, ...]:
    """The instants at which the offset of a zone changes within ten years."""
    zone, found = ZoneInfo(name), []
    step = timedelta(days=14)
    start = YEARS[0]
    while start < YEARS[1]:
        low, high = start, start + step
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high.replace(second=0, microsecond=0))
        start += step
    return tuple(found)


def wall_minutes(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, int]]:
    """Every minute that a clock on the wall shows, with its instant: the independent count."""
    instant = start
    while instant < end:
        local = instant.astimezone(zone)
        yield instant, local.hour * 60 + local.minute
        instant += timedelta(minutes=5)


def test_every_change_of_the_next_ten_years_in_every_zone() -> None:
    """By offsets alone: the first of two, the offset before a gap, one a date."""
    checked = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        for change in transitions(name):
            before = (change - timedelta(seconds=1)).astimezone(zone).utcoffset()
            after = change.astimezone(zone).utcoffset()
            assert before is not None
            assert after is not None
            shift = after - before
            # The wall minutes that are left out or come twice, and one on either side.
            edge = (change + min(before, after)).replace(tzinfo=None)
            for minutes in (-5, 0, abs(shift).seconds // 120, abs(shift).seconds // 60):
                wall = edge + timedelta(minutes=minutes)
                expected = (wall - before).replace(tzinfo=UTC)
                if minutes == abs(shift).seconds // 60:
                    expected = (wall - after).replace(tzinfo=UTC)
                appointment = Appointment(EVERY_DAY, wall.hour * 60 + wall.minute)
                found = run(appointment, zone, expected - 3 * DAY, 6)
                assert Occurrence(wall.date(), expected) in found, (name, wall)
                dates = [each.local_date for each in found]
                assert dates == [dates[0] + number * DAY for number in range(6)], (name, wall)
                assert all(a.at < b.at for a, b in itertools.pairwise(found))
                checked += 1
    assert checked > 10_000


@pytest.mark.parametrize("name", ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_a_wall_clock_read_minute_by_minute_agrees(name: str) -> None:
    zone = ZoneInfo(name)
    for change in transitions(name)[:4]:
        start, end = change - 2 * DAY, change + 2 * DAY
        first: dict[tuple[date, int], datetime] = {}
        for instant, minute in wall_minutes(zone, start, end):
            first.setdefault((instant.astimezone(zone).date(), minute), instant)
        for minute in range(0, 1440, 30):
            for found in run(Appointment(EVERY_DAY, minute), zone, start, 2):
                shown = first.get((found.local_date, minute))
                if shown is not None:
                    assert found.at == shown
                else:  # left out by the change: later by just the gap
                    local = found.at.astimezone(zone)
                    assert 0 < local.hour * 60 + local.minute - minute <= 60


def test_a_time_that_is_left_out_is_read_with_the_offset_before_it() -> None:
    found = occurrence_on(Appointment(EVERY_DAY, 150), NEW_YORK, date(2026, 3, 8))
    assert found == Occurrence(date(2026, 3, 8), at("2026-03-08T03:30-04:00"))


def test_of_a_time_that_comes_twice_the_first_counts_and_no_second_one_comes() -> None:
    found = run(Appointment(EVERY_DAY, 90), NEW_YORK, at("2026-10-31T12:00-04:00"), 2)
    assert found == [
        Occurrence(date(2026, 11, 1), at("2026-11-01T01:30-04:00")),
        Occurrence(date(2026, 11, 2), at("2026-11-02T01:30-05:00")),
    ]


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("Pacific/Apia", date(2011, 12, 30)),
        ("Pacific/Fakaofo", date(2011, 12, 30)),
        ("Pacific/Kwajalein", date(1993, 8, 21)),
        ("Pacific/Kiritimati", date(1994, 12, 31)),
    ],
)
@pytest.mark.parametrize("minute", [0, 480, 1439])
def test_a_date_that_does_not_exist_has_none(name: str, missing: date, minute: int) -> None:
    zone = ZoneInfo(name)
    assert occurrence_on(Appointment(EVERY_DAY, minute), zone, missing) is None
    start = datetime.combine(missing - 2 * DAY, datetime.min.time(), tzinfo=zone) - 2 * DAY
    dates = [each.local_date for each in run(Appointment(EVERY_DAY, minute), zone, start, 5)]
    assert missing not in dates
    assert {missing - DAY, missing + DAY} <= set(dates)
    weekly = Appointment(frozenset((missing.weekday(),)), minute)
    found = next_occurrence(weekly, zone, start)
    assert found.local_date == missing + 7 * DAY


def test_leap_days_count() -> None:
    found = run(Appointment(EVERY_DAY, 480), SHANGHAI, at("2028-02-28T00:00+08:00"), 3)
    assert [each.local_date.isoformat() for each in found] == [
        "2028-02-28",
        "2028-02-29",
        "2028-03-01",
    ]


def test_days_of_the_week_are_local() -> None:
    found = run(Appointment(WEEKDAYS, 30), SHANGHAI, at("2026-01-02T12:00+08:00"), 2)
    assert [each.local_date.isoformat() for each in found] == ["2026-01-05", "2026-01-06"]


def test_going_west_does_not_ask_twice_for_a_date() -> None:
    morning = Appointment(EVERY_DAY, 480)
    monday = next_occurrence(morning, SHANGHAI, at("2026-01-05T00:00+08:00"))
    found = next_occurrence(morning, NEW_YORK, monday.at, served=monday.local_date)
    assert found == Occurrence(date(2026, 1, 6), at("2026-01-06T08:00-05:00"))


def test_going_east_loses_no_next_one() -> None:
    morning = Appointment(EVERY_DAY, 480)
    monday = next_occurrence(morning, NEW_YORK, at("2026-01-05T00:00-05:00"))
    found = next_occurrence(morning, SHANGHAI, monday.at, served=monday.local_date)
    assert found == Occurrence(date(2026, 1, 6), at("2026-01-06T08:00+08:00"))


def test_over_the_date_line_backwards_a_served_date_is_not_asked_again() -> None:
    apia, pago = ZoneInfo("Pacific/Apia"), ZoneInfo("Pacific/Pago_Pago")
    morning = Appointment(EVERY_DAY, 480)
    tuesday = next_occurrence(morning, apia, at("2026-01-06T00:00+13:00"))
    found = next_occurrence(morning, pago, tuesday.at, served=tuesday.local_date)
    assert found.local_date == date(2026, 1, 7)


def test_a_served_date_of_a_wrong_clock_does_not_end_the_schedule() -> None:
    found = next_occurrence(
        Appointment(EVERY_DAY, 480), SHANGHAI, at("2026-01-05T12:00+08:00"), date(2046, 1, 1)
    )
    assert found.local_date == date(2026, 1, 7)


def test_days_of_the_same_time_are_joined() -> None:
    assert merged(
        [
            Appointment(frozenset((5,)), 480),
            Appointment(frozenset((0,)), 540),
            Appointment(WEEKDAYS, 480),
        ]
    ) == (Appointment(WEEKDAYS | {5}, 480), Appointment(frozenset((0,)), 540))
    assert Appointment.of(Appointment(WEEKDAYS, 7).mask, 7) == Appointment(WEEKDAYS, 7)


@pytest.mark.parametrize(("days", "minute"), [([], 1), ([7], 1), ([0], -1), ([0], 1440)])
def test_no_appointment_without_a_day_or_a_time(days: list[int], minute: int) -> None:
    with pytest.raises(ValueError, match="appointment"):
        Appointment(frozenset(days), minute)


days_of_week = st.frozensets(st.integers(0, 6), min_size=1)
instants = st.integers(0, 50 * 365 * 24 * 60).map(
    lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
zones = st.sampled_from(ZONES)


@given(days_of_week, st.integers(0, 1439), zones, instants)
@settings(deadline=None, max_examples=150)
def test_occurrences_grow_and_serve_each_date_once(
    days: frozenset[int], minute: int, name: str, start: datetime
) -> None:
    appointment, zone = Appointment(days, minute), ZoneInfo(name)
    found = run(appointment, zone, start, 12)
    assert all(a.at < b.at and a.local_date < b.local_date for a, b in itertools.pairwise(found))
    assert all(each.local_date.weekday() in days for each in found)
    assert found[0].at > start


@given(
    days_of_week,
    st.integers(0, 1439),
    instants,
    st.lists(st.tuples(zones, st.integers(0, 60 * 24 * 4)), min_size=2, max_size=12),
)
@settings(deadline=None, max_examples=150)
def test_travel_never_doubles_a_date_nor_stands_still(
    days: frozenset[int], minute: int, start: datetime, journey: list[tuple[str, int]]
) -> None:
    appointment, now, served = Appointment(days, minute), start, None
    dates = []
    for name, minutes in journey:
        zone, until = ZoneInfo(name), now + timedelta(minutes=minutes)
        while True:
            following = next_occurrence(appointment, zone, now, served)
            assert following.at - now < timedelta(days=16)
            if following.at > until:
                break
            dates.append(following.local_date)
            now, served = following.at, following.local_date
        now = until
    assert len(dates) == len(set(dates))
    assert dates == sorted(dates)
