"""The outcome of screening a text: its matches, and the level that they amount to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from safety.screening.answers import Answer
from safety.screening.levels import Category, Level

# The beginning of the names of rules for a text in another language: `lang.es.suicide`.
OTHER_LANGUAGE = "lang."


@dataclass(frozen=True, slots=True)
class Match:
    """One rule at one place. `start` and `end` count code points of the original text.

    Attributes:
        lowered: Whether scope (denial, past, another person) lowered it.
    """

    start: int
    end: int
    rule: str
    level: Level
    category: Category
    lowered: bool = False


@dataclass(frozen=True, slots=True)
class Screening:
    """The outcome of screening one text.

    Attributes:
        categories: The categories of matches from level 2 on, in the order of `Category`.
        matches: All matches. Lowered ones have their lowered level.
        lexicon: The version of the lexicon.
        answer: What kind of answer it is, if it was read as one.
    """

    level: Level
    categories: tuple[Category, ...]
    matches: tuple[Match, ...]
    lexicon: str
    answer: Answer | None = None

    @property
    def language(self) -> str | None:
        """The other language whose rules alone gave the level, or None."""
        rules = [match.rule for match in self.at_least(self.level)]
        if not rules or not all(rule.startswith(OTHER_LANGUAGE) for rule in rules):
            return None
        return rules[0].removeprefix(OTHER_LANGUAGE).split(".")[0]

    def at_least(self, level: Level) -> list[Match]:
        """Return the matches at a level or above it."""
        return [m for m in self.matches if m.level >= level]

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON, without the text."""
        answer = {} if self.answer is None else {"answer": self.answer.value}
        return {
            "level": int(self.level),
            "categories": [c.value for c in self.categories],
            "matches": [
                {
                    "start": m.start,
                    "end": m.end,
                    "rule": m.rule,
                    "level": int(m.level),
                    "category": m.category.value,
                }
                for m in self.matches
            ],
            "lexicon": self.lexicon,
            **answer,
        }


def sum_up(matches: Sequence[Match], version: str) -> Screening:
    """Return the screening that matches amount to."""
    level = max((m.level for m in matches), default=Level.NONE)
    named = {m.category for m in matches if m.level >= Level.PASSIVE}
    categories = tuple(c for c in Category if c in named)
    return Screening(level, categories, tuple(matches), version)


def merge(screenings: Iterable[Screening]) -> Screening:
    """Merge the screenings of a burst's messages.

    Args:
        screenings: The screenings, in the order of the messages.

    Returns:
        The highest level and all categories. Each match keeps the position in its own message,
        so a merged screening says what was found, not where.
    """
    items = list(screenings)
    matches = [m for item in items for m in item.matches]
    summed = sum_up(matches, items[0].lexicon if items else "")
    level = max((item.level for item in items), default=Level.NONE)
    answer = next((item.answer for item in reversed(items) if item.answer), None)
    return replace(summed, level=level, answer=answer)
