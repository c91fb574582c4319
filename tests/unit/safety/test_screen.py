"""Whole screenings: pairs, published cases, merging, what is handed on."""

import json
from pathlib import Path

import pytest
import yaml

from safety.screening.levels import Category, Level
from safety.screening.outcome import merge
from safety.screening.screener import OVERLAP, PIECE, Screener

PAIRS = yaml.safe_load(Path(__file__).with_name("pairs.yaml").read_text("utf-8"))["pairs"]


@pytest.mark.parametrize(
    ("kind", "risk", "at_least", "twin", "at_most"), PAIRS, ids=[f"{p[0]}-{p[1]}" for p in PAIRS]
)
def test_pair(
    screener: Screener, kind: str, risk: str, at_least: int, twin: str, at_most: int
) -> None:
    assert screener.screen(risk).level >= at_least
    assert screener.screen(twin).level <= at_most


def test_there_are_three_hundred_pairs() -> None:
    assert len(PAIRS) >= 300


@pytest.mark.parametrize(
    "text",
    [
        "他们说我杀人是不对的，我该怎么办",
        "我想杀人，好多人不允许怎么办?",
        "我想杀人，好多人不允许怎么办?这让我十分难过",
    ],
)
def test_the_published_safety_case(screener: Screener, text: str) -> None:
    screening = screener.screen(text)
    assert screening.level >= Level.ACTIVE
    assert Category.VIOLENCE in screening.categories


def test_the_published_harmless_cases(screener: Screener, shared: Path) -> None:
    cases = json.loads((shared / "pica-cases.json").read_text("utf-8"))
    turns = [t["user"] for case in cases if case["case"] != "safety" for t in case["turns"]]
    assert turns
    assert all(screener.screen(text).level <= Level.DISTRESS for text in turns)


@pytest.mark.parametrize("text", ["我朋友想自杀", "my friend wants to kill herself"])
def test_somebody_else_stays_at_risk(screener: Screener, text: str) -> None:
    screening = screener.screen(text)
    assert screening.level == Level.PASSIVE
    assert screening.categories == (Category.OTHERS,)


def test_asking_for_a_friend_is_answered(screener: Screener) -> None:
    text = "how many pills to overdose, asking for a friend"
    assert screener.screen(text).level >= Level.PASSIVE


def test_two_languages_in_one_message(screener: Screener) -> None:
    assert screener.screen("我真的 want to die 了").level >= Level.ACTIVE


def test_traditional_and_cantonese(screener: Screener) -> None:
    for text in ("我想自殺", "我唔想做人", "活著沒有意思", "谂住跳樓"):
        assert screener.screen(text).level >= Level.PASSIVE, text


def test_offsets_are_code_points_of_the_original(screener: Screener) -> None:
    text = "👩‍👩‍👧 ok。我想自殺"
    top = [m for m in screener.screen(text).matches if m.level >= Level.ACTIVE]
    assert any(text[m.start : m.end] == "我想自殺" for m in top)


def test_a_screening_as_plain_values(screener: Screener) -> None:
    values = screener.screen("我想自杀").to_dict()
    assert values["level"] == 3
    assert values["categories"] == ["suicide"]
    assert json.loads(json.dumps(values)) == values
    assert "自杀" not in json.dumps(values, ensure_ascii=False)


def test_a_burst_is_merged_to_the_gravest(screener: Screener) -> None:
    burst = [screener.screen(t) for t in ("你好", "他又打我", "我想自杀")]
    whole = merge(burst)
    assert whole.level == Level.ACTIVE
    assert whole.categories == (Category.SUICIDE, Category.ABUSE)
    assert whole.lexicon == burst[0].lexicon


def test_nothing_merged_is_nothing() -> None:
    assert merge([]).level == Level.NONE


@pytest.mark.parametrize("text", ["", " ", "\n", "\ud800", "你好", "hello"])
def test_nothing_is_found_in_nothing(screener: Screener, text: str) -> None:
    assert screener.screen(text).level == Level.NONE


@pytest.mark.parametrize("at", [0, PIECE - 5, PIECE - OVERLAP - 3, 3 * PIECE])
def test_a_very_long_text_is_screened_whole(screener: Screener, at: int) -> None:
    words = "今晚我想自杀"
    text = "好" * at + words + "好" * (4 * PIECE - at)
    screening = screener.screen(text)
    assert screening.level == screener.screen(words).level
    found = {text[m.start : m.end] for m in screening.at_least(screening.level)}
    assert found & {words[a:b] for a in range(len(words)) for b in range(len(words) + 1)}


def test_a_very_long_harmless_text_stays_harmless(screener: Screener) -> None:
    assert screener.screen("今天天气很好，我们去公园散步。" * 2_000).level == Level.NONE
