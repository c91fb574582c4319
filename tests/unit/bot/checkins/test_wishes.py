"""Stop, pause, skip today, go on: in plain words."""

import pytest

from bot.checkins.language.request_phrases import Pause, Request, read, read_length

WISHES = {
    Request.STOP: "stop|Stop.|停|停止|取消|别问了|不要再问我了|別再問我|关掉吧"
    "|退订|取消每日问候|我想停止|stop asking me"
    "|please stop|no more check-ins please|turn it off|don't ask me anymore|unsubscribe|不用再来问"
    "|don't text me anymore|以后不要给我发消息了|把提醒关掉|好的，那就停吧|turn off the check-ins",
    Request.SKIP_TODAY: "今天不用了|今天别问|今天跳过|跳过今天|今天算了|今晚别问我"
    "|skip today|not today|Skip it for today"
    "|no check-in today|今天休息|don't ask me today|stop for today",
    Request.RESUME: "继续|恢复|重新开始|繼續|resume|start again|continue|取消暂停|turn it back on"
    "|今天还是问我吧|今天照常问我|取消跳过|别跳过今天了|ask me today after all|don't skip today",
    Request.PAUSE_HOW_LONG: "暂停|先别问我|暂时别问|pause|take a break this week|snooze"
    "|明天别问|这周别问了|周末别问我|pause until monday",
}


@pytest.mark.parametrize(
    ("text", "wish"),
    [(text, wish) for wish, texts in WISHES.items() for text in texts.split("|")],
)
def test_a_wish_is_understood(text: str, wish: Request) -> None:
    assert read(text) == wish


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("pause for a week", 7),
        ("暂停三天", 3),
        ("暫停兩週", 14),
        ("三天别问我", 3),
        ("暂停１０天", 10),
        ("pause for 2 weeks", 14),
        ("一周内别打扰我", 7),
        ("休息半个月", 15),
        ("pause a couple of days", 2),
        ("leave me alone for three days", 3),
        ("暂停一个星期", 7),
        ("pause for a month", 30),
        ("停三天", 3),
        ("stop for a week", 7),
        ("暂停一个半月", 45),
        ("暂停一周半", 10),
    ],
)
def test_a_pause_has_a_length(text: str, days: int) -> None:
    assert read(text) == Pause(days)


@pytest.mark.parametrize(
    "text",
    [
        "不要停",
        "don't stop",
        "别取消",
        "how are you",
        "我不想活了",
        "今天很累",
        "每天早上八点",
        "I can't stop crying",
        "今天还是很难受",
        "今天还是这样",
        "I cried today after all",
        "don't skip meals",
        "stopped by a friend",
        "never stop asking",
    ],
)
def test_other_words_are_no_wish(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize("text", ["暂停0天", "pause for 900 days"])
def test_no_pause_is_without_length_or_end(text: str) -> None:
    assert read(text) is Request.PAUSE_HOW_LONG


@pytest.mark.parametrize(
    "text",
    [
        "停",
        "停止",
        "stop",
        "以后别再问我了",
        "停止问候",
        "no more check-ins",
        "今天别问我",
        "跳过今天",
        "暂停三天",
        "pause for a week",
        "暂停",
        "三天别问我",
    ],
)
def test_what_is_unmistakable_counts_in_answer_to_a_check_in(text: str) -> None:
    assert read(text, is_plain=True) == read(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "今天休息",
        "今天算了",
        "别问了",
        "别问我",
        "don't ask",
        "not today",
        "nothing today",
        "off",
        "我想停止",
        "I want to stop",
        "stop it",
        "休息三天",
        "继续",
        "别烦我",
        "停了",
        "take a break this week",
    ],
)
def test_what_may_say_how_someone_is_does_not(text: str) -> None:
    assert read(text, is_plain=True) is None


@pytest.mark.parametrize(
    "text",
    ["我想重新开始", "I want to continue", "晚上十点到早上七点别打扰我", "10pm to 7am don't ask"],
)
def test_more_than_a_wish_is_none(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("三天", 3),
        ("两周吧", 14),
        ("大概一个月", 30),
        ("for 2 weeks", 14),
        ("3 days please", 3),
        ("我三天没睡了", None),
        ("七天了", None),
        ("3", None),
        ("one more day", None),
    ],
)
def test_how_long_a_pause_is_to_be(text: str, days: int | None) -> None:
    assert read_length(text) == (Pause(days) if days else None)
