"""What an answer about injury says: the rules' own examples, and rows that nobody tuned alone."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safety.evaluation.examples import broken
from safety.response.policy import Script, respond
from safety.screening.answer_rules import load_rules
from safety.screening.answers import Answer
from safety.screening.clauses import stands_alone
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Entry
from safety.screening.screener import Screener

DATA = Path(__file__).resolve().parents[2] / "data" / "safety"
RULES = load_rules()
QUESTIONS = {"injured", "body"}


@pytest.fixture(scope="session")
def alone() -> Screener:
    """A screener of the rules by themselves."""
    return Screener(RULES)


@pytest.mark.parametrize("entry", RULES.entries, ids=lambda entry: entry.id)
def test_examples_hold(alone: Screener, entry: Entry) -> None:
    assert entry.match
    assert entry.no_match
    assert list(broken(alone, entry)) == []


def rows(name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a file that answer the question about injury, with their numbers."""
    with (DATA / name).open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if row["asked"] in QUESTIONS:
                yield number, row


@pytest.mark.parametrize("name", ["answers-dev.jsonl", "answers-injury.jsonl"])
def test_natural_answers_are_heard(screener: Screener, name: str) -> None:
    heard, missed, quiet, raised = 0, [], 0, []
    for number, row in rows(name):
        level = screener.screen(row["text"], asked=row["asked"]).level
        if "max_level" in row or not row["min_level"]:
            quiet += 1
            if level > row.get("max_level", Level.DISTRESS):
                raised.append(number)
        else:
            heard += level >= row["min_level"]
            if level < row["min_level"]:
                missed.append(number)
    assert heard >= 0.9 * (heard + len(missed)), f"lines {missed} of {name}"
    assert len(raised) <= 0.05 * quiet, f"lines {raised} of {name}"


@pytest.mark.parametrize(
    "text",
    [
        "吃了几片药",
        "割了一下",
        "I took some pills",
        "吞了好多片",
        "我妈的降压药我吃了一板",
        "食咗成樽安眠藥",
        "有 一把药 都咽了",
        "喝了点百草枯",
        "I cut my wrist",
        "there's blood everywhere",
        "头好晕",
        "从二楼跳下来了",
        "chi le yao",
        "🩸",
        "I took 20 of them",
        "no but my arm is bleeding",
        "没什么，就是把药都吃了",
        "我也不知道为什么，今天跟他吵完就特别难受，然后把抽屉里的药都吞了，现在有点困",
        "took 了好多 pills",
        "I hanged myself but the rope broke",
        "我在天台上",
    ],
)
def test_harm_is_an_emergency_after_the_question(screener: Screener, text: str) -> None:
    screening = screener.screen(text, asked="injured")
    assert screening.level == Level.IMMINENT
    response = respond(screening)
    assert response is not None
    assert response.emergency_first


@pytest.mark.parametrize(
    "text",
    [
        "刚吃了晚饭",
        "took a shower",
        "感冒药按说明吃的",
        "I took my usual antidepressant as prescribed",
        "没吃药",
        "I haven't taken anything",
        "没有流血",
        "not bleeding",
        "吃了三个包子",
        "cut my hair",
        "我朋友吃了药睡了",
        "打了流感疫苗",
        "I had two cups of tea",
        "没受伤",
        "",
    ],
)
def test_ordinary_answers_stay_quiet(screener: Screener, text: str) -> None:
    assert screener.screen(text, asked="injured").level <= Level.DISTRESS


@pytest.mark.parametrize("text", ["吃了几片药", "I took some pills", "割了一下", "not yet"])
def test_without_the_question_nothing_is_read_into_words(screener: Screener, text: str) -> None:
    assert screener.screen(text).level <= Level.DISTRESS


def test_an_emergency_is_medical_even_beside_a_wish_to_die(screener: Screener) -> None:
    response = respond(screener.screen("我马上就去跳楼，吃了几片药", asked="injured"))
    assert response is not None
    assert response.script is Script.MEDICAL


def test_a_match_points_at_its_words(screener: Screener) -> None:
    text = "没什么大事，就是吞了点药"
    places = [
        text[m.start : m.end]
        for m in screener.screen(text, asked="injured").matches
        if m.category is Category.MEDICAL
    ]
    assert "吞了点药" in places


def test_a_changed_lexicon_still_hears_answers(screener: Screener) -> None:
    changed = screener.with_lexicon(screener.lexicon)
    assert changed.screen("吃了几片药", asked="injured").level == Level.IMMINENT


def test_a_small_injury_is_a_yes(screener: Screener) -> None:
    assert screener.screen("用拳头砸墙了，手肿了", asked="injured").answer is Answer.YES
    assert screener.screen("药倒出来了，还没吃", asked="injured").answer is Answer.NO
    assert screener.screen("没有", asked="injured").answer is Answer.NO


@pytest.mark.parametrize("piece", ["吃了药", "我吃了", "took a lot of ", "没 ", "有，", "i "])
def test_a_long_answer_costs_no_more_than_its_length(screener: Screener, piece: str) -> None:
    def cost(length: int) -> float:
        text = (piece * length)[:length]
        began = time.process_time()
        screener.screen(text, asked="injured")
        return time.process_time() - began

    cost(2_000)
    assert cost(16_000) < 40 * max(cost(2_000), 0.02)  # quadratic would be 64 times


@pytest.mark.parametrize(
    ("text", "words", "fills"),
    [
        ("吃了", "吃了", True),
        ("我刚吃了 后悔了", "吃了", True),
        ("吃了两碗饭", "吃了", False),
        ("yeah, already did it.", "did it", True),
        ("i did it for fun", "did it", False),
        ("不对,吃了啊", "吃了", True),
        ("我" * 60 + "吃了", "吃了", False),
    ],
)
def test_what_fills_its_clause(text: str, words: str, fills: bool) -> None:
    start = text.index(words)
    assert stands_alone(text, start, start + len(words)) is fills
