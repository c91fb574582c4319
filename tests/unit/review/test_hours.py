"""Hours on duty, read and written."""

import pytest

from review.access import RefusedError
from review.hours import format_hours, parse_hours
from storage.operators import Shift


def test_days_and_ranges() -> None:
    shifts = parse_hours("mon-fri 09:00-17:00; sat,sun 22:00-06:00")
    assert len(shifts) == 7
    assert Shift(0, 540, 1020) in shifts and Shift(6, 1320, 360) in shifts
    assert format_hours(shifts) == "mon-fri 09:00-17:00; sat-sun 22:00-06:00"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", ""),
        (" ; ", ""),
        ("FRI-MON 8:00 - 24:00", "mon,fri-sun 08:00-24:00"),
        ("tue 00:00-24:00; tue 00:00-24:00", "tue 00:00-24:00"),
        ("mon,wed,fri 09:00-12:00; wed 13:00-14:00", "mon,wed,fri 09:00-12:00; wed 13:00-14:00"),
    ],
)
def test_written_as_read(text: str, written: str) -> None:
    assert format_hours(parse_hours(text)) == written
    assert parse_hours(written) == parse_hours(text)


@pytest.mark.parametrize(
    "text",
    [
        "always",
        "mon 9-17",
        "mon 09:00-25:00",
        "mon 24:00-06:00",
        "mon 09:60-10:00",
        "xyz 09:00-10:00",
        "mon 09:00-09:00",
        "mon- 09:00-10:00",
        "09:00-10:00",
    ],
)
def test_what_is_no_hours(text: str) -> None:
    with pytest.raises(RefusedError, match="bad_hours"):
        parse_hours(text)
