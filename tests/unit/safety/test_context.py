"""What earlier turns and a question before add to a message; they never take away."""

import pytest

from safety.screening.levels import Level
from safety.screening.screener import Screener


@pytest.mark.parametrize(
    "text",
    [
        "嗯",
        "嗯嗯",
        "对",
        "是的。",
        "有",
        "有过",
        "想过",
        "有时候",
        "嗯，是的",
        "会",
        "係",
        "有諗過",
        "yes",
        "Yeah",
        "yep.",
        "I do",
        "sometimes",
        "all the time",
        "1",
    ],
)
def test_a_bare_yes_is_the_risk_that_was_asked_about(screener: Screener, text: str) -> None:
    screening = screener.screen(text, asked="risk")
    assert screening.level == Level.ACTIVE
    assert screening.categories[0].value == "suicide"
    assert screener.screen(text).level <= Level.DISTRESS


@pytest.mark.parametrize(
    "text", ["不知道", "……", "可能吧", "不想说", "maybe", "idk", "I don't know"]
)
def test_no_answer_is_no_relief(screener: Screener, text: str) -> None:
    assert screener.screen(text, asked="risk").level == Level.PASSIVE


@pytest.mark.parametrize(
    "text", ["没有", "不会", "没有，我只是累了", "no", "not really", "你好", "今天吃了什么", "哈哈"]
)
def test_a_no_and_another_matter_add_nothing(screener: Screener, text: str) -> None:
    assert screener.screen(text, asked="risk").level <= Level.DISTRESS


@pytest.mark.parametrize(
    ("history", "text", "level"),
    [
        (["我想自杀"], "我已经站在天台上了", Level.IMMINENT),
        (["我想自杀", "你不懂"], "再见了", Level.IMMINENT),
        (["我不想活了"], "我已经决定了", Level.ACTIVE),
        (["I want to kill myself"], "I've decided", Level.ACTIVE),
        (["I want to kill myself"], "the pills in my hand", Level.IMMINENT),
        (["活着没意思"], "好绝望", Level.PASSIVE),
        (["我", "想"], "死", Level.ACTIVE),
        (["我不想"], "活了", Level.ACTIVE),
    ],
)
def test_what_went_before_raises(
    screener: Screener, history: list[str], text: str, level: Level
) -> None:
    assert screener.screen(text).level < level
    assert screener.screen(text, history).level == level


@pytest.mark.parametrize(
    ("history", "text"),
    [
        (["我想自杀"], "今天天气不错"),
        (["今天去爬山"], "再见了"),
        (["今天好累"], "好绝望"),
        (["我朋友想自杀"], "我已经决定了"),
        (["我想"], "吃火锅"),
        (["想死"], "你了"),
    ],
)
def test_what_went_before_invents_nothing(
    screener: Screener, history: list[str], text: str
) -> None:
    assert screener.screen(text, history).level == screener.screen(text).level


@pytest.mark.parametrize("text", ["我想自杀", "好绝望", "你好", "", "嗯"])
@pytest.mark.parametrize(
    "history", [[], ["我不想死"], ["没有自杀的想法", "都好了"], ["", "\ud800"]]
)
def test_history_never_lowers(screener: Screener, text: str, history: list[str]) -> None:
    alone = screener.screen(text).level
    assert screener.screen(text, history).level >= alone
    assert screener.screen(text, history, asked="risk").level >= alone


def test_an_added_match_stands_on_the_whole_message(screener: Screener) -> None:
    match = screener.screen("是的", asked="risk").matches[-1]
    assert (match.start, match.end, match.rule) == (0, 2, "context.yes_risk")
