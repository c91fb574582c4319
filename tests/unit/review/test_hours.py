"""Hours on duty, read and written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from review.operators.duty_hours import HoursError, format_hours, parse_hours
from storage.review.operators import Shift

shifts = st.builds(
    Shift, st.integers(0, 6), st.integers(0, 24 * 60 - 1), st.integers(0, 24 * 60)
).filter(lambda shift: shift.starts_min != shift.ends_min)


@given(st.lists(shifts, min_size=1, max_size=20, unique=True))
def test_what_is_written_is_read_again(hours: list[Shift]) -> None:
    assert set(parse_hours(format_hours(hours))) == set(hours)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("mon-fri 09:00-17:00; sat,sun 22:00-06:00", "mon-fri 09:00-17:00; sat,sun 22:00-06:00"),
        ("Friday-Monday 8:05 - 24:00", "mon,fri-sun 08:05-24:00"),
        ("tue 00:00-24:00;", "tue 00:00-24:00"),
        ("mon 09:00-10:00; mon 09:00-10:00", "mon 09:00-10:00"),
    ],
)
def test_forms(text: str, written: str) -> None:
    assert format_hours(parse_hours(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "mon",
        "09:00-17:00",
        "mon 9-17",
        "mon 25:00-26:00",
        "mon 09:60-10:00",
        "mon 24:00-06:00",
        "mon 09:00-09:00",
        "xyz 09:00-17:00",
        "mon-xyz 09:00-17:00",
        "mon 09:00-24:01",
        ", 09:00-10:00",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(HoursError):
        parse_hours(text)


def test_no_hours_are_written_as_nothing() -> None:
    assert format_hours([]) == ""
