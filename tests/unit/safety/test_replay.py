"""Replays: how moves are counted, whose examples are kept, and that the count is right."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from safety.changes.change import apply, parse_change
from safety.evaluation.evaluate import messages
from safety.evaluation.replay import MOST_EXAMPLES, Replay, ReplayedText, gravest_places, replay
from safety.evaluation.replay_counts import LabelKind, Labelled
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Lexicon, parse
from safety.screening.outcome import Match, Screening
from safety.screening.screener import Screener


def _lexicon(**levels: int) -> Lexicon:
    """A word for each rule; a word without a level has no rule."""
    rows = [
        f"{{id: zh.suicide.{word}, level: {level}, category: suicide, patterns: [{word}],"
        " match: [x], no_match: [y]}"
        for word, level in levels.items()
    ]
    return parse({"a.yaml": f"entries: [{', '.join(rows)}]"})


BEFORE = Screener(_lexicon(kept=3, lost=2, graver=2, milder=3, faint=1, plunge=4))
AFTER = Screener(_lexicon(kept=3, gained=3, graver=3, milder=2, plunge=1))


def run(*given: ReplayedText) -> Replay:
    return replay(BEFORE, AFTER, given)


def test_every_move_is_counted_once_by_source_and_label() -> None:
    done = run(
        ReplayedText("kept", "a", True),
        ReplayedText("nothing here", "a", False),
        ReplayedText("gained", "a", False),
        ReplayedText("gained", "a", None),
        ReplayedText("lost", "a", True),
        ReplayedText("graver", "b", True),
        ReplayedText("milder", "b", None),
        ReplayedText("faint", "b", False),
        ReplayedText("plunge", "b", True),
    )
    assert list(done.sources) == ["a", "b"]
    a, b, total = done.sources["a"], done.sources["b"], done.total
    assert (a.messages, a.before, a.after) == (5, 2, 3)
    assert a.moved == {
        LabelKind.GAINED: Labelled(harmless=1, unlabelled=1),
        LabelKind.LOST: Labelled(risk=1),
        LabelKind.RAISED: Labelled(),
        LabelKind.LOWERED: Labelled(),
    }
    assert (b.messages, b.before, b.after) == (4, 3, 2)
    assert b.moved == {
        LabelKind.GAINED: Labelled(),
        LabelKind.LOST: Labelled(risk=1),  # from 4 to 1: no alarm any more
        LabelKind.RAISED: Labelled(risk=1),
        LabelKind.LOWERED: Labelled(harmless=1, unlabelled=1),
    }
    assert (b.grave_before, b.grave_after) == (2, 1)
    assert (b.grave_gained, b.grave_lost) == (Labelled(risk=1), Labelled(risk=1, unlabelled=1))
    assert (total.messages, total.before, total.after) == (9, 5, 5)
    assert total.moved[LabelKind.LOST] == Labelled(risk=2)


def test_moves_say_what_gave_them() -> None:
    done = run(
        ReplayedText("so it goes", "a", None),
        ReplayedText("lost and gained", "a", None),
        ReplayedText("lost", "a", True),
        ReplayedText("faint", "a", None),
    )
    [lost] = done.examples[LabelKind.LOST]
    assert (lost.source, lost.index, lost.text, lost.is_risk) == ("a", 2, "lost", True)
    assert (lost.before, lost.after) == (Level.PASSIVE, Level.NONE)
    assert (lost.rules_before, lost.rules_after) == (("zh.suicide.lost",), ())
    [place] = lost.places_before
    assert (place.start, place.end, place.rule) == (0, 4, "zh.suicide.lost")
    assert lost.places_after == ()
    [raised] = done.examples[LabelKind.RAISED]
    assert (raised.index, raised.before, raised.after) == (1, Level.PASSIVE, Level.ACTIVE)
    assert raised.rules_after == ("zh.suicide.gained",)
    assert done.examples[LabelKind.LOWERED] == ()  # from 1 to 0 is counted, and not worth a reader


def test_of_many_places_the_gravest_are_kept() -> None:
    screening = Screening(
        Level.ACTIVE,
        (),
        tuple(
            Match(n, n + 1, "a.b", Level.ACTIVE if n in (3, 7) else Level.PASSIVE, Category.ABUSE)
            for n in range(9)
        ),
        "",
    )
    assert [each.start for each in gravest_places(screening, 2)] == [3, 7]


def test_examples_are_spread_fairly_over_sources() -> None:
    many = [ReplayedText(f"lost {number}", "many", True) for number in range(1000)]
    few = [ReplayedText(f"lost {number}", "few", True) for number in range(7)]
    some = [ReplayedText(f"lost {number}", "some", True) for number in range(300)]
    done = run(*many, *some, *few)
    kept = done.examples[LabelKind.LOST]
    assert len(kept) == MOST_EXAMPLES == 200
    by_source = {
        name: [m.index for m in kept if m.source == name] for name in ("many", "some", "few")
    }
    assert by_source["few"] == list(range(7))
    assert sorted(map(len, by_source.values())) == [7, 96, 97]
    assert all(a < b for indices in by_source.values() for a, b in pairwise(indices))
    assert by_source["many"][0] == 0
    assert {m.source for m in kept[:3]} == {"many", "some", "few"}  # the first page has all
    assert done.total.moved[LabelKind.LOST].risk == 1307  # counted, though not kept


def test_the_same_messages_give_the_same_replay() -> None:
    given = [
        ReplayedText(w, s, None) for s in "abc" for w in ("lost", "gained", "milder", "x")
    ] * 90
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: run(*given), range(2))
    assert first.to_dict() == second.to_dict()
    assert first.examples == second.examples


def test_counts_are_plain_values_without_words() -> None:
    values = run(ReplayedText("lost for words", "a", True)).to_dict()
    text = json.dumps(values)
    assert json.loads(text) == values
    assert "words" not in text
    assert values["before"] == BEFORE.version != values["after"] == AFTER.version
    assert values["total"]["lost"] == {  # type: ignore[index]
        "total": 1,
        "risk": 1,
        "harmless": 0,
        "unlabelled": 0,
    }


def test_messages_are_read_one_at_a_time_and_progress_can_end_it() -> None:
    read: list[int] = []

    def given() -> Iterator[ReplayedText]:
        for number in range(10):
            read.append(number)
            yield ReplayedText("lost", "a", None)

    def stop_at_three(done: int) -> None:
        assert done == len(read)
        if done == 3:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        replay(BEFORE, AFTER, given(), stop_at_three)
    assert len(read) == 3


def test_nothing_moves_without_a_change(screener: Screener, labelled: Path) -> None:
    done = replay(screener, screener, list(messages(labelled))[::20])
    assert done.total.messages > 300
    assert done.total.before == done.total.after > 50
    assert all(moved.total == 0 for moved in done.total.moved.values())


def test_a_rule_that_goes_is_missed_in_labelled_messages(
    screener: Screener, labelled: Path
) -> None:
    """The replay against a plain count, on messages that people labelled."""
    path = labelled / "psysuicide-dev.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    gone = parse_change("why: x\ndisable: [zh.suicide.no_will_to_live]", screener.lexicon)
    after = screener.with_lexicon(apply(gone, screener.lexicon))
    expected = [
        (screener.screen(r["text"]).level >= 2, after.screen(r["text"]).level >= 2) for r in rows
    ]
    given = [m for m in messages(path.parent) if m.source.startswith(path.name)]
    assert [m.text for m in given] == [r["text"] for r in rows]
    done = replay(screener, after, given)
    lost = sum(was and not now for was, now in expected)
    assert done.total.moved[LabelKind.LOST].total == lost > 0
    assert done.total.before == sum(was for was, _ in expected)
    assert done.total.moved[LabelKind.GAINED].total == 0
