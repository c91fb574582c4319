"""The scripts for a person at risk, which choose the next reviewed text.

`scripts.yaml` lists the questions of every script. The same text never comes twice in a row:
every answer moves on to the next question that is still open, and after the last one the closing
texts take turns.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files
from safety.response.policy import Script
from safety.screening.answers import Answer
from safety.screening.levels import Level

# The script of the one question under the model's reply at level 2, the first of `suicide`.
GENTLE = "gentle"
# How many wordings a general acknowledgement has.
VARIANTS = 3
# After the last question, every third text shows the numbers to call again.
LINES_EVERY = 3


@dataclass(frozen=True, slots=True)
class ScriptQuestion:
    """One question of a script (see `scripts.yaml`)."""

    name: str
    lines: bool = False
    offers: str | None = None


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """The next text of a script.

    Attributes:
        script: the script after this text.
        step: the position in the script after this text.
        acknowledges: keys of texts that acknowledge the answer, the most fitting first. The
            first that exists is sent. Empty at an opening.
        says: key of the text with the next question.
        heard: keys of texts about what was told in passing. Those that exist are sent.
        lines: whether numbers to call follow.
        emergency_first: whether emergency numbers come before crisis lines.
        offers: the buttons that follow, or None.
    """

    script: str
    step: int
    acknowledges: tuple[str, ...]
    says: str
    lines: bool
    emergency_first: bool = False
    offers: str | None = None
    heard: tuple[str, ...] = ()

    @property
    def waits_for_words(self) -> bool:
        """Whether it waits for a message, as offers (buttons) and closing texts do not."""
        return self.offers is None and self.step < len(questions(self.script))


@dataclass(frozen=True, slots=True)
class _Scripts:
    scripts: Mapping[str, tuple[ScriptQuestion, ...]]
    lasting: Mapping[str, str]
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
        raise ValueError(f"scripts.yaml: scripts must be those of the policy, not {set(scripts)}")
    return _Scripts(scripts, data["lasting"], data["stays"])


def _question(name: str, row: dict[str, Any]) -> ScriptQuestion:
    return ScriptQuestion(name, bool(row.get("lines")), row.get("offers"))


def questions(script: str) -> tuple[ScriptQuestion, ...]:
    """Return the questions of a script, in order."""
    return _load().scripts["suicide" if script == GENTLE else script]


def closing_texts(script: str) -> tuple[str, ...]:
    """Return the keys of the texts that take turns after a script's last question."""
    numbers = _load().stays
    own = script in numbers
    count = numbers[script if own else "default"]
    return tuple(f"stay_{script}_{n}" if own else f"stay_{n}" for n in range(1, count + 1))


def asked(script: str, step: int) -> str | None:
    """Return the question of the last reviewed text, for screening the answer."""
    row = questions(script)
    if script == GENTLE and step:  # already answered
        return None
    return row[step].name if step < len(row) else None


def lasting(script: str) -> str | None:
    """Return the question whose answer is still acknowledged after a script's last one."""
    return _load().lasting.get(script)


def begin(script: str, *, emergency_first: bool) -> ScriptStep:
    """Open a script."""
    return ScriptStep(
        script, 0, (), f"crisis_{script}", lines=True, emergency_first=emergency_first
    )


def advance(
    script: str,
    step: int,
    turns: int,
    answer: Answer,
    level: Level,
    known: Collection[str] = (),
) -> ScriptStep:
    """Choose the text that follows an answer.

    Args:
        script: the person's script.
        step: the question that waited for an answer, or beyond the last one.
        turns: how many texts of this script were sent, which rotates the wordings.
        answer: the kind of answer.
        level: the level of the answer.
        known: the questions that were answered already, which are not asked again.
    """
    row = questions(script)
    grave = level >= Level.IMMINENT
    name = row[step].name if step < len(row) else lasting(script)
    acknowledges = _acknowledges(name, turns, answer, level)
    script = Script.SUICIDE if script == GENTLE else script
    step += 1
    while step < len(row) and row[step].name in known and row[step].offers is None:
        step += 1
    if step < len(row):
        following = row[step]
        return ScriptStep(
            script,
            step,
            acknowledges,
            f"ask_{following.name}",
            lines=following.lines or grave or level >= Level.ACTIVE,
            emergency_first=grave,
            offers=following.offers,
        )
    place = step - len(row)
    texts = closing_texts(script)
    return ScriptStep(
        script,
        step,
        acknowledges,
        texts[place % len(texts)],
        lines=grave or place % LINES_EVERY == 0,
        emergency_first=grave,
    )


def told_beside(
    script: str, step: int, told: Mapping[str, Answer], known: Collection[str]
) -> dict[str, Answer]:
    """Return what a message told in passing that the script would still ask.

    Args:
        script: the person's script.
        step: the question that waited for an answer.
        told: the answers that the message gives, by question.
        known: the questions that were answered already.
    """
    later = [question.name for question in questions(script)[step + 1 :]]
    return {name: told[name] for name in later if name in told and name not in known}


def _acknowledges(
    question: str | None, turns: int, answer: Answer, level: Level
) -> tuple[str, ...]:
    variant = turns % VARIANTS + 1
    if level >= Level.IMMINENT:
        return (f"ack_emergency_{variant}",)
    own = (f"{question}_{answer}",) if question else ()
    if level >= Level.ACTIVE and not (answer is Answer.YES and own):
        return (f"ack_risk_{variant}",)
    return (*own, f"ack_{answer}_{variant}", f"ack_{answer}_1")


_OWN_LIFE = frozenset({Script.SUICIDE, Script.SELF_HARM})
_TAKES_OVER = frozenset({*_OWN_LIFE, Script.VIOLENCE})


def takes_precedence(script: str, named: Script) -> bool:
    """Return whether a message opens another script in the middle of one.

    An ambulance comes first and stays first. A risk to the writer's or another person's life
    takes over from slower risks. Suicide and self-harm are one conversation.
    """
    if named is Script.MEDICAL:
        return script != Script.MEDICAL
    if script == Script.MEDICAL or named not in _TAKES_OVER:
        return False
    return script != named and not {script, named} <= _OWN_LIFE
