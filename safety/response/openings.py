"""The openings for a moment of danger (`openings.yaml`): a roof, a road, a knife in the hand."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from safety import yaml_files
from safety.response.policy import Response
from safety.response.script import ScriptStep, begin, questions
from safety.screening.levels import Level
from safety.text.normalise import normalise, squeezed

# A denial ends right before the word that it denies, in a squeezed text.
_DENIAL = re.compile(r"(?:没|没有|冇|未|没再|不是|不|didnt|havent|not|never|no|isnt|dont)\Z")
_REACH = 6


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of danger.

    Attributes:
        scripts: The scripts that it opens.
        question: The question of the script that its text asks.
        words: Squeezed words, any of which names it. Without words it fits any message.
    """

    name: str
    scripts: frozenset[str]
    question: str
    words: tuple[str, ...]


@cache
def moments() -> tuple[Moment, ...]:
    """Return the moments, the most urgent first."""
    source = resources.files(__package__).joinpath("openings.yaml").read_text("utf-8")
    return tuple(
        Moment(
            row["name"],
            frozenset(row["scripts"]),
            row["question"],
            tuple(squeezed(normalise(word).surface) for word in row["words"]),
        )
        for row in yaml_files.parse(source)["moments"]
    )


def moment_of(response: Response, text: str) -> Moment | None:
    """Return the moment of danger that a message names, or None.

    Only level 4 is now. At level 3 a roof may be a plan for tomorrow.
    """
    if response.level < Level.IMMINENT:
        return None
    said = squeezed(normalise(text).surface)
    fitting = (moment for moment in moments() if response.script in moment.scripts)
    named = (m for m in fitting if not m.words or any(_names(said, word) for word in m.words))
    return next(named, None)


def _names(said: str, word: str) -> bool:
    """Return whether a squeezed text names a word and does not deny it (没割，吃了药)."""
    at = said.find(word)
    while at >= 0:
        if not _DENIAL.search(said, max(0, at - _REACH), at):
            return True
        at = said.find(word, at + 1)
    return False


def opening_of(response: Response, text: str) -> ScriptStep:
    """Return the first step of a script, with the opening that fits the moment."""
    moment = moment_of(response, text)
    if moment is None:
        return begin(response.script, emergency_first=response.emergency_first)
    names = [question.name for question in questions(response.script)]
    step = names.index(moment.question) if moment.question in names else 0
    return ScriptStep(
        response.script, step, (), f"crisis_now_{moment.name}", lines=True, emergency_first=True
    )
