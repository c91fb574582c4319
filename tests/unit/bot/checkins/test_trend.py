"""When moods fall."""

from datetime import date, timedelta

import pytest

from bot.checkins.answers.trend import by_day, is_falling


@pytest.mark.parametrize(
    ("moods", "falls"),
    [
        ([], False),
        ([1, 1], False),
        ([1, 2, 2], True),
        ([5, 5, 5, 2, 1, 2], True),
        ([3, 3, 3], False),
        ([4] * 7 + [3, 3, 3], True),
        ([4] * 7 + [3, 3, 4], False),
        ([4] * 6 + [3, 3, 3], False),
        ([2] * 7 + [3, 3, 3], False),
    ],
)
def test_falling(moods: list[int], falls: bool) -> None:
    assert is_falling(moods) is falls


DAY = date(2026, 11, 25)


def test_one_bad_day_with_three_check_ins_is_one_day() -> None:
    assert not is_falling(by_day([(DAY, 1), (DAY, 2), (DAY, 1)]))
    days = [DAY + timedelta(days=number) for number in range(3)]
    assert is_falling(by_day([(day, 2) for day in days]))
    # A day that was better in the evening is not a day of 1 or 2.
    assert not is_falling(by_day([(day, mood) for day in days for mood in (1, 5)]))


def test_three_answers_a_day_do_not_push_the_days_before_out() -> None:
    before = [(DAY + timedelta(days=number), 4) for number in range(7)]
    after = [(DAY + timedelta(days=7 + number), 3) for number in range(3) for _ in range(3)]
    assert is_falling(by_day(before + after))
    assert not is_falling(by_day(before + after[:-3]))


def test_a_fall_of_exactly_one_counts_however_means_are_rounded() -> None:
    falls = [4.2, 4.1, 4.3, 4.4, 4.0, 4.15, 4.25]
    last = sum(falls) / 7 - 1
    assert is_falling([*falls, last, last, last])
