"""A lexicon change: what people propose to add, disable and relevel, and the lexicon it gives.

Knows the lexicon that stands before the change; nothing of who proposed it, who approved it, where
it is stored or which screener is in use.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from safety.changes.form import FormRow, read_form
from safety.evaluation.examples import Broken, broken
from safety.screening.levels import Level
from safety.screening.lexicon import (
    Entry,
    Lexicon,
    LexiconError,
    check_entries,
    expand,
    load_lexicon,
    read_entry,
    read_pattern,
)
from safety.screening.screener import Screener

# Literals that one change may add; the lexicon that ships has about four times as many.
MOST_LITERALS = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """A change that can be applied to the lexicon it was read against.

    Attributes:
        text: As it was written: what is stored, shown and hashed.
        why: One line.
        add: Entries, with the sets of the lexicon already put in.
        disable: Ids of rules that go.
        relevel: Id to the level that the rule gets.
    """

    text: str
    why: str
    add: tuple[Entry, ...]
    disable: tuple[str, ...]
    relevel: Mapping[str, Level]


def parse_change(text: str, lexicon: Lexicon | None = None) -> Change:
    """Read a change.

    Args:
        text: YAML, at most 64 KiB.
        lexicon: What stands before it: the lexicon that ships, or one that earlier changes
            were applied to.

    Raises:
        LexiconError: The text or an entry has a fault, an id is unknown or stands already, or
            nothing would change; the message names the line or entry and says what to do.
    """
    form = read_form(text)
    lexicon = lexicon or load_lexicon()
    add: list[Entry] = []
    left = MOST_LITERALS
    for row in form.add:
        with _named(row.place):
            left -= _literals(row, lexicon, left)
            add.append(read_entry("add", row.values, lexicon.sets))
            check_entries(add[-1:], lexicon.cues)
    change = Change(text, form.why, tuple(add), form.disable, form.relevel)
    _applied(lexicon, change)
    return change


def apply(changes: Change | Sequence[Change], lexicon: Lexicon | None = None) -> Lexicon:
    """Give the lexicon after one change, or after several in their order.

    Its version is that of the lexicon before, `~` and eight characters of a hash over the texts
    of all changes, whether they are applied at once or one after another. Without a change the
    lexicon is given as it is.

    Args:
        changes: One, or several in the order in which they were made.
        lexicon: What they are applied to: the lexicon that ships.

    Raises:
        LexiconError: A change does not fit the lexicon any more, as after an update: an id is
            unknown or stands already, or a cue has gone.
    """
    lexicon = lexicon or load_lexicon()
    for change in _several(changes):
        lexicon = _applied(lexicon, change)
    return lexicon


def check(screener: Screener, changes: Change | Sequence[Change]) -> list[Broken]:
    """Screen every example of every entry, added and shipped, and give those that do not hold.

    A rule that is disabled is no longer there, and its examples are not asked for.

    Args:
        screener: Screens with the lexicon after the changes (`apply`).
        changes: What was applied.
    """
    releveled = {name for change in _several(changes) for name in change.relevel}
    return [
        found
        for entry in screener.lexicon.entries
        for found in broken(screener, entry, releveled=entry.id in releveled)
    ]


def _several(changes: Change | Sequence[Change]) -> Sequence[Change]:
    return [changes] if isinstance(changes, Change) else changes


def _applied(lexicon: Lexicon, change: Change) -> Lexicon:
    _refuse_misfit(lexicon, change)
    entries = [
        replace(entry, level=change.relevel.get(entry.id, entry.level))
        for entry in lexicon.entries
        if entry.id not in change.disable
    ]
    entries += change.add
    check_entries(entries, lexicon.cues)
    shipped, _, before = lexicon.version.partition("~")
    digest = hashlib.sha256(f"{before}\0{change.text}".encode()).hexdigest()[:8]
    return replace(lexicon, version=f"{shipped}~{digest}", entries=tuple(entries))


def _refuse_misfit(lexicon: Lexicon, change: Change) -> None:
    levels = {entry.id: entry.level for entry in lexicon.entries}
    for key, names in (("disable", change.disable), ("relevel", change.relevel)):
        unknown = next((name for name in names if name not in levels), None)
        if unknown:
            near = get_close_matches(unknown, levels, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise LexiconError(f"{key}: no rule is called {unknown}{meant}")
    for entry in change.add:
        if entry.id in levels:
            raise LexiconError(
                f"add: {entry.id} stands already; give the new entry an id of its own,"
                " and disable the old one if it is meant to go"
            )
    for name, level in change.relevel.items():
        if name in change.disable:
            raise LexiconError(f"{name} is disabled and releveled; do one of them")
        if level == levels[name]:
            raise LexiconError(f"relevel: {name} is at level {int(level)} already; remove it")


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Put the line and the entry before what is wrong with one of its patterns."""
    try:
        yield
    except LexiconError as fault:
        raise LexiconError(f"{place}: {fault}") from fault
    except RecursionError as fault:
        raise LexiconError(f"{place}: braces stand in one another too deeply") from fault


def _literals(row: FormRow, lexicon: Lexicon, most: int) -> int:
    """Count what an entry stands for piece by piece, before all of it is in memory."""
    count = 0
    for size in _sizes(row.values, lexicon.sets):
        count += size
        if count > most:
            raise LexiconError(
                f"the change stands for more than {MOST_LITERALS} literals;"
                " use fewer alternatives, or gaps between parts"
            )
    return count


def _sizes(values: Mapping[str, Any], sets: Mapping[str, list[str]]) -> Iterator[int]:
    for text in values["patterns"]:
        yield sum(len(part) for part in read_pattern(text, sets).parts)
    for text in (*values.get("unless", ()), *values.get("apart_from", ())):
        yield len(expand(text, sets))
