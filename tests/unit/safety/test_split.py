"""A sentence goes on over line ends and short messages, and two lines are not one sentence.

The rows of `split.jsonl` were written for this project and are CC0.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from safety.screening.levels import Level
from safety.screening.screener import Screener
from safety.text.sentences import read_on

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data/safety/split.jsonl").read_text().splitlines()
]
OPEN = 2
"""Rows that are not read right: a sentence in two languages, a film's title over two lines."""


def is_right(row: dict[str, Any], level: Level) -> bool:
    return row.get("min_level", 0) <= level <= row.get("max_level", Level.IMMINENT)


def test_the_rows_as_one_burst(screener: Screener) -> None:
    wrong = [r for r in ROWS if not is_right(r, screener.screen("\n".join(r["messages"])).level)]
    assert len(ROWS) == 122
    assert len(wrong) <= OPEN


def test_the_rows_as_messages_one_after_another(screener: Screener) -> None:
    def level(messages: list[str]) -> Level:
        found = (screener.screen(text, messages[:at]) for at, text in enumerate(messages))
        return max(each.level for each in found)

    assert len([row for row in ROWS if not is_right(row, level(row["messages"]))]) <= OPEN


@pytest.mark.parametrize(
    "text",
    [
        "i want to\ndie",
        "kill\nmyself",
        "end\nmy life",
        "我想\n死",
        "I want\r\nto die",
        "i want. to. die",
        "I'm going to. Take. My own life.",
        "i want to\n\n\ndie",
        "我想。去。死。",
        "i just want to hang\u2028myself",
        "wo bu xiang\nhuo le",
    ],
)
def test_a_line_end_hides_nothing(screener: Screener, text: str) -> None:
    assert screener.screen(text).level >= Level.ACTIVE


@pytest.mark.parametrize(
    "text",
    [
        "我想你了\n死党也想你",
        "that is all i want\ndie hard is on tonight",
        "今天不想去上班\n活动改到周五了",
        "I lost. Game over. Kill streak of nine though, that was a good evening",
        "想结束\n这份合同",
    ],
)
def test_two_lines_are_not_one_sentence(screener: Screener, text: str) -> None:
    assert screener.screen(text).level <= Level.DISTRESS


@pytest.mark.parametrize(
    "text",
    [
        "想死\n你知道吗",
        "没有\n我想死",
        "no\ni want to die",
        "他走了\n我想自杀",
        "no\ni want\nto die",
    ],
)
def test_what_stands_on_another_line_takes_nothing_away(screener: Screener, text: str) -> None:
    assert screener.screen(text).level >= Level.ACTIVE


def test_a_match_over_lines_says_where_it_stands(screener: Screener) -> None:
    text = "你好。\r\ni want\r\nto die, ok"
    spans = {text[m.start : m.end] for m in screener.screen(text).matches if m.level >= 3}
    assert "want\r\nto die" in spans


@pytest.mark.parametrize(
    ("surface", "smooth"),
    [
        ("我想\n死", "我想 死"),
        ("i want. to. die", "i want  to  die"),
        ("今天真的很累。\n想睡了", "今天真的很累。\n想睡了"),
        ("3.5 k.i.l.l", "3.5 k.i.l.l"),
        ("", ""),
        ("。\n", "。\n"),
    ],
)
def test_places_stay_where_they_are(surface: str, smooth: str) -> None:
    assert read_on(surface) == smooth
