"""Times added to and taken from those that are agreed."""

import pytest

from bot.checkins.altering import altered
from bot.checkins.reading import Change, Unclear, Why, read
from bot.checkins.schedule import EVERY_DAY, WEEKDAYS, Appointment

EIGHT, TEN = Appointment(EVERY_DAY, 480), Appointment(WEEKDAYS, 1320)


def choices(phrase: str, *present: Appointment) -> Unclear:
    found = read(phrase)
    assert isinstance(found, Change)
    return altered(found, present)


def minutes(found: Unclear) -> list[list[int]]:
    assert found.why is Why.IS_THIS
    return [[each.minute for each in choice] for choice in found.choices]


@pytest.mark.parametrize(
    ("phrase", "wanted"),
    [
        ("再加一个中午", [[480, 720, 1320]]),
        ("去掉晚上十点", [[480]]),
        ("去掉八点", [[1320]]),  # only the morning's is agreed
        ("从早上八点改成晚上九点", [[1260, 1320]]),
        ("把八点改成九点", [[540, 1320], [1260, 1320]]),
        ("改成晚上九点", [[1260]]),
        ("9pm instead of 8am", [[1260, 1320]]),
    ],
)
def test_a_change_is_offered_whole(phrase: str, wanted: list[list[int]]) -> None:
    assert minutes(choices(phrase, EIGHT, TEN)) == wanted


def test_days_are_taken_from_a_time() -> None:
    (only,) = choices("去掉周一早上八点", EIGHT).choices
    assert only == (Appointment(EVERY_DAY - {0}, 480),)


def test_what_cannot_be_done_is_asked_about() -> None:
    assert choices("去掉早上七点", EIGHT, TEN) == Unclear(Why.UNCLEAR)  # not agreed
    assert choices("去掉早上八点", EIGHT) == Unclear(Why.UNCLEAR)  # nothing would be left
    six = [Appointment(EVERY_DAY, minute) for minute in range(0, 360, 60)]
    assert choices("再加一个晚上十点", *six) == Unclear(Why.TOO_MANY)
