"""Answers in the light of their questions: the rules' examples, and rows that bound the misses."""

import json
from pathlib import Path
from typing import Any

import pytest

from safety.evaluation.answers import answer_figures, message_figures
from safety.response import script
from safety.response.policy import Script
from safety.screening.answers import (
    LATER,
    Answer,
    AnswerRule,
    TellingRule,
    all_questions,
    answer_rules,
    read,
    telling_rules,
    told,
)
from safety.screening.levels import Level
from safety.screening.screener import Screener
from safety.text.normalise import normalise

DATA = Path(__file__).resolve().parents[2] / "data" / "safety"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def test_every_question_of_the_scripts_is_read() -> None:
    asked = {question.name for name in Script for question in script.questions(name)}
    assert asked == set(all_questions())


@pytest.mark.parametrize("rule", answer_rules(), ids=lambda rule: f"{rule.answer}-{rule.match[0]}")
def test_examples_of_bare_answers_hold(rule: AnswerRule) -> None:
    question = min(rule.asked - {"none"}, default=None)
    for text in rule.match:
        assert rule.reads(normalise(text).surface.replace("'", ""), question), text
        assert read(normalise(text).surface, question).answer is rule.answer, text
    for text in rule.no_match:
        assert not rule.reads(normalise(text).surface.replace("'", ""), question), text


@pytest.mark.parametrize("rule", telling_rules(), ids=lambda rule: str(rule.match[0]))
def test_examples_of_what_is_told_in_passing_hold(rule: TellingRule) -> None:
    for text in rule.match:
        assert rule.tells.items() <= told(normalise(text).surface).items(), text
    for text in rule.no_match:
        assert not rule.tells.items() <= told(normalise(text).surface).items(), text


# The model learnt the first file, and its bound guards the rules around it. It saw no other.
@pytest.mark.parametrize(
    ("name", "right", "below"),
    [
        ("answers-dev.jsonl", 0.97, 0.02),
        ("answers-fresh.jsonl", 0.88, 0.05),
        ("answers-injury.jsonl", 0.88, 0.05),
        ("answers-outside.jsonl", 0.9, 0.02),
    ],
)
def test_most_answers_are_read_right(
    screener: Screener, name: str, right: float, below: float
) -> None:
    given = rows(name)
    read_right, under, quiet, raised, missed = 0, [], 0, [], 0
    for number, row in enumerate(given, 1):
        screening = screener.screen(row["text"], asked=row["asked"])
        read_right += screening.answer == row["answer"]
        if screening.level < row.get("min_level", Level.NONE):
            under.append(number)
            missed += (row["asked"], row["answer"]) == ("injured", "yes")
        if "max_level" in row:
            quiet += 1
            raised += [number] if screening.level >= Level.ACTIVE else []
    assert read_right >= right * len(given)
    assert len(under) <= below * len(given), f"lines {under} of {name}"
    assert len(raised) <= max(1, 0.05 * quiet), f"lines {raised} of {name}"
    assert missed <= 1


@pytest.mark.parametrize(
    ("asked", "text", "answer", "level"),
    [
        ("means", "桌上还有半瓶", Answer.YES, Level.PASSIVE),
        ("means", "我拿着刀", Answer.YES, Level.ACTIVE),
        ("means", "just my phone and a book", Answer.NO, Level.NONE),
        ("company", "my mum's next door", Answer.YES, Level.NONE),
        ("company", "没有人，我一个人住", Answer.NO, Level.NONE),
        ("injured", "没有受伤，头有点晕", Answer.NO, Level.NONE),
        ("injured", "没有，头好晕", Answer.NO, Level.NONE),
        ("injured", "刚吃了晚饭", Answer.OTHER, Level.NONE),
        ("risk", "想过，就今晚", Answer.YES, Level.IMMINENT),
        ("near", "佢喺廳", Answer.YES, Level.PASSIVE),
        ("called", "打咗，等緊", Answer.YES, Level.NONE),
        ("their_danger", "she said tonight", Answer.YES, Level.ACTIVE),
        ("weapon", "kitchen drawer", Answer.YES, Level.PASSIVE),
        ("risk", "今天食堂的面特别咸", Answer.OTHER, Level.NONE),
        ("means", "my landlord fixed the heating", Answer.OTHER, Level.NONE),
        ("company", "吃了几片药", Answer.OTHER, Level.IMMINENT),
        ("risk", "its bleeding a bit", Answer.YES, Level.IMMINENT),
        ("means", "had some, threw them away", Answer.NO, Level.NONE),
        ("injured", "i didn't take pills", Answer.NO, Level.NONE),
        ("injured", "eating crisps on the sofa", Answer.OTHER, Level.NONE),
        ("called", "回来了，坐在客厅", Answer.OTHER, Level.NONE),
        (LATER, "i took some pills", Answer.OTHER, Level.IMMINENT),
        (LATER, "嗯", Answer.YES, Level.NONE),
        (LATER, "吃了药也没用", Answer.OTHER, Level.NONE),
    ],
)
def test_what_an_answer_means(
    screener: Screener, asked: str, text: str, answer: Answer, level: Level
) -> None:
    screening = screener.screen(text, asked=asked)
    assert (screening.answer, screening.level) == (answer, level)


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("我想死\n吃了药", Level.IMMINENT),
        ("i want to die, i took some pills", Level.IMMINENT),
        ("我想死，吃了三年的药", Level.ACTIVE),
        ("i want to die. i've taken pills for years", Level.ACTIVE),
    ],
)
def test_harm_beside_a_named_risk_is_heard(screener: Screener, text: str, level: Level) -> None:
    assert screener.screen(text).level == level


@pytest.mark.parametrize("text", ["", "\ud800", "𝕏" * 5000, "嗯" * 5000, "\x00"])
def test_any_text_has_a_reading(text: str) -> None:
    for question in all_questions():
        assert read(normalise(text).surface, question).answer in Answer


def test_what_cannot_be_read_is_another_matter() -> None:
    assert read("桌上有药", "a question that is not there").answer is Answer.OTHER


def test_figures_of_conversations(screener: Screener) -> None:
    lines = answer_figures("a", [{"asked": "means", "text": "有", "answer": "yes"}], screener)
    assert "  right class: 1.000 (1 of 1)" in lines
    given = [{"messages": ["我想", "死"], "min_level": 3}, {"messages": ["你好"], "max_level": 1}]
    assert message_figures("s", given, screener) == ["s: 2 talks, 0 missed, 0 raised too high"]
