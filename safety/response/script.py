"""The conversation with a person at risk: which reviewed text comes next.

Data in `scripts.yaml`: every script is a row of questions. This module knows the place in it
and what kind of answer came; it knows no wording, no person, no clock and no number to call.
The same text never comes twice running: every answer moves the place on, and after the last
question several closing texts take turns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files
from safety.response.policy import Script
from safety.screening.answers import Answer
from safety.screening.context import DirectQuestion
from safety.screening.levels import Level

# The one question that goes under the model's reply at level 2: the first of `suicide`.
GENTLE = "gentle"
# How many wordings each general acknowledgement has.
VARIANTS = 3
# After the last question, every so many texts show the numbers again.
LINES_EVERY = 3


@dataclass(frozen=True, slots=True)
class ScriptQuestion:
    """One question of a script; see `scripts.yaml`."""

    name: str
    asks: DirectQuestion | None = None
    lines: bool = False
    offers: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """What is said next.

    Attributes:
        script: the script to stand in afterwards.
        step: the place in it afterwards.
        acknowledges: keys of texts for what the person said, the most fitting first; the
            first that exists is said. Empty at an opening.
        says: key of the text with the next question.
        lines: whether numbers to call stand below.
        emergency_first: emergency numbers before crisis lines.
        offers: which buttons stand below.
    """

    script: str
    step: int
    acknowledges: tuple[str, ...]
    says: str
    lines: bool
    emergency_first: bool = False
    offers: str | None = None

    @property
    def waits_for_words(self) -> bool:
        """Whether it asks what words answer: buttons answer an offer, closing texts ask nothing."""
        return self.offers is None and self.step < len(questions(self.script))


@dataclass(frozen=True, slots=True)
class _Scripts:
    scripts: Mapping[str, tuple[ScriptQuestion, ...]]
    stays: Mapping[str, int]


@cache
def _load() -> _Scripts:
    source = resources.files(__package__).joinpath("scripts.yaml").read_text("utf-8")
    data = yaml_files.parse(source)
    questions = {name: _question(name, row) for name, row in data["questions"].items()}
    scripts = {
        script: tuple(questions[name] for name in names)
        for script, names in data["scripts"].items()
    }
    if set(scripts) != set(Script):
        raise ValueError(f"scripts.yaml: scripts differ from the policy: {set(scripts)}")
    return _Scripts(scripts, data["stays"])


def _question(name: str, row: dict[str, Any]) -> ScriptQuestion:
    asks = DirectQuestion(row["asks"]) if "asks" in row else None
    return ScriptQuestion(name, asks, bool(row.get("lines")), row.get("offers"))


def questions(script: str) -> tuple[ScriptQuestion, ...]:
    """The questions of a script, in order."""
    return _load().scripts["suicide" if script == GENTLE else script]


def closing_texts(script: str) -> tuple[str, ...]:
    """Keys of the texts that take turns after a script's last question."""
    numbers = _load().stays
    own = script in numbers
    count = numbers[script if own else "default"]
    return tuple(f"stay_{script}_{n}" if own else f"stay_{n}" for n in range(1, count + 1))


def asked(script: str, step: int) -> DirectQuestion | None:
    """What the last reviewed text asked directly, for the screening of the answer."""
    row = questions(script)
    if script == GENTLE and step:  # answered already
        return None
    return row[step].asks if step < len(row) else None


def begin(script: str, *, emergency_first: bool) -> ScriptStep:
    """Open a script."""
    return ScriptStep(
        script, 0, (), f"crisis_{script}", lines=True, emergency_first=emergency_first
    )


def advance(script: str, step: int, turns: int, answer: Answer, level: Level) -> ScriptStep:
    """Say what follows an answer.

    Args:
        script: where the person stands.
        step: the question that waited for an answer, or beyond the last one.
        turns: how many reviewed texts were said in this script; turns the wordings.
        answer: what kind of answer came.
        level: the level of the person's words now.
    """
    row = questions(script)
    grave = level >= Level.IMMINENT
    acknowledges = _acknowledges(row, step, turns, answer, level)
    script = Script.SUICIDE if script == GENTLE else script
    if step + 1 < len(row):
        following = row[step + 1]
        return ScriptStep(
            script,
            step + 1,
            acknowledges,
            f"ask_{following.name}",
            lines=following.lines or grave or level >= Level.ACTIVE,
            emergency_first=grave,
            offers=following.offers,
        )
    place = step + 1 - len(row)
    texts = closing_texts(script)
    return ScriptStep(
        script,
        step + 1,
        acknowledges,
        texts[place % len(texts)],
        lines=grave or place % LINES_EVERY == 0,
        emergency_first=grave,
    )


def _acknowledges(
    row: tuple[ScriptQuestion, ...], step: int, turns: int, answer: Answer, level: Level
) -> tuple[str, ...]:
    variant = turns % VARIANTS + 1
    if level >= Level.IMMINENT:
        return (f"ack_emergency_{variant}",)
    own = (f"{row[step].name}_{answer}",) if step < len(row) else ()
    if level >= Level.ACTIVE and not (answer is Answer.YES and own):
        return (f"ack_risk_{variant}",)
    return (*own, f"ack_{answer}_{variant}", f"ack_{answer}_1")


_OWN_LIFE = frozenset({Script.SUICIDE, Script.SELF_HARM})
_TAKES_OVER = frozenset({*_OWN_LIFE, Script.VIOLENCE})


def takes_precedence(script: str, named: Script) -> bool:
    """Whether words of another kind open another script in the middle of one.

    An ambulance comes first and stays first. A risk to the writer's own life or to somebody's
    takes over from slower ones; suicide and self-harm are one conversation.
    """
    if named is Script.MEDICAL:
        return script != Script.MEDICAL
    if script == Script.MEDICAL or named not in _TAKES_OVER:
        return False
    return script != named and not {script, named} <= _OWN_LIFE
