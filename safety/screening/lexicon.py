"""The lexicon of `lexicon/*.yaml` and the language of its patterns.

A pattern is one or more parts with gaps between them. `<BUY> ..6 <PILLS>` is any literal of the
first part, then any of the second, at most six letters later in the same sentence.
Inside a part `{a|b|}` lists alternatives and `<NAME>` names a set. A literal that ends in `*` may
continue with more Latin letters.
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
# How near an `apart_from` literal voids a match, in characters, unless the entry says.
APART = 14
_MOST_LITERALS = 5_000
_GAP = re.compile(r"\s+\.\.(\d*)\s+")
SCOPES = frozenset({"negation", "third_person", "fiction", "past"})


class LexiconError(ValueError):
    """The lexicon is invalid. The message names the file or the entry."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Parts in order. `gaps[i]` is the most letters between parts i and i + 1."""

    parts: tuple[tuple[str, ...], ...]
    gaps: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity, because hashing is hot
class Entry:
    """One rule.

    Attributes:
        needs: Cues, one of which must occur in the message.
        unless: Literals that void a match that they overlap (idioms, other words).
        apart_from: Literals that void a match that they are near (a mosquito, a board game).
        scope: The readings of scope that may lower it.
        within: How near an `apart_from` literal voids a match, in characters.
        alone: Whether a match must fill its clause, apart from fillers (`clauses.py`).
        asked: The questions after which it holds. Only rules for answers have some.
        match, no_match: Examples that must, or must not, match this rule at its own level.
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
    asked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All entries and cues under one version.

    Attributes:
        compounds: Two-character words that match across ordinary punctuation.
        by_sound: Words, one of which a literal must contain to be found by its sound alone.
        sets: The named sets, for entries that changes add.
    """

    version: str
    entries: tuple[Entry, ...]
    cues: Mapping[str, tuple[str, ...]]
    compounds: frozenset[str] = frozenset()
    by_sound: frozenset[str] = frozenset()
    sets: Mapping[str, list[str]] = field(default_factory=dict)


def load_lexicon() -> Lexicon:
    """Load the lexicon that ships with the package."""
    folder = resources.files(__package__).joinpath("lexicon")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return parse({f.name: f.read_text("utf-8") for f in files})


def parse(files: Mapping[str, str]) -> Lexicon:
    """Build a lexicon from the texts of its files.

    Args:
        files: The YAML texts by file name. Sets and cues of one file count in all files.

    Raises:
        LexiconError: A key is missing or unknown, an id repeats, or a set is not defined.
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
        asked = content.get("asked", ())  # of every entry of the file that names none itself
        rows = ({"asked": asked, **row} for row in content.get("entries", []))
        entries.extend(read_entry(name, row, sets) for row in rows)
    check_entries(entries, cues)
    digest = hashlib.sha256("\0".join(files[n] for n in sorted(files)).encode()).hexdigest()
    compounds = frozenset(x for c in data.values() for x in c.get("compounds", ()))
    by_sound = frozenset(x for c in data.values() for x in c.get("by_sound", ()))
    return Lexicon(f"{version}+{digest[:8]}", tuple(entries), cues, compounds, by_sound, sets)


def check_entries(entries: Iterable[Entry], cues: Mapping[str, object]) -> None:
    """Refuse entries that do not fit together.

    Raises:
        LexiconError: An id repeats, or an entry needs an unknown cue.
    """
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise LexiconError(f"{entry.id}: the id is there twice; rename one")
        seen.add(entry.id)
        for cue in entry.needs:
            if cue not in cues:
                raise LexiconError(f"{entry.id}: needs the unknown cue {cue}; add it or remove it")


def read_entry(file: str, row: Mapping[str, Any], sets: Mapping[str, list[str]]) -> Entry:
    """Build one entry from its row of YAML values. Errors name `file`.

    Raises:
        LexiconError: A key is missing, a scope is unknown, or a pattern is invalid.
    """
    try:
        name = str(row["id"])
        scope = frozenset(row.get("scope", SCOPES))
        if scope - SCOPES:
            raise LexiconError(f"{name}: scope takes {', '.join(sorted(SCOPES))}")
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
            asked=frozenset(row.get("asked", ())),
        )
    except KeyError as missing:
        raise LexiconError(f"{file}: {row.get('id', 'an entry')}: needs {missing}") from missing


def read_pattern(text: str, sets: Mapping[str, list[str]]) -> Pattern:
    """Parse one pattern of the lexicon."""
    pieces = _GAP.split(text)
    gaps = tuple(int(g) if g else DEFAULT_GAP for g in pieces[1::2])
    parts = tuple(tuple(dict.fromkeys(expand(p, sets))) for p in pieces[0::2])
    if any("" in part for part in parts):
        raise LexiconError("a part can be empty; remove an empty alternative")
    return Pattern(parts, gaps)


def expand(text: str, sets: Mapping[str, list[str]]) -> list[str]:
    """Return the literals of one part."""
    choices = [list(c) for c in _choices(text, sets)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > _MOST_LITERALS:
        raise LexiconError(f"a part expands to {count} literals; split it")
    return ["".join(p) for p in product(*choices)]


def _choices(text: str, sets: Mapping[str, list[str]]) -> Iterator[list[str]]:
    at = 0
    while at < len(text):
        if text[at] == "<":
            end = text.find(">", at)
            if end < 0:
                raise LexiconError("the name of a set is not closed; add >")
            name = text[at + 1 : end]
            if name not in sets:
                raise LexiconError(f"there is no set {name}; define it or use another")
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
    raise LexiconError("a brace is not closed; add }")


def _split_top(text: str) -> list[str]:
    parts, depth = [""], 0
    for char in text:
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return parts
