"""The rules for answers to direct questions, from `direct_questions/<asked>.yaml`.

"Took some pills" means little by itself and an emergency after "have you taken something?", so
these rules apply only after their question.
"""

from importlib import resources

from safety.screening.context import DirectQuestion
from safety.screening.levels import Category, Level
from safety.screening.lexicon import Lexicon, parse
from safety.screening.outcome import Screening


def load_rules() -> dict[DirectQuestion, Lexicon]:
    """Load the rules of every question that has some.

    Raises:
        LexiconError: A rule is invalid.
    """
    folder = resources.files(__package__).joinpath("direct_questions")
    files = {asked: folder.joinpath(f"{asked}.yaml") for asked in DirectQuestion}
    return {
        asked: parse({file.name: file.read_text("utf-8")})
        for asked, file in files.items()
        if file.is_file()
    }


def tells_of_harm(screening: Screening) -> bool:
    """Return whether an answer names harm already done, which is a yes at any length."""
    return any(
        match.rule.startswith(f"{DirectQuestion.INJURY}.")
        and match.level >= Level.ACTIVE
        and match.category in _HARM
        for match in screening.matches
    )


_HARM = frozenset({Category.MEDICAL, Category.SELF_HARM})
