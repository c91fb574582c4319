"""The rules for what an answer says about danger, from `direct_questions/*.yaml`.

"Took some pills" means little by itself and an emergency after "have you taken something?", so
each of these rules applies only after its questions.
"""

from importlib import resources

from safety.screening.answers import (
    LATER,
    NAMED_RISK,
    Answer,
    Reading,
    all_questions,
    raised_by,
    told,
)
from safety.screening.context import Added
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Lexicon, LexiconError, parse
from safety.screening.outcome import Match

_FILES = ("injury.yaml", "danger.yaml")
# The subjects of questions to which harm already done is a yes.
_ABOUT_HARM = frozenset({"act", "body"})
_HARM = frozenset({Category.MEDICAL, Category.SELF_HARM})
_SIGNS = frozenset({"injury.unwell", "injury.swoon"})


def load_rules() -> Lexicon:
    """Load the rules for answers.

    Raises:
        LexiconError: A rule is invalid, or names no question or an unknown one.
    """
    folder = resources.files(__package__).joinpath("direct_questions")
    rules = parse({name: folder.joinpath(name).read_text("utf-8") for name in _FILES})
    for entry in rules.entries:
        if not entry.asked or not entry.asked - {LATER, NAMED_RISK} <= all_questions().keys():
            raise LexiconError(f"{entry.id}: asked must name questions of questions.yaml")
    return rules


def answered(surface: str, reading: Reading, asked: str) -> list[Added]:
    """Return what the kind of an answer raises, and what it tells about other questions.

    Args:
        surface: The folded message.
        reading: How it was read.
        asked: The question before it.
    """
    readings = {name: Reading(answer) for name, answer in told(surface).items()} | {asked: reading}
    added = []
    for name, one in readings.items():
        question = all_questions()[name]
        if level := raised_by(surface, one, question):
            rule = f"context.{one.answer}_{name}" if name == asked else f"context.told_{name}"
            category = Category.MEDICAL if level == Level.IMMINENT else question.category
            added.append(Added(level, category, rule))
    return added


def heard(matches: list[Match], answer: Answer, asked: str) -> list[Match]:
    """Return the matches that count after a question.

    A sign of the body is not harm in an answer that denies harm.
    """
    is_denied = asked == "injured" and answer in (Answer.NO, Answer.FINE)
    return [m for m in matches if not (is_denied and m.rule in _SIGNS)]


def tells_of_harm(matches: list[Match], asked: str) -> bool:
    """Return whether an answer names harm already done, which is a yes at any length."""
    return all_questions()[asked].subject in _ABOUT_HARM and any(
        match.level >= Level.ACTIVE and match.category in _HARM for match in matches
    )
