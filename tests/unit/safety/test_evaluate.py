"""Counting, and the figures that the development data must not fall below."""

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safety.evaluate import Row, alarms_per_1000, count, interval, recall_per_label
from safety.levels import Level
from safety.screen import Screener

ACTIVE = {"suicide_attempt", "suicide_preparation", "suicide_plan", "active_ideation"}
CRISIS = {"suicidal_ideation", "self-harm", "violent_thoughts"}


def test_counts() -> None:
    risk, none = frozenset({"a"}), frozenset[str]()
    counts = count(
        [Row(risk, Level(3)), Row(risk, Level(1)), Row(none, Level(2)), Row(none, Level(0))]
    )
    assert (counts.hits, counts.false_alarms, counts.misses, counts.rejections) == (1, 1, 1, 1)
    assert counts.precision == counts.recall == counts.f1 == 0.5
    assert counts.alarms_per_1000 == 500


def test_empty_counts_are_zero() -> None:
    assert count([]).f1 == 0


def test_recall_per_label() -> None:
    rows = [Row(frozenset({"a", "b"}), Level(2)), Row(frozenset({"a"}), Level(0))]
    assert recall_per_label(rows) == {"a": (1, 2), "b": (1, 1)}


def test_interval() -> None:
    low, high = interval(9, 10)
    assert 0.55 < low < 0.9 < high <= 1
    assert interval(0, 0) == (0, 1)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines)


def _is_tuned_on(text: str) -> bool:
    """The half that was read while the lexicon was written; the other was only counted."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


@pytest.mark.parametrize(("tuned", "floor"), [(True, 0.89), (False, 0.85)])
def test_any_risk_in_chinese_messages(
    screener: Screener, shared: Path, tuned: bool, floor: float
) -> None:
    rows = [
        Row(frozenset(r["labels"]) - {"unrelated"}, screener.screen(r["text"]).level)
        for r in _rows(shared / "safety" / "psysuicide-dev.jsonl")
        if _is_tuned_on(r["text"]) is tuned
    ]
    assert count(rows).f1 >= floor
    grave = [row for row in rows if row.labels & ACTIVE]
    assert sum(row.level >= Level.PASSIVE for row in grave) / len(grave) >= 0.92
    assert sum(row.level >= Level.ACTIVE for row in grave) / len(grave) >= 0.8


@pytest.mark.parametrize(("tuned", "floor"), [(True, 0.83), (False, 0.74)])
def test_crisis_in_english_posts(
    screener: Screener, shared: Path, tuned: bool, floor: float
) -> None:
    rows = [
        Row(frozenset({r["label"]}) & CRISIS, screener.screen(r["text"]).level)
        for r in _rows(shared / "safety" / "crisis-en-dev.jsonl")
        if r["label"] in CRISIS | {"no_crisis"} and _is_tuned_on(r["text"]) is tuned
    ]
    assert count(rows).f1 >= floor


def test_everyday_chinese_is_left_alone(screener: Screener, shared: Path) -> None:
    path = shared / "safety" / "everyday-zh-dev.jsonl"
    levels = [screener.screen(r["text"]).level for r in _rows(path)]
    assert alarms_per_1000(levels, Level.PASSIVE) <= 6


def test_support_dialogues_are_left_alone(screener: Screener, shared: Path) -> None:
    with lzma.open(shared / "smilechat" / "valid.jsonl.xz", "rt", encoding="utf-8") as lines:
        turns = [t for line in lines for t in json.loads(line)["turns"] if t["role"] == "user"]
    levels = [screener.screen(turn["content"]).level for turn in turns]
    assert alarms_per_1000(levels, Level.ACTIVE) <= 18
