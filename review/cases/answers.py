"""The line by which operators read what a person answered to the script."""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

from safety import yaml_files
from storage.companion.script_answers import ScriptAnswer
from storage.review.cases import Case


def answer_line(language: str, answers: Iterable[ScriptAnswer], case: Case) -> str:
    """Return the answers as one line without a person's words, or "" if there are none."""
    words = _words()
    parts = [
        f"{words['questions'][row.question][language]}: {words['answers'][row.answer][language]}"
        for row in answers
        if row.question in words["questions"]
    ]
    if case.is_asked:
        parts.append(words["asked"][language])
    return " · ".join(parts)


@cache
def _words() -> Any:
    return yaml_files.parse(
        resources.files(__package__).joinpath("answers.yaml").read_text("utf-8")
    )
