"""The openings for a moment of danger (`openings.yaml`): a roof, a road, a knife in the hand."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

from safety import yaml_files
from safety.response.policy import Response
from safety.response.script import ScriptStep, begin, questions
from safety.screening.levels import Level
from safety.text.normalise import normalise, squeezed


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment of danger.

    Attributes:
        scripts: The scripts that it opens.
        question: The question of the script that its text asks.
        words: Squeezed words, any of which names it.
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
    return next((m for m in fitting if any(word in said for word in m.words)), None)


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
