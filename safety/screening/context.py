"""The context of a message: the person's earlier turns.

Context can only raise a level. Neither one message nor five are the state of a person, so the ways
of raising are narrow on purpose. Each has a rule name.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile

from safety.screening.levels import Category, Level
from safety.text.sentences import counts_at_most

# How many of the person's own earlier turns count.
REMEMBERED = 4
# The most Han characters or Latin words of a turn that may be a piece of a sentence.
SHORT = 8
_MOST_OF_PIECE = 64  # letters

# After a risk was named: phrases that it still holds, or is about to be acted on.
_RESOLVED = re.compile(
    r"(?:我|已经|终于)?(?:决定好?了|想好了|准备好了|下定决心|做好决定|撑不住了|忍不住了"
    r"|控制不住了|坚持不下去|没有退路|来不及了"
    r"|等不及了|就今晚|就今天|就现在|马上就去|这就去|我去了|要去了|就要去做|还是想|还是很想"
    r"|更想了|又想了|还在想|真的会做|真的会去"
    r"|说到做到|没用的，?我|谁也拦不住|别拦我|不要拦我|别找我)"
    r"|\b(?:i'?ve decided|i decided|made up my mind|i'?m ready|i'?ll do it|i will do it"
    r"|i'?m going to do it"
    r"|i'?m gonna do it|doing it (?:now|tonight|today)|still want to|still thinking about it"
    r"|can'?t wait any ?more"
    r"|it'?s time|too late (?:for me|now)|no one can stop me|don'?t (?:try to )?stop me"
    r"|don'?t look for me)\b"
)


@dataclass(frozen=True, slots=True)
class Added:
    """The level, category and rule that context adds to a message."""

    level: Level
    category: Category
    rule: str


def is_piece(text: str) -> bool:
    """Return whether a turn is short enough to be a piece of a longer sentence."""
    return len(text) <= _MOST_OF_PIECE and counts_at_most(text.lower(), SHORT)


def sent_before(history: Sequence[str]) -> str:
    """Return the pieces right before a message, one per line, which it may continue.

    Args:
        history: The person's own turns, oldest first.
    """
    pieces = list(takewhile(is_piece, reversed(history)))[::-1]
    return "".join(f"{piece}\n" for piece in pieces)


def gone_on(text: str) -> str:
    """Return the start of a message that may belong to a sentence begun before it."""
    return text[:_MOST_OF_PIECE]


def carried(
    surface: str, cues: Collection[str], now: Level, before: Sequence[tuple[Level, Category]]
) -> Added | None:
    """Judge what the person's own earlier turns add to a message.

    Args:
        surface: The folded message.
        cues: The names of the lexicon's cues in it.
        now: The level of the message alone.
        before: The level and gravest category of each earlier turn, oldest first.

    Returns:
        After a turn of level 3, level 4 for means or a goodbye, and 3 for a phrase that the risk
        still holds. After an own risk of level 2, level 2 for distress. Otherwise None.
    """
    own = [(level, category) for level, category in before if category in _GOES_ON]
    level, category = max(own, key=lambda turn: turn[0], default=(Level.NONE, Category.SUICIDE))
    if level >= Level.ACTIVE and not _IMMINENT.isdisjoint(cues):
        return Added(Level.IMMINENT, category, "context.imminent")
    if level >= Level.ACTIVE and _RESOLVED.search(surface):
        return Added(Level.ACTIVE, category, "context.resolved")
    if level >= Level.PASSIVE and now == Level.DISTRESS:
        return Added(Level.PASSIVE, category, "context.goes_on")
    return None


_GOES_ON = frozenset({Category.SUICIDE, Category.SELF_HARM})
_IMMINENT = frozenset({"means", "goodbye"})
