"""Whether the examples that entries carry hold: what must match does, what must not does not.

Knows a screener and the entries it screens with; nothing of who wrote them or of changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from safety.evaluation.replay import ReplayedText
from safety.screening.levels import Level
from safety.screening.lexicon import Entry, Lexicon
from safety.screening.screener import Screener

# The sources of the messages that `shipped_examples` gives.
MATCH, NO_MATCH = "examples that match", "examples that must not"


@dataclass(frozen=True, slots=True)
class Broken:
    """An example that does not hold.

    Attributes:
        rule: The entry whose example it is.
        example: The text as it stands in the entry; nobody's message.
        must_match: Whether it must give the rule (True) or must not (False).
    """

    rule: str
    example: str
    must_match: bool


def broken(screener: Screener, entry: Entry, *, releveled: bool = False) -> Iterator[Broken]:
    """Give the examples of one entry that do not hold at its level.

    Args:
        screener: Screens with a lexicon that holds the entry.
        entry: Whose examples are screened.
        releveled: Whether its examples were written for another level. Then a denial that was
            lowered to 1 is none the worse for a rule that has come down to 1 itself.
    """
    for text in entry.match:
        found = [m for m in screener.screen(text).matches if m.rule == entry.id]
        if not any(m.level >= entry.level for m in found):
            yield Broken(entry.id, text, True)
    for text in entry.no_match:
        found = [m for m in screener.screen(text).matches if m.rule == entry.id]
        own = [m for m in found if m.level >= entry.level and m.category is entry.category]
        if any(not (releveled and m.lowered) for m in own):
            yield Broken(entry.id, text, False)


def shipped_examples(lexicon: Lexicon) -> Iterator[ReplayedText]:
    """Give all examples of a lexicon as messages, each text once.

    An example that must match is a risk from level 2 on. What must not match one rule may be at
    risk by another, so the others are labelled neither risk nor harmless.
    """
    seen: set[str] = set()
    for source in (MATCH, NO_MATCH):
        for entry in lexicon.entries:
            is_risk = True if source == MATCH and entry.level >= Level.PASSIVE else None
            for text in entry.match if source == MATCH else entry.no_match:
                if text not in seen:
                    seen.add(text)
                    yield ReplayedText(text, source, is_risk)
