"""What answers to a direct question say about risk: rules of their own for each question.

Data in `direct_questions/<asked>.yaml`, in the language of the lexicon. Took some pills is nothing
by itself and an emergency after "have you taken something?", so these rules are read in the light
of that question alone.
"""

from importlib import resources
from typing import TYPE_CHECKING

from safety.screening.context import DirectQuestion
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Lexicon, parse

if TYPE_CHECKING:
    from safety.screening.screener import Screening


def load_rules() -> dict[DirectQuestion, Lexicon]:
    """Read the rules of every question that has some.

    Raises:
        LexiconError: A rule cannot be read.
    """
    folder = resources.files(__package__).joinpath("direct_questions")
    files = {asked: folder.joinpath(f"{asked}.yaml") for asked in DirectQuestion}
    return {
        asked: parse({file.name: file.read_text("utf-8")})
        for asked, file in files.items()
        if file.is_file()
    }


def tells_of_harm(screening: "Screening") -> bool:
    """Whether an answer about injury named harm that is done: it is a yes, however long."""
    return any(
        match.rule.startswith(f"{DirectQuestion.INJURY}.")
        and match.level >= Level.ACTIVE
        and match.category in _HARM
        for match in screening.matches
    )


_HARM = frozenset({Category.MEDICAL, Category.SELF_HARM})
