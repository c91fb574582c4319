"""Every entry's own examples hold, and a broken lexicon is refused by name."""

import pytest

from safety.evaluation.examples import broken
from safety.screening.lexicon import Entry, LexiconError, expand, load_lexicon, parse, read_pattern
from safety.screening.screener import Screener

ENTRIES = load_lexicon().entries


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_examples_hold(screener: Screener, entry: Entry) -> None:
    assert list(broken(screener, entry)) == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_every_entry_has_examples_of_both_kinds(entry: Entry) -> None:
    assert entry.match
    assert entry.no_match


def test_the_version_changes_with_the_content() -> None:
    row = (
        "version: '1'\nentries:\n  - {id: a, level: 3, category: suicide,"
        " patterns: [%s], match: [x], no_match: [y]}"
    )
    assert parse({"a.yaml": row % "x"}).version != parse({"a.yaml": row % "z"}).version


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("entries: [{id: a, level: 3, category: suicide, match: [], no_match: []}]", "patterns"),
        (
            "entries: [{id: a, level: 3, category: suicide, patterns: ['<NO>'],"
            " match: [], no_match: []}]",
            "NO",
        ),
        (
            "entries: [{id: a, level: 3, category: suicide, patterns: [x], needs: [gone],"
            " match: [], no_match: []}]",
            "gone",
        ),
    ],
)
def test_a_broken_entry_is_named(text: str, complaint: str) -> None:
    with pytest.raises(LexiconError, match=complaint):
        parse({"broken.yaml": text})


def test_an_id_stands_once() -> None:
    row = "{id: a, level: 3, category: suicide, patterns: [x], match: [], no_match: []}"
    with pytest.raises(LexiconError, match="twice"):
        parse({"a.yaml": f"entries: [{row}, {row}]"})


def test_parts_expand_sets_and_nested_choices() -> None:
    assert expand("<WANT>{去{死|世}|}", {"WANT": ["想", "要"]}) == [
        "想去死",
        "想去世",
        "想",
        "要去死",
        "要去世",
        "要",
    ]


def test_gaps_are_read() -> None:
    pattern = read_pattern("a ..3 b .. c", {})
    assert pattern.parts == (("a",), ("b",), ("c",))
    assert pattern.gaps == (3, 6)
