"""The closed vocabulary of requests, which keeps talk from being read as a setting.

Whatever a grammar has not read must be punctuation or stand in `request_words.yaml`. One word
more, and the whole message is for the companion: "it's 3am and I can't sleep" arranges nothing.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import resources

from safety import yaml_files

HAN = "[⺀-鿿]"
UNIT = re.compile(r"[^\W\d_⺀-鿿]+(?:'[^\W\d_⺀-鿿]+)*|[⺀-鿿]|\d+|[^\W]|[^\w\s]")
PUNCTUATION = frozenset("。.,，、;；:：!！?？~～-–—…·/&+@()（）\"“”'‘’「」*👍👌🙏😊🙂✅️")
EDGES = " \t\n。.,，、;；!！?？~～…—-·\"“”'‘’()（）👍👌🙏😊🙂"
Vocabulary = frozenset[tuple[str, ...]]


@cache
def _lists() -> Mapping[str, Mapping[str, str]]:
    file = resources.files(__package__).joinpath("request_words.yaml")
    lists: Mapping[str, Mapping[str, str]] = yaml_files.parse(file.read_text(encoding="utf-8"))
    return lists


@cache
def listed(name: str, language: str) -> tuple[str, ...]:
    """One list of words, longest first."""
    text = _lists()[name].get(language, "")
    words = text.split() if language == "zh" else [word.strip() for word in text.split(",")]
    return tuple(sorted(filter(None, words), key=len, reverse=True))


@cache
def words(*names: str) -> Vocabulary:
    """Return the words of some lists in both languages, each cut into units."""
    return frozenset(
        tuple(UNIT.findall(word))
        for name in names
        for language in ("zh", "en")
        for word in listed(name, language)
    )


def request_vocabulary() -> Vocabulary:
    """Return the words that may stand around the times of a request."""
    return words("asking", "polite", "joining")


def is_covered(rest: Iterable[str], known: Vocabulary) -> bool:
    """Return whether every piece consists of known words and punctuation alone."""
    return all(_is_made_of(piece, known) for piece in rest)


def _is_made_of(piece: str, known: Vocabulary) -> bool:
    units = [unit for unit in UNIT.findall(piece) if unit not in PUNCTUATION]
    longest = max(map(len, known))
    reached = {0}
    for end in range(1, len(units) + 1):  # each place is looked at once: no blow-up
        starts = range(max(0, end - longest), end)
        if any(start in reached and tuple(units[start:end]) in known for start in starts):
            reached.add(end)
    return len(units) in reached


def without_politeness(folded: str, *, is_wanted: bool = True) -> str:
    """Strip the politeness around a message and, if `is_wanted`, "I want" as well."""
    names = ("front", "wanted") if is_wanted else ("front",)
    fronts = [word for name in names for word in listed(name, "zh")]
    english = "|".join(word for name in names for word in listed(name, "en"))
    ends = "|".join(listed("back", "en"))
    core = re.sub(r"\s+", " ", folded).strip(EDGES)
    while True:  # each round makes it shorter
        before = core
        match = re.match(rf"(?:{english})\b[\s,.!]*", core)
        if match and match.end() < len(core):
            core = core[match.end() :]
        core = re.sub(rf"[\s,]*\b(?:{ends})$", "", core) or core
        core = core.removeprefix(_longest(fronts, core.startswith)) or core
        core = core.removesuffix(_longest(listed("back", "zh"), core.endswith)) or core
        core = core.strip(EDGES) or core
        core = re.sub(rf"(?<={HAN})[，,、 ]+(?={HAN})", "", core)
        if core == before:
            return core


def _longest(candidates: Iterable[str], is_there: Callable[[str], bool]) -> str:
    return max(filter(is_there, candidates), key=len, default="")
