"""Which occurrence is asked, which is left out, and why; quiet hours; pace."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.checkins.rules.backoff import Backoff, Decision
from bot.checkins.rules.decision import NOTED, DecisionContext, SkipReason, decide, decide_due
from bot.checkins.rules.pace import A_SECOND, PLACES, SendPace, is_crowded, stable_rank
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import (
    EVERY_DAY,
    LATEST,
    Appointment,
    local_minute,
    next_occurrence,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = Appointment(EVERY_DAY, 480)
START = datetime(2026, 1, 4, 12, tzinfo=UTC)
FIRST = next_occurrence(MORNING, SHANGHAI, START)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def state(
    *,
    quiet: QuietHours | None = None,
    paused_until_at: datetime | None = None,
    backoff: Backoff | None = None,
    is_held: bool = False,
    was_held: bool = False,
) -> DecisionContext:
    return DecisionContext(
        SHANGHAI, quiet, paused_until_at, backoff or Backoff(), is_held, was_held=was_held
    )


def test_up_to_two_hours_late_it_is_asked() -> None:
    assert decide(FIRST, state(), FIRST.at) is Decision.ASK
    assert decide(FIRST, state(), FIRST.at + LATEST) is Decision.ASK
    assert decide(FIRST, state(), FIRST.at + LATEST + MINUTE) is SkipReason.LATE


def test_what_would_wake_somebody_is_left_out() -> None:
    assert decide(FIRST, state(quiet=QuietHours(22 * 60, 481)), FIRST.at) is SkipReason.QUIET
    assert decide(FIRST, state(quiet=QuietHours(22 * 60, 480)), FIRST.at) is Decision.ASK
    soon = QuietHours(490, 600)  # caught up late, it would fall into them
    assert decide(FIRST, state(quiet=soon), FIRST.at) is Decision.ASK
    assert decide(FIRST, state(quiet=soon), FIRST.at + 10 * MINUTE) is SkipReason.QUIET


def test_a_pause_a_case_and_silence_leave_out() -> None:
    assert decide(FIRST, state(paused_until_at=FIRST.at + MINUTE), FIRST.at) is SkipReason.PAUSED
    assert decide(FIRST, state(paused_until_at=FIRST.at), FIRST.at) is Decision.ASK
    assert decide(FIRST, state(is_held=True), FIRST.at + DAY) is SkipReason.HELD
    backed = Backoff(3, FIRST.local_date - DAY)
    assert decide(FIRST, state(backoff=backed), FIRST.at) is SkipReason.RESTRAINT
    silent = Backoff(8, FIRST.local_date - 7 * DAY)
    assert decide(FIRST, state(backoff=silent), FIRST.at) is Decision.GOODBYE
    assert decide(FIRST, state(backoff=silent, was_held=True), FIRST.at) is Decision.ASK


def test_every_date_that_was_missed_is_noted_and_the_last_is_asked() -> None:
    found = decide_due(MORNING, FIRST, state(), FIRST.at + 3 * DAY + MINUTE)
    assert [(each.local_date.day, why) for each, why in found.skipped] == [
        (5, SkipReason.LATE),
        (6, SkipReason.LATE),
        (7, SkipReason.LATE),
    ]
    assert found.asked is not None
    assert (found.asked.local_date, found.following.local_date) == (
        date(2026, 1, 8),
        date(2026, 1, 9),
    )


def test_years_that_were_missed_are_not_noted_day_by_day() -> None:
    found = decide_due(MORNING, FIRST, state(), FIRST.at + 4000 * DAY + 12 * 60 * MINUTE)
    assert len(found.skipped) == NOTED.days + 1 - 1
    assert found.asked is None
    assert found.following.at > FIRST.at + 4000 * DAY


@given(
    st.sampled_from(["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.integers(0, 1439),
    st.integers(0, 3650 * 1440),
    st.integers(0, 119),
)
@settings(deadline=None)
def test_nobody_is_asked_within_quiet_hours(
    name: str, minute: int, starts: int, ends: int, since: int, late: int
) -> None:
    if starts == ends:
        return
    zone, quiet = ZoneInfo(name), QuietHours(starts, ends)
    start = START + timedelta(minutes=since)
    due = next_occurrence(Appointment(EVERY_DAY, minute), zone, start)
    now = due.at + timedelta(minutes=late)
    found = decide(due, DecisionContext(zone, quiet, None, Backoff(), is_held=False), now)
    is_quiet = quiet.contains(local_minute(now, zone)) or quiet.contains(local_minute(due.at, zone))
    assert (found is SkipReason.QUIET) == is_quiet


@pytest.mark.parametrize(
    ("minute", "is_quiet"), [(1319, False), (1320, True), (0, True), (419, True), (420, False)]
)
def test_quiet_hours_go_over_midnight(minute: int, *, is_quiet: bool) -> None:
    assert QuietHours(22 * 60, 7 * 60).contains(minute) is is_quiet


@pytest.mark.parametrize(("starts", "ends"), [(1, 1), (-1, 5), (5, 1440)])
def test_no_quiet_hours_without_an_end(starts: int, ends: int) -> None:
    with pytest.raises(ValueError, match="quiet hours"):
        QuietHours(starts, ends)


def test_no_second_has_more_than_twenty() -> None:
    pace, now, taken = SendPace(), 0.0, []
    for _ in range(205):
        now += pace.wait_s(now)
        pace.take(now)
        taken.append(now)
        now += 0.003
    for number in range(A_SECOND, len(taken)):
        assert taken[number] - taken[number - A_SECOND] > 0.999
    assert taken[-1] < 205 / A_SECOND


def test_a_crowded_minute_is_spread_evenly_whoever_came_first() -> None:
    assert (is_crowded(1200), is_crowded(1201)) == (False, True)
    places = [stable_rank(person, 540) for person in range(10_000)]
    assert 0 <= min(places) < max(places) < PLACES
    by_tenth = [sum(each * 10 // PLACES == tenth for each in places) for tenth in range(10)]
    assert max(by_tenth) - min(by_tenth) < 300
    early = sum(each < PLACES // 2 for each in places[:1000])
    assert 400 < early < 600  # who signed up first does not stand in front


@pytest.mark.parametrize(("person", "minute", "at"), [(1, 540, 958), (2**62, 1439, 266)])
def test_the_place_in_a_minute_outlives_restarts(person: int, minute: int, at: int) -> None:
    """It is stored with the appointment, and must not change with the process."""
    assert stable_rank(person, minute) == at
