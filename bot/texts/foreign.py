"""The texts in languages that the companion does not speak (`other_languages/<code>.yaml`).

Each language has two texts: what this is, and what to do in danger. `reviewed_by` names the person
who speaks the language and has read its texts and rules.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from bot.texts import LANGUAGES, Texts
from bot.texts.help_lines import HelpLines
from safety import yaml_files
from safety.text.languages import UNKNOWN

# The numbers under a text. Their names are English, so few are enough.
MOST_NUMBERS = 3


@dataclass(frozen=True, slots=True)
class ForeignTexts:
    """The reviewed texts of one language.

    Attributes:
        reviewed_by: The reader, or "" if nobody has read them yet.
        hello: What this is, and where people help.
        crisis: What to do in danger.
        operators: That people on duty were told.
    """

    name_en: str
    name_zh: str
    reviewed_by: str
    hello: str
    crisis: str
    operators: str


@cache
def foreign_texts() -> Mapping[str, ForeignTexts]:
    """Return the texts of every language, by code."""
    folder = resources.files(__package__).joinpath("other_languages")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return MappingProxyType(
        {
            file.name.removesuffix(".yaml"): ForeignTexts(
                **yaml_files.parse(file.read_text("utf-8"))
            )
            for file in files
        }
    )


def language_name(code: str, language: str) -> str:
    """Return the name of a language that has texts, for operators."""
    found = foreign_texts()[code]
    return found.name_zh if language == "zh" else found.name_en


@dataclass(frozen=True, slots=True)
class ForeignSpeech:
    """Write the texts in other languages, with the numbers of a region."""

    texts: Texts
    help_lines: HelpLines

    def hello(self, code: str, region: str | None) -> str:
        """Say what this is, in the person's language or else in both that the companion speaks."""
        if code == UNKNOWN or code not in foreign_texts():
            return "\n\n".join(
                self.texts(ours, "other_language", lines=self._numbers(region, ours))
                for ours in LANGUAGES
            )
        text = foreign_texts()[code].hello
        return text.format(lines=self._numbers(region)).rstrip()

    def crisis(self, code: str, region: str | None, *, tells_operators: bool) -> str:
        """Say what to do in danger. The code must have texts."""
        found = foreign_texts()[code]
        text = found.crisis.format(lines=self._numbers(region)).rstrip()
        return f"{text}\n{found.operators}" if tells_operators else text

    def _numbers(self, region: str | None, language: str = "en") -> str:
        return self.help_lines.text(language, region, emergency_first=True, most=MOST_NUMBERS)
