"""Quiet hours in plain words."""

import pytest

from bot.checkins.language.quiet_phrases import is_none, read, says_not_to_ask


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("22:00 到 8:00", "1320-480"),
        ("晚上十点到早上七点", "1320-420"),
        ("晚上十点到早上七点别打扰我", "1320-420"),
        ("10pm to 7am", "1320-420"),
        ("10pm to 7am please don't ask", "1320-420"),
        ("23:30-7:15", "1410-435"),
        ("10pm until 8", "1320-480"),
        ("22 to 8", "1320-480"),
        ("midnight to 8am", "0-480"),
        ("from 10 in the evening to 7 in the morning", "1320-420"),
        ("between 10pm and 7am", "1320-420"),
        ("10点到明早7点", "1320-420"),
        ("晚上11点到第二天早上7点", "1380-420"),
        ("每天晚上十点到早上七点", "1320-420"),
        ("十点到七点", "1320-420 600-1140"),  # both are nine hours long
        ("下午两点到四点", "840-240 840-960"),
        ("22:00", ""),
        ("别打扰我", ""),
        ("22:00 到 22:00", ""),
        ("周末晚上十点到早上七点", ""),  # quiet hours are of every day
        ("晚上十点到早上七点一直醒着", ""),
        ("从晚上十点哭到早上七点", ""),
        ("I was awake from 10pm to 7am", ""),
        ("晚上早上十点到七点", ""),
    ],
)
def test_hours_are_read_or_left(text: str, hours: str) -> None:
    assert " ".join(f"{each.starts}-{each.ends}" for each in read(text)) == hours


def test_no_quiet_hours_can_be_wanted() -> None:
    assert all(map(is_none, ("不需要", "没有", "None.", "no quiet hours", "不用了")))
    assert not any(map(is_none, ("没有人懂我", "no one", "nothing matters", "不用管我")))
    assert says_not_to_ask("晚上十点到早上七点别打扰我")
    assert not says_not_to_ask("晚上十点到早上七点")
