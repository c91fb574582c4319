"""The literals of a lexicon and the keys by which a text is searched for them.

A literal is searched for as written, closed up, and by its sound. Making the keys of a whole
lexicon takes seconds and a hundred megabytes. A changed lexicon shares them and adds its own
(`plus`), so that taking a change into use delays no conversation.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

import ahocorasick_rs

from safety.text.characters import fold
from safety.text.normalise import SYLLABLE_MARK, squeezed
from safety.text.pinyin import sound_of

# Literals, any of which matches.
Alternatives = tuple[str, ...]
# Whether a literal's start and end must be word boundaries, as for Latin ones.
Bounds = tuple[bool, bool]
Groups = tuple[tuple[Bounds, tuple[int, ...]], ...]

_FEWEST_HEARD = 4  # syllables; shorter literals sound like too many everyday words
_REPEAT = re.compile(r"(.)\1", re.DOTALL)
_ANYWHERE = (False, False)
_SILENT = "\0"  # a character without a sound
_Keys = dict[str, list[tuple[Bounds, int]]]


class _Translation(dict[int, str]):
    """A table for `str.translate` that asks once for each character."""

    def __init__(self, of: Callable[[str], str]) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, code: int) -> str:
        return self.setdefault(code, self._of(chr(code)))


def _syllable(char: str) -> str:
    sound = sound_of(char)
    return SYLLABLE_MARK + sound if sound else _SILENT


# Tens of thousands of literals pass here at every start: `translate` is three times as fast.
_FOLDED = _Translation(fold)
_SPELLED = _Translation(_syllable)


class Automaton:
    """Finds all occurrences of some keys."""

    def __init__(self, keys: list[str]) -> None:
        self.keys = keys
        self._automaton = ahocorasick_rs.AhoCorasick(keys)

    def find(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Yield every key that occurs, with its start and end. Occurrences may overlap."""
        for index, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            yield self.keys[index], start, end


class Literals:
    """Numbered parts, and the automata that find their keys.

    Args:
        parts: The parts. Repeats are ignored.
        by_sound: Words, one of which a literal must contain to be found by its sound alone.

    Attributes:
        plain: Automata of keys as written and closed up.
        typed: Automata of keys spelled in Latin letters.
        heard: Automata of keys by sound alone, without any Latin letter typed.
    """

    def __init__(self, parts: Iterable[Alternatives], by_sound: frozenset[str]) -> None:
        self.by_sound = by_sound
        self._may_be_heard = re.compile("|".join(map(re.escape, by_sound)) or "(?!)").search
        self._numbers: dict[Alternatives, int] = {}
        self._sounds: dict[str, str] = {}
        self._layers: list[Mapping[str, list[tuple[Bounds, int]]]] = []
        self._groups: dict[str, Groups] = {}
        self.plain: list[Automaton] = []
        self.typed: list[Automaton] = []
        self.heard: list[Automaton] = []
        self._add(parts)

    def plus(self, parts: Iterable[Alternatives]) -> "Literals":
        """Return these literals and more. Both share the automata built so far."""
        more = Literals((), self.by_sound)
        more._numbers, more._sounds = dict(self._numbers), dict(self._sounds)
        more._layers = [*self._layers]
        more.plain, more.typed, more.heard = [*self.plain], [*self.typed], [*self.heard]
        more._add(parts)
        return more

    def number(self, part: Alternatives) -> int:
        """Return the number of a known part."""
        return self._numbers[part]

    def heard_in(self, parts: Iterable[Alternatives]) -> frozenset[str]:
        """Return the keys by which literals of these parts may be found by sound alone."""
        sounds = self._sounds
        return frozenset(sounds[x] for part in parts for x in part if x in sounds)

    def groups(self, key: str) -> Groups:
        """Return the parts of a key, grouped by their word boundaries."""
        groups = self._groups.get(key)
        if groups is None:
            rows = (row for layer in self._layers for row in layer.get(key, ()))
            groups = self._groups[key] = _grouped(rows)
        return groups

    def _add(self, parts: Iterable[Alternatives]) -> None:
        keys: _Keys = {}
        heard = {key for automaton in self.heard for key in automaton.keys}
        for part in parts:
            if part not in self._numbers:
                number = self._numbers[part] = len(self._numbers)
                for literal in part:
                    self._add_literal(keys, number, literal)
        fresh = [key for key in keys if not any(key in layer for layer in self._layers)]
        self._layers.append(keys)
        for automata, wanted in (
            (self.plain, [key for key in fresh if not key.startswith(SYLLABLE_MARK)]),
            (self.typed, [key for key in fresh if key.startswith(SYLLABLE_MARK)]),
            (self.heard, sorted(set(self._sounds.values()) - heard)),
        ):
            if wanted:
                automata.append(Automaton(wanted))

    def _add_literal(self, keys: _Keys, number: int, literal: str) -> None:
        folded = literal.rstrip("*").translate(_FOLDED)
        letters = folded if folded.isalnum() else "".join(filter(str.isalnum, folded))
        if not letters:
            return
        # k i l l stays as it is, kill is closed up (see `squeeze`). Tens of thousands of literals
        # pass here at every start, and most have no repeat.
        key = squeezed(folded) if _REPEAT.search(letters) else letters
        bounds = (_is_latin(key[0]), _is_latin(key[-1]) and not literal.endswith("*"))
        keys.setdefault(key, []).append((bounds, number))
        if letters != key:
            keys.setdefault(letters, []).append((bounds, number))
        if spelled := _spell(letters):
            keys.setdefault(spelled, []).append((_ANYWHERE, number))
            if spelled.count(SYLLABLE_MARK) > _FEWEST_HEARD and self._may_be_heard(literal):
                self._sounds[literal] = spelled


def _spell(letters: str) -> str:
    """Spell a Chinese literal as the pinyin view does. Others give an empty text."""
    if letters.isascii():
        return ""
    spelled = letters.translate(_SPELLED)
    return "" if _SILENT in spelled else spelled + SYLLABLE_MARK


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalpha()


def _grouped(rows: Iterable[tuple[Bounds, int]]) -> Groups:
    groups: dict[Bounds, list[int]] = {}
    for bounds, part in rows:
        groups.setdefault(bounds, []).append(part)
    return tuple((bounds, tuple(dict.fromkeys(parts))) for bounds, parts in groups.items())
