"""Counting, and the figures that the development data must not fall below."""

import hashlib
import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safety.evaluation.evaluate import RowError, evaluate, main, messages
from safety.evaluation.metrics import (
    LabelledRow,
    alarms_per_1000,
    count,
    interval,
    recall_per_label,
)
from safety.evaluation.replay import ReplayedText
from safety.evaluation.report import as_page, as_text
from safety.screening.levels import Level
from safety.screening.screener import Screener

ACTIVE = {"suicide_attempt", "suicide_preparation", "suicide_plan", "active_ideation"}
CRISIS = {"suicidal_ideation", "self-harm", "violent_thoughts"}


def test_counts() -> None:
    risk, none = frozenset({"a"}), frozenset[str]()
    counts = count(
        [
            LabelledRow(risk, Level(3)),
            LabelledRow(risk, Level(1)),
            LabelledRow(none, Level(2)),
            LabelledRow(none, Level(0)),
        ]
    )
    assert (counts.hits, counts.false_alarms, counts.misses, counts.rejections) == (1, 1, 1, 1)
    assert counts.precision == counts.recall == counts.f1 == 0.5
    assert counts.alarms_per_1000 == 500


def test_empty_counts_are_zero() -> None:
    assert count([]).f1 == 0


def test_recall_per_label() -> None:
    rows = [LabelledRow(frozenset({"a", "b"}), Level(2)), LabelledRow(frozenset({"a"}), Level(0))]
    assert recall_per_label(rows) == {"a": (1, 2), "b": (1, 1)}


def test_interval() -> None:
    low, high = interval(9, 10)
    assert 0.55 < low < 0.9 < high <= 1
    assert interval(0, 0) == (0, 1)


LABELLED = [
    {"text": "我想自杀", "labels": ["active_ideation"], "source": "client_a"},
    {"text": "今天天气不错", "labels": ["active_ideation"], "source": "client_b"},
    {"text": "我想死你了", "labels": ["unrelated"], "source": "web"},
]


def _folder(path: Path, **files: list[dict[str, Any]]) -> Path:
    for name, rows in files.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (path / f"{name}.jsonl").write_text(text, "utf-8")
    return path


def test_a_folder_is_measured_by_file_and_source(screener: Screener, tmp_path: Path) -> None:
    parts = evaluate(_folder(tmp_path, a=LABELLED), screener)
    assert [(p.source, len(p.rows)) for p in parts] == [
        ("", 3),
        ("client_*", 2),
        ("client_a", 1),
        ("client_b", 1),
        ("web", 1),
    ]
    text = as_text(parts, "v")
    assert "active_ideation: recall 0.500 [0.09-0.91] (1 of 2)" in text
    assert "level >= 3: recall 0.500" in text
    page = as_page(parts, "v")
    assert "今天天气不错" in page
    assert "我想自杀" not in page


def test_requests_are_counted_by_kind(screener: Screener, tmp_path: Path) -> None:
    rows = [
        {"text": "你是真人吗", "intent": "identity"},
        {"text": "拔草", "intent": "identity"},
        {"text": "今天天气不错", "intent": "none"},
        {"text": "谁能看到我说的话", "intent": "none"},
    ]
    parts = evaluate(_folder(tmp_path, intents=rows), screener)
    text = as_text(parts, "v")
    assert "identity: 0.500 [0.09-0.91] (1 of 2)" in text
    assert "none read as a request: 0.500" in text
    page = as_page(parts, "v")
    assert "2 read as something else" in page
    assert "(identity, read as none): 拔草" in page


