"""The lexicon as read from `lexicon/*.yaml`, and the small language its patterns are in.

A pattern is one or more parts with gaps between them: `<BUY> ..6 <PILLS>` is any literal of the
first part followed, at most six letters later and within the same sentence, by any of the second.
Inside a part `{a|b|}` lists alternatives and `<NAME>` stands for a named set. A literal that ends
in `*` may go on with more Latin letters.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import product
from typing import Any

from safety import yaml_files
from safety.screening.levels import Category, Level

DEFAULT_GAP = 6
# Characters within which an `apart_from` literal voids a match, unless the entry says.
APART = 14
_MOST_LITERALS = 5_000
_GAP = re.compile(r"\s+\.\.(\d*)\s+")
SCOPES = frozenset({"negation", "third_person", "fiction", "past"})


class LexiconError(ValueError):
    """The lexicon cannot be used; the message names the file or the entry."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Parts in order; `gaps[i]` is the most that may stand between parts i and i + 1."""

    parts: tuple[tuple[str, ...], ...]
    gaps: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)  # told apart by identity: hashing is hot
class Entry:
    """One rule.

    Attributes:
        needs: Cues of which one must stand somewhere in the message.
        unless: Literals that void a match they overlap (idioms, other words).
        apart_from: Literals that void a match they stand near (a mosquito, a board game).
        scope: Which readings of its surroundings may lower it.
        within: Characters within which an `apart_from` literal voids a match.
        alone: Whether a match must fill its clause, fillers aside (`clauses.py`).
        match, no_match: Examples; each must, or must not, give this rule at its own level.
    """

    id: str
    level: Level
    category: Category
    patterns: tuple[Pattern, ...]
    needs: tuple[str, ...]
    unless: tuple[str, ...]
    apart_from: tuple[str, ...]
    scope: frozenset[str]
    match: tuple[str, ...]
    no_match: tuple[str, ...]
    within: int = APART
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All entries and cues under one version.

    Attributes:
        compounds: Two-character words that no ordinary punctuation parts.
        by_sound: Words one of which a literal must hold to be found by its sound alone.
        sets: The named sets, for entries that are added later.
    """

    version: str
    entries: tuple[Entry, ...]
    cues: Mapping[str, tuple[str, ...]]
    compounds: frozenset[str] = frozenset()
    by_sound: frozenset[str] = frozenset()
    sets: Mapping[str, list[str]] = field(default_factory=dict)


def load_lexicon() -> Lexicon:
    """Read every file of the lexicon that ships with the package."""
    folder = resources.files(__package__).joinpath("lexicon")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return parse({f.name: f.read_text("utf-8") for f in files})


def parse(files: Mapping[str, str]) -> Lexicon:
    """Build a lexicon from the texts of its files.

    Args:
        files: File name to YAML text; sets and cues of one file hold in all.

    Raises:
        LexiconError: A key is missing or unknown, an id stands twice, a set is not defined.
    """
    data = {name: yaml_files.parse(text) for name, text in files.items()}
    sets: dict[str, list[str]] = {}
    for content in data.values():
        sets.update(content.get("sets", {}))
    version = next((str(c["version"]) for c in data.values() if "version" in c), "0")
    cues: dict[str, tuple[str, ...]] = {}
    entries: list[Entry] = []
    for name, content in data.items():
        for cue, literals in content.get("cues", {}).items():
            cues[cue] = tuple(x for text in literals for x in expand(str(text), sets))
        entries.extend(read_entry(name, row, sets) for row in content.get("entries", []))
    check_entries(entries, cues)
    digest = hashlib.sha256("\0".join(files[n] for n in sorted(files)).encode()).hexdigest()
    compounds = frozenset(x for c in data.values() for x in c.get("compounds", ()))
    by_sound = frozenset(x for c in data.values() for x in c.get("by_sound", ()))
    return Lexicon(f"{version}+{digest[:8]}", tuple(entries), cues, compounds, by_sound, sets)


def check_entries(entries: Iterable[Entry], cues: Mapping[str, object]) -> None:
    """Refuse entries that cannot stand together.

    Raises:
        LexiconError: An id stands twice, or an entry needs a cue that is not there.
    """
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise LexiconError(f"{entry.id}: stands twice")
        seen.add(entry.id)
        for cue in entry.needs:
            if cue not in cues:
                raise LexiconError(f"{entry.id}: no cue is called {cue}")


def read_entry(file: str, row: Mapping[str, Any], sets: Mapping[str, list[str]]) -> Entry:
    """Build one entry from its row, as YAML gives it; `file` is for the error's words.

    Raises:
        LexiconError: A key is missing, a scope is unknown, or a pattern cannot be read.
    """
    try:
        name = str(row["id"])
        scope = frozenset(row.get("scope", SCOPES))
        if scope - SCOPES:
            raise LexiconError(f"{name}: unknown scope")
        return Entry(
            id=name,
            level=Level(row["level"]),
            category=Category(row["category"]),
            patterns=tuple(read_pattern(p, sets) for p in row["patterns"]),
            needs=tuple(row.get("needs", ())),
            unless=tuple(x for text in row.get("unless", ()) for x in expand(text, sets)),
            apart_from=tuple(x for text in row.get("apart_from", ()) for x in expand(text, sets)),
            scope=scope,
            match=tuple(row["match"]),
            no_match=tuple(row["no_match"]),
            within=int(row.get("within", APART)),
            alone=bool(row.get("alone", False)),
        )
    except KeyError as missing:
        raise LexiconError(f"{file}: {row.get('id', 'an entry')}: {missing} missing") from missing


def read_pattern(text: str, sets: Mapping[str, list[str]]) -> Pattern:
    """Read one pattern of the lexicon."""
    pieces = _GAP.split(text)
    gaps = tuple(int(g) if g else DEFAULT_GAP for g in pieces[1::2])
    parts = tuple(tuple(dict.fromkeys(expand(p, sets))) for p in pieces[0::2])
    if any("" in part for part in parts):
        raise LexiconError("a part can be empty")
    return Pattern(parts, gaps)


def expand(text: str, sets: Mapping[str, list[str]]) -> list[str]:
    """List the literals of one part."""
    choices = [list(c) for c in _choices(text, sets)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MOST_LITERALS:
        raise LexiconError(f"a part stands for {count} literals; split it")
    return ["".join(p) for p in product(*choices)]


def _choices(text: str, sets: Mapping[str, list[str]]) -> Iterator[list[str]]:
    at = 0
    while at < len(text):
        if text[at] == "<":
            end = text.find(">", at)
            if end < 0:
                raise LexiconError("the name of a set is not closed with >")
            name = text[at + 1 : end]
            if name not in sets:
                raise LexiconError(f"no set is called {name}")
            yield [x for member in sets[name] for x in expand(str(member), sets)]
            at = end + 1
        elif text[at] == "{":
            end = _closing(text, at)
            yield [x for part in _split_top(text[at + 1 : end]) for x in expand(part, sets)]
            at = end + 1
        else:
            stop = min((i for i in (text.find("<", at), text.find("{", at)) if i >= 0), default=-1)
            stop = len(text) if stop < 0 else stop
            yield [text[at:stop]]
            at = stop


def _closing(text: str, at: int) -> int:
    depth = 0
    for index in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[index], 0)
        if depth == 0:
            return index
    raise LexiconError("a brace is not closed")


def _split_top(text: str) -> list[str]:
    parts, depth = [""], 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
