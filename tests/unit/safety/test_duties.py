"""When a notice is due: single cases, and what holds over any way of talking."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.response.hotlines import Hotlines
from safety.response.legal_duties import (
    EXACTNESS,
    Duties,
    DutyError,
    Notice,
    Profile,
    TalkClock,
    advance,
    exact_words,
)

DUTIES = Duties.load()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAUSE = timedelta(minutes=30)
PROGRAM, REST = Notice.PROGRAM, Notice.REST
Told = list[tuple[timedelta, set[Notice]]]


def talk(
    region: str | None, minutes: list[float], age: str | None = "adult", told_at: int | None = 0
) -> Told:
    """What is told at words that come so many minutes after the start."""
    profiles = DUTIES.of_region(region)
    consented = None if told_at is None else NOON + timedelta(minutes=told_at)
    kept: TalkClock | None = None
    told: Told = []
    for minute in minutes:
        now = NOON + timedelta(minutes=minute)
        clock = DUTIES.at(kept, now, told_at=consented)
        notices = DUTIES.due(profiles, clock, age, now)
        kept = advance(clock, notices, now)
        told += [(now - NOON, set(notices))] if notices else []
    return told


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def every_half_hour(until_hours: int) -> list[float]:
    return [30.0 * number for number in range(2 * until_hours + 1)]


def test_new_york_and_california_for_adults() -> None:
    assert talk("US", every_half_hour(7)) == [(hours(3), {PROGRAM}), (hours(6), {PROGRAM})]


def test_known_minors_in_the_us_are_told_to_rest_too() -> None:
    both = {PROGRAM, REST}
    assert talk("US", every_half_hour(7), "14_17") == [(hours(3), both), (hours(6), both)]
    assert talk("US", every_half_hour(7), "unsaid") == talk("US", every_half_hour(7))


def test_china_suggests_a_break() -> None:
    assert talk("CN", every_half_hour(5)) == [(hours(2), {REST}), (hours(4), {REST})]


def test_the_union_is_satisfied_with_the_first_contact() -> None:
    assert talk("DE", every_half_hour(30)) == []
    assert talk("DE", [0, 30, 3000], told_at=None) == [(hours(0), {PROGRAM})]


@pytest.mark.parametrize("region", [None, "HK", "XX"])
def test_the_strictest_of_all_holds_where_no_law_is_known(region: str | None) -> None:
    assert not DUTIES.has_own(region)
    assert set(DUTIES.of_region(region)) == set(DUTIES.profiles.values())
    assert [told for _, told in talk(region, every_half_hour(4))] == [{REST}, {PROGRAM}, {REST}]


def test_a_pause_begins_a_new_talk() -> None:
    assert talk("CN", [0, 30, 60, 90, 121.1, 150, 180, 210, 239]) == []
    assert talk("CN", [0, 30, 60, 90, 120]) == [(hours(2), {REST})]


def test_a_new_talk_is_told_what_this_is_unless_it_was_told_today() -> None:
    assert talk("US", [0, 11.9 * 60, 12.5 * 60]) == [(hours(12.5), {PROGRAM})]
    assert talk("US", [0, 20 * 60, 20 * 60 + 10]) == [(hours(20), {PROGRAM})]


def test_nothing_is_written_within_a_minute() -> None:
    clock = DUTIES.at(None, NOON)
    soon = NOON + EXACTNESS / 2
    assert DUTIES.at(clock, soon) == clock
    assert DUTIES.at(clock, NOON + EXACTNESS).spoke_at == NOON + EXACTNESS


def test_a_clock_that_is_set_back_tells_nothing_twice() -> None:
    clock = advance(DUTIES.at(None, NOON), frozenset(Notice), NOON)
    earlier = NOON - timedelta(hours=5)
    assert not DUTIES.due(DUTIES.otherwise, DUTIES.at(clock, earlier), None, earlier)


profiles = st.sampled_from(["US", "CN", "DE", None])
gaps = st.lists(
    st.one_of(st.floats(0.01, 40), st.floats(28, 33), st.floats(0.01, 3000)),
    min_size=1,
    max_size=60,
)


def strictest(region: str | None, age: str, name: str) -> timedelta | None:
    found = [getattr(p.cadence(age), name) for p in DUTIES.of_region(region)]
    return min((each for each in found if each is not None), default=None)


@given(profiles, gaps, st.sampled_from(["adult", "14_17"]))
def test_no_interval_of_talk_passes_without_its_notice_and_none_comes_twice_within_it(
    region: str | None, between: list[float], age: str
) -> None:
    minutes = [sum(between[: number + 1]) for number in range(len(between))]
    told = dict(talk(region, minutes, age))
    for name, notice in (("tells_every", PROGRAM), ("rests_every", REST)):
        every = strictest(region, age, name)
        last = timedelta(0) if notice is PROGRAM else None  # the page of consent
        began = before = timedelta(minutes=minutes[0])
        for at in (timedelta(minutes=minute) for minute in minutes):
            if at - before > PAUSE:
                began = at
            before = at
            if notice in told.get(at, set()):
                shortest = every or DUTIES.again_after
                assert last is None or at - last >= min(shortest, DUTIES.again_after)
                last = at
            if every is not None:
                assert at - max(began, began if last is None else last) < every


def test_every_region_that_can_be_chosen_has_laws_and_the_us_has_two() -> None:
    for region in Hotlines.load().regions():
        assert DUTIES.of_region(region)
    assert {profile.key for profile in DUTIES.of_region("US")} == {"california", "new_york"}
    assert {profile.key for profile in DUTIES.of_region("CN")} == {"china"}


def test_every_law_has_a_source_and_a_day() -> None:
    for profile in DUTIES.profiles.values():
        assert profile.source
        assert profile.name_zh
        assert profile.name_en
        assert profile.read.year >= 2026


def test_only_new_york_has_words_of_its_own() -> None:
    assert exact_words(DUTIES.of_region("US")) == (
        "THE AI COMPANION IS A COMPUTER PROGRAM AND NOT A HUMAN BEING. "
        "IT IS UNABLE TO FEEL HUMAN EMOTION.",
    )
    assert exact_words(DUTIES.of_region("CN")) == ()


def row(**changes: Any) -> dict[str, Any]:
    values = {
        "name_zh": "法",
        "name_en": "law",
        "source": "s",
        "read": NOON.date(),
        "secondary": False,
        "regions": ["US"],
        "tells": "first",
        **changes,
    }
    return {key: value for key, value in values.items() if value is not None}


@pytest.mark.parametrize(
    "changes", [{"source": None}, {"tells": "never"}, {"rest_every_hours": 2}, {"tells": None}]
)
def test_a_profile_that_cannot_be_read_is_named(changes: dict[str, Any]) -> None:
    data = {
        "profiles": {"nowhere": row(**changes)},
        "otherwise": [],
        "pause_minutes": 30,
        "again_after_hours": 12,
    }
    with pytest.raises(DutyError, match="nowhere"):
        Duties.parse(data)


def test_the_rest_of_a_law_holds_for_minors_too() -> None:
    data = {
        "profiles": {"here": row(rests_every_hours=2, minors={"tells_every_hours": 1})},
        "otherwise": ["here"],
        "pause_minutes": 30,
        "again_after_hours": 12,
    }
    (here,) = Duties.parse(data).otherwise
    assert isinstance(here, Profile)
    assert here.minors.rests_every == hours(2)
    assert (here.minors.tells_every, here.adults.tells_every) == (hours(1), None)
