"""`pica safety replay`: what it prints, and with which status it ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_cli import pica

ADDED = """why: so people say it here
add:
  - id: zh.suicide.trial
    level: 3
    category: suicide
    patterns: ["<WISH> ..2 去星星上"]
    match: [我只想去星星上]
    no_match: [我在看星星]
"""
LOSING = "why: too loud\ndisable: [zh.abuse.now]\n"
STARS, DOOR = "真的只想去星星上", "我爸拿着刀堵在我门口"


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def _change(path: Path, text: str) -> str:
    file = path / "change.yaml"
    file.write_text(text, "utf-8")
    return str(file)


def _folder(path: Path, *rows: dict[str, Any]) -> str:
    folder = path / "messages"
    folder.mkdir()
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "own.jsonl").write_text(text, "utf-8")
    return str(folder)


def test_what_is_gained_is_shown(tmp_path: Path) -> None:
    folder = _folder(
        tmp_path,
        {"text": STARS, "labels": ["passive_ideation"], "source": "a"},
        {"text": "儿子想要去星星上玩", "labels": ["unrelated"], "source": "a"},
        {"text": "今天看星星", "labels": ["unrelated"], "source": "b"},
    )
    done = pica("safety", "replay", _change(tmp_path, ADDED), folder)
    row = next(line.split() for line in done.stdout.splitlines() if line.endswith("own.jsonl / a"))
    assert row[:6] == ["2", "0", "->", "2", "2", "(1/1/0)"]
    assert STARS not in done.stdout  # no message unless it is asked for
    shown = pica("safety", "replay", _change(tmp_path, ADDED), folder, "--show", "1").stdout
    assert f"  0 -> 3  {STARS}  [own.jsonl / a; - -> zh.suicide.trial]" in shown
    assert "儿子" not in shown


def test_json_counts_without_words(tmp_path: Path) -> None:
    folder = _folder(tmp_path, {"turns": [{"role": "user", "content": STARS}]})
    done = pica("safety", "replay", _change(tmp_path, ADDED), folder, "--json")
    values = json.loads(done.stdout)
    assert values["sources"]["own.jsonl"]["gained"] == {
        "total": 1,
        "risk": 0,
        "harmless": 0,
        "unlabelled": 1,
    }
    assert values["broken"] == []
    assert "~" in values["after"]
    assert STARS not in done.stdout
    asked = pica("safety", "replay", _change(tmp_path, ADDED), folder, "--json", "--show", "5")
    [moved] = json.loads(asked.stdout)["examples"]["gained"]
    assert (moved["text"], moved["before"], moved["after"]) == (STARS, 0, 3)


def test_a_risk_that_is_lost_ends_it_with_1(tmp_path: Path) -> None:
    done = pica("safety", "replay", _change(tmp_path, LOSING), "--show", "2", status=1)
    assert "Messages at risk that lose their alarm: 1" in done.stderr
    assert "fall below level 3" in done.stdout
    assert f"  3 -> 0  {DOOR}" in done.stdout
    as_json = pica("safety", "replay", _change(tmp_path, LOSING), "--json", status=1)
    assert json.loads(as_json.stdout)["total"]["lost"]["risk"] == 1


def test_a_false_alarm_may_be_lost(tmp_path: Path) -> None:
    """A narrower rule in place of one: its examples are found, the harmless message is not."""
    narrower = """why: knives in the kitchen
disable: [zh.abuse.now]
add:
  - id: zh.abuse.trial
    level: 3
    category: abuse
    patterns: ["{在打我|要打死我}", "拿着刀堵在我"]
    scope: [negation, fiction, past]
    match: [我爸拿着刀堵在我门口]
    no_match: [男朋友拿着刀教我切菜]
"""
    row = {"text": "男朋友拿着刀教我切菜", "labels": ["unrelated"]}
    arguments = _change(tmp_path, narrower), _folder(tmp_path, row)
    values = json.loads(pica("safety", "replay", *arguments, "--json").stdout)
    lost = {"total": 1, "risk": 0, "harmless": 1, "unlabelled": 0}
    assert values["sources"]["own.jsonl"]["lost"] == lost
    assert values["total"]["lost"] == lost


def test_a_broken_example_ends_it_with_1(tmp_path: Path) -> None:
    text = ADDED.replace("我在看星星", "我好想去星星上")
    done = pica("safety", "replay", _change(tmp_path, text), status=1)
    assert "broken example: zh.suicide.trial must not match 我好想去星星上" in done.stdout
    assert "Examples that fail: 1" in done.stderr
    assert "lose their alarm" not in done.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("why: x\nadd: [{\n", "not YAML"),
        ("why: x\ndisable: [zh.abuse.noww]\n", "did you mean zh.abuse.now?"),
        ("why: x\n", "the change is empty"),
    ],
)
def test_a_bad_change_is_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    done = pica("safety", "replay", _change(tmp_path, text), status=1)
    assert complaint in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    assert "missing.yaml: No such file" in pica("safety", "replay", "missing.yaml", status=1).stderr
    (tmp_path / "latin.yaml").write_bytes(b"why: caf\xe9\n")
    latin = pica("safety", "replay", str(tmp_path / "latin.yaml"), status=1)
    assert "is not UTF-8" in latin.stderr
    folder = _folder(tmp_path, {"text": "x", "risk": "middling"})
    named = pica("safety", "replay", _change(tmp_path, ADDED), folder, status=1)
    assert "own.jsonl:1: risk must be high or low" in named.stderr


def test_the_help_warns_of_peoples_words() -> None:
    told = " ".join(pica("safety", "replay", "--help").stdout.split())
    assert "keep them private" in told
