"""Stop, pause, skip today, go on: in plain words."""

import pytest

from bot.checkins.wishes import Pause, Wish, read

WISHES = {
    Wish.STOP: "stop|Stop.|停|停止|取消|别问了|不要再问我了|別再問我|关掉吧"
    "|退订|取消每日问候|我想停止|stop asking me"
    "|please stop|no more check-ins please|turn it off|don't ask me anymore|unsubscribe|不用再来问",
    Wish.SKIP_TODAY: "今天不用了|今天别问|今天跳过|跳过今天|今天算了|今晚别问我"
    "|skip today|not today|Skip it for today"
    "|no check-in today|今天休息|don't ask me today",
    Wish.RESUME: "继续|恢复|重新开始|繼續|resume|start again|continue|取消暂停|turn it back on",
    Wish.PAUSE_HOW_LONG: "暂停|先别问我|暂时别问|pause|take a break this week|snooze",
}


@pytest.mark.parametrize(
    ("text", "wish"),
    [(text, wish) for wish, texts in WISHES.items() for text in texts.split("|")],
)
def test_a_wish_is_understood(text: str, wish: Wish) -> None:
    assert read(text) == wish


@pytest.mark.parametrize(
    ("text", "days"),
    [("pause for a week", 7), ("暂停三天", 3), ("暫停兩週", 14), ("三天别问我", 3),
     ("暂停１０天", 10),
     ("pause for 2 weeks", 14), ("一周内别打扰我", 7), ("休息半个月", 15),
     ("pause a couple of days", 2),
     ("leave me alone for three days", 3), ("暂停一个星期", 7), ("pause for a month", 30)],
)  # fmt: skip
def test_a_pause_has_a_length(text: str, days: int) -> None:
    assert read(text) == Pause(days)


@pytest.mark.parametrize(
    "text",
    ["不要停", "don't stop", "别取消", "how are you", "我不想活了", "今天很累", "每天早上八点",
     "I can't stop crying", "stopped by a friend", "never stop asking"],
)  # fmt: skip
def test_other_words_are_no_wish(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["暂停0天", "pause for 900 days"])
def test_no_pause_is_without_length_or_end(text: str) -> None:
    assert read(text) is Wish.PAUSE_HOW_LONG
