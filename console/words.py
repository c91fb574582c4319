"""Every word of the console's frame, in two languages: `words_zh.yaml` and `words_en.yaml`.

A missing key is an error at start.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from safety import yaml_files

LANGUAGES = ("zh", "en")


class ConsoleTexts:
    """The words of both languages."""

    def __init__(self) -> None:
        self._words = {language: _load(language) for language in LANGUAGES}
        first, second = (set(words) for words in self._words.values())
        if first != second:
            raise ValueError(f"the console's words differ in their keys: {sorted(first ^ second)}")

    def __call__(self, language: str, key: str, /, **values: Any) -> str:
        """A word in a language, its `{places}` filled."""
        text = self.of(language)[key]
        return text.format(**values) if values else text

    def of(self, language: str) -> Mapping[str, str]:
        """All words of a language."""
        return self._words.get(language, self._words["zh"])

    def has(self, key: str) -> bool:
        """Whether there is such a word."""
        return key in self._words["zh"]


@cache
def _load(language: str) -> Mapping[str, str]:
    source = resources.files(__package__).joinpath(f"words_{language}.yaml").read_text("utf-8")
    words = yaml_files.parse(source)
    return MappingProxyType({key: str(text).rstrip("\n") for key, text in words.items()})


def preferred(accept_language: str) -> str:
    """The language for somebody who has not signed in: what their browser prefers."""
    return "zh" if accept_language.strip().lower().startswith("zh") else "en"
