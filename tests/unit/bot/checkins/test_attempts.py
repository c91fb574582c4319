"""Which words get a question again."""

import pytest

from bot.checkins.attempts import is_about_place, is_about_time


@pytest.mark.parametrize(
    "text",
    [
        "8ish",
        "8点多",
        "三天吧，大概",
        "到周五",
        "3d",
        "22:00 8:00",
        "after 8",
        "周三三次",
        "3 or 4 days",
    ],
)
def test_hardly_more_than_a_time_is_an_attempt(text: str) -> None:
    assert is_about_time(text)


@pytest.mark.parametrize(
    "text",
    ["我三天没睡了", "5555", "八年了", "在一起五个月", "~", "或者", "8小时没吃饭", "120", "hello",
     "one day at a time", "快3点了", "For the past month", "我想了一个晚上"],
)  # fmt: skip
def test_life_is_none(text: str) -> None:
    assert not is_about_time(text)


@pytest.mark.parametrize(
    "text", ["不是上海", "比北京晚一小时", "凤凰县", "I'm in Kilkenny", "Knoxville", "near London"]
)
def test_another_way_to_name_a_place_is_an_attempt(text: str) -> None:
    assert is_about_place(text)


@pytest.mark.parametrize(
    "text",
    ["头晕", "Nervous", "Help", "崩溃", "在医院", "I'm in Pain", "我太原谅他了", "我在北京很累",
     "I live in Hell", "David", "情绪低落"],
)  # fmt: skip
def test_a_bare_word_is_no_place(text: str) -> None:
    assert not is_about_place(text)