def test_every_shape_of_row_is_known(screener: Screener, tmp_path: Path) -> None:
    _folder(
        tmp_path,
        english=[
            {"text": "I want to die", "label": "suicidal_ideation"},
            {"text": "hello", "label": "no_crisis"},
            {"text": "x", "label": "other"},
        ],
        severity=[{"text": "我想死", "risk": "high"}, {"text": "好累", "risk": "low"}],
        plain=[{"text": "菜很好吃"}],
    )
    turns = {"turns": [{"role": "user", "content": "我想自杀"}, {"role": "bot", "content": "x"}]}
    with lzma.open(tmp_path / "talk.jsonl.xz", "wt", encoding="utf-8") as file:
        file.write(json.dumps(turns) + "\n")
    found = {p.file: (p.kind, len(p.rows), p.left_out) for p in evaluate(tmp_path, screener)}
    assert found == {
        "english.jsonl": ("label", 2, 1),
        "severity.jsonl": ("risk", 2, 0),
        "plain.jsonl": ("text", 1, 0),
        "talk.jsonl.xz": ("turns", 1, 0),
    }


def test_a_folder_is_read_as_messages(tmp_path: Path) -> None:
    _folder(
        tmp_path,
        a=LABELLED[1:],
        b=[
            {"text": "I want to die", "label": "suicidal_ideation"},
            {"text": "hello", "label": "no_crisis"},
            {"text": "x", "label": "other"},
        ],
        c=[{"text": "我想死", "risk": "high"}, {"text": "好累", "risk": "low"}],
        d=[{"text": "菜很好吃"}],
        e=[{"turns": [{"role": "user", "content": "我"}, {"role": "bot", "content": "x"}]}],
    )
    assert list(messages(tmp_path)) == [
        ReplayedText("今天天气不错", "a.jsonl / client_b", True),
        ReplayedText("我想死你了", "a.jsonl / web", False),
        ReplayedText("I want to die", "b.jsonl", True),
        ReplayedText("hello", "b.jsonl", False),
        ReplayedText("x", "b.jsonl", None),
        ReplayedText("我想死", "c.jsonl", True),
        ReplayedText("好累", "c.jsonl", None),  # a low severity is not a harmless message
        ReplayedText("菜很好吃", "d.jsonl", False),
        ReplayedText("我", "e.jsonl", None),
    ]
    (tmp_path / "f.jsonl").write_text('{"text": 3}\n', "utf-8")
    with pytest.raises(RowError, match=r"f\.jsonl:1: text is missing"):
        list(messages(tmp_path))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a JSON object"),
        ("{}", "needs one of the keys"),
        ('{"labels": ["x"]}', "text is missing"),
        ('{"text": "x", "labels": []}', "must be a label"),
        ('{"text": "x", "label": 3}', "must be a label"),
        ('{"text": "x", "intent": "wish"}', "intent must be one of"),
        ('{"text": "x", "risk": "middling"}', "must be high or low"),
        ('{"turns": [{"role": "user"}]}', "a turn has no content"),
        ('{"text": "x", "label": "no_crisis"}', "among 'text' rows"),
    ],
)
def test_a_malformed_row_is_named(
    screener: Screener, tmp_path: Path, line: str, fault: str
) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"text": "x"}}\n\n{line}\n', "utf-8")
    with pytest.raises(RowError, match=rf"a\.jsonl:3: .*{fault}"):
        evaluate(tmp_path, screener)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    assert main(_folder(tmp_path, a=LABELLED), page) == 0
    assert "a.jsonl / client_*: 2 rows" in capsys.readouterr().out
    assert "1 missed" in page.read_text("utf-8")
    (tmp_path / "b.jsonl").write_text("?", "utf-8")
    assert main(tmp_path) == 2
    assert "b.jsonl:1" in capsys.readouterr().err


def test_an_empty_folder_is_named(screener: Screener, tmp_path: Path) -> None:
    with pytest.raises(RowError, match=r"no \.jsonl"):
        evaluate(tmp_path, screener)


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
        LabelledRow(frozenset(r["labels"]) - {"unrelated"}, screener.screen(r["text"]).level)
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
        LabelledRow(frozenset({r["label"]}) & CRISIS, screener.screen(r["text"]).level)
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
