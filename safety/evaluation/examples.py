"""The check of entries' examples: those that must match, and those that must not."""

from collections.abc import Iterator
from dataclasses import dataclass

from safety.evaluation.replay import ReplayedText
from safety.screening.levels import Level
from safety.screening.lexicon import Entry, Lexicon
from safety.screening.screener import Screener

# The sources of the messages that `shipped_examples` yields.
MATCH, NO_MATCH = "examples that match", "examples that must not"


@dataclass(frozen=True, slots=True)
class Broken:
    """An example that fails.

    Attributes:
        rule: The entry of the example.
        example: The text of the example, which is not a person's message.
        must_match: Whether the rule must match it (True) or must not (False).
    """

    rule: str
    example: str
    must_match: bool


def broken(screener: Screener, entry: Entry, *, releveled: bool = False) -> Iterator[Broken]:
    """Yield the examples of one entry that fail at its level.

    Args:
        screener: A screener of a lexicon with the entry.
        entry: The entry whose examples are screened.
        releveled: Whether its examples were written for another level. A denial lowered to
            level 1 then passes, even if the rule itself now has level 1.
    """
    for text in entry.match:
        matches = [m for m in screener.screen(text).matches if m.rule == entry.id]
        if not any(m.level >= entry.level for m in matches):
            yield Broken(entry.id, text, True)
    for text in entry.no_match:
        matches = [m for m in screener.screen(text).matches if m.rule == entry.id]
        own = [m for m in matches if m.level >= entry.level and m.category is entry.category]
        if any(not (releveled and m.lowered) for m in own):
            yield Broken(entry.id, text, False)


def shipped_examples(lexicon: Lexicon) -> Iterator[ReplayedText]:
    """Yield all examples of a lexicon as messages, each text once.

    An example that must match is a risk from level 2 on. The others stay unlabelled, because a
    text that must not match one rule may be a risk by another.
    """
    seen: set[str] = set()
    for source in (MATCH, NO_MATCH):
        for entry in lexicon.entries:
            is_risk = True if source == MATCH and entry.level >= Level.PASSIVE else None
            for text in entry.match if source == MATCH else entry.no_match:
                if text not in seen:
                    seen.add(text)
                    yield ReplayedText(text, source, is_risk)
