"""Words of people in distress are never taken to arrange check-ins.

The sentences hold times, days, numbers, places and words such as stop, off and 取消. They are
read by every grammar that any question of the settings uses. Real dialogues beside the checkout
(`../shared`) are read too, where they are there.
"""

import json
import lzma
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.checkins.language import quiet_phrases, request_phrases, time_phrases, zone_phrases

HERE = Path(__file__).parent
SHARED = Path(__file__).resolve().parents[5] / "shared" / "data"
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SENTENCES = {
    language: (HERE / f"distress_{language}.txt").read_text(encoding="utf-8").splitlines()
    for language in ("zh", "en")
}


def beside(text: str) -> object:
    rest = zone_phrases.without_places(text)
    return time_phrases.read(rest) if rest else None


GRAMMARS: dict[str, Callable[[str], object]] = {
    "wish": request_phrases.read,
    "length": request_phrases.read_length,
    "times": time_phrases.read,
    "unasked": lambda text: time_phrases.read(text, is_asked=False),
    "beside": beside,
    "quiet": quiet_phrases.read,
    "none": quiet_phrases.is_none,
    "zone": lambda text: zone_phrases.find(text, NOW),
}


def taken(text: str, grammars: dict[str, Callable[[str], object]] = GRAMMARS) -> list[str]:
    return [name for name, read in grammars.items() if read(text)]


@pytest.mark.parametrize("text", SENTENCES["zh"] + SENTENCES["en"])
def test_a_person_in_distress_arranges_nothing(text: str) -> None:
    assert taken(text) == []


@pytest.mark.parametrize("language", SENTENCES)
def test_the_sentences_are_many_and_different(language: str) -> None:
    assert len(set(SENTENCES[language])) == len(SENTENCES[language]) >= 150


def messages() -> Iterator[str]:
    """Whole messages and their sentences, of people in distress and of others; a sample."""
    texts: list[str] = []
    for name in ("psysuicide-dev", "sos-severity-dev", "everyday-zh-dev", "crisis-en-dev"):
        lines = (SHARED / "safety" / f"{name}.jsonl").read_text("utf-8").splitlines()
        texts += [json.loads(line)["text"] for line in lines[::10]]
    with lzma.open(SHARED / "smilechat" / "valid.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in list(lines)[::6]:
            turns = json.loads(line)["turns"]
            texts += [turn["content"] for turn in turns if turn["role"] == "user"]
    for text in texts:
        yield text
        yield from re.split(r"[。！？!?\n]|(?<=\w)\. ", text)


def test_real_dialogues_arrange_nothing() -> None:
    if not SHARED.is_dir():
        pytest.skip("the development data (../shared/data) is not here")
    said = sorted({text.strip() for text in messages() if 0 < len(text.strip()) <= 80})
    assert len(said) > 1500
    unasked = {name: GRAMMARS[name] for name in ("unasked",)}
    unasked["wish"] = lambda text: request_phrases.read(text, is_plain=True)
    assert [text for text in said if taken(text, unasked)] == []
    asked = {text: names for text in said if (names := taken(text))}
    # Looked at: a place or a number where one was asked for, and 继续 on the page itself.
    assert len(asked) <= 3, asked
