"""A lexicon change: the rules it adds, disables and relevels, and the lexicon it gives."""

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

# How many literals one change may add. The shipped lexicon has about four times as many.
MOST_LITERALS = 20_000


@dataclass(frozen=True, slots=True)
class Change:
    """A change that can be applied to the lexicon it was parsed against.

    Attributes:
        text: The change as written, which is stored, shown and hashed.
        why: The reason, in one line.
        add: The new entries, with the lexicon's sets already expanded.
        disable: The ids of the rules to remove.
        relevel: The new level of each rule, by id.
    """

    text: str
    why: str
    add: tuple[Entry, ...]
    disable: tuple[str, ...]
    relevel: Mapping[str, Level]


def parse_change(text: str, lexicon: Lexicon | None = None) -> Change:
    """Parse a change.

    Args:
        text: YAML, at most 64 KiB.
        lexicon: The lexicon before the change: the shipped one, or one with earlier changes.

    Raises:
        LexiconError: The text or an entry has a fault, an id is unknown or already exists, or
            nothing would change. The message names the line or entry and says what to do.
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
    """Return the lexicon after one change, or after several in order.

    Its version is the one before, then `~` and eight characters of a hash over the texts of all
    changes. The hash is the same if the changes are applied one by one. Without a change the
    lexicon stays as it is.

    Args:
        changes: One change, or several in the order in which they were made.
        lexicon: The lexicon to apply them to; the shipped one by default.

    Raises:
        LexiconError: A change no longer fits the lexicon, as after an update: an id is unknown
            or already exists, or a cue is gone.
    """
    lexicon = lexicon or load_lexicon()
    for change in _several(changes):
        lexicon = _applied(lexicon, change)
    return lexicon


def check(screener: Screener, changes: Change | Sequence[Change]) -> list[Broken]:
    """Screen every example of every entry, added and shipped, and return those that fail.

    The examples of disabled rules are left out.

    Args:
        screener: A screener of the lexicon after the changes (`apply`).
        changes: The changes that were applied.
    """
    releveled = {name for change in _several(changes) for name in change.relevel}
    return [
        example
        for entry in screener.lexicon.entries
        for example in broken(screener, entry, releveled=entry.id in releveled)
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
            raise LexiconError(f"{key}: there is no rule {unknown}{meant}")
    for entry in change.add:
        if entry.id in levels:
            raise LexiconError(
                f"add: {entry.id} already exists; give the new entry another id,"
                " and disable the old one if it should go"
            )
    for name, level in change.relevel.items():
        if name in change.disable:
            raise LexiconError(f"relevel: {name} is also disabled; remove one of the two")
        if level == levels[name]:
            raise LexiconError(f"relevel: {name} already has level {int(level)}; remove it")


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Prefix the fault of a pattern with its line and entry."""
    try:
        yield
    except LexiconError as fault:
        raise LexiconError(f"{place}: {fault}") from fault
    except RecursionError as fault:
        raise LexiconError(f"{place}: braces are nested too deeply; use fewer") from fault


def _literals(row: FormRow, lexicon: Lexicon, most: int) -> int:
    """Count the literals of an entry piece by piece, before all of them are in memory."""
    count = 0
    for size in _sizes(row.values, lexicon.sets):
        count += size
        if count > most:
            raise LexiconError(
                f"the change expands to more than {MOST_LITERALS} literals;"
                " use fewer alternatives, or gaps between parts"
            )
    return count


def _sizes(values: Mapping[str, Any], sets: Mapping[str, list[str]]) -> Iterator[int]:
    for text in values["patterns"]:
        yield sum(len(part) for part in read_pattern(text, sets).parts)
    for text in (*values.get("unless", ()), *values.get("apart_from", ())):
        yield len(expand(text, sets))
