"""Every word that people read, in two languages.

`zh.yaml` and `en.yaml`; beside each the reviewed texts of a crisis (`crisis_…`), those of a human
in the conversation (`human_…`), what operators read in Telegram (`operators_…`), the way into the
console (`console_…`), and check-ins (`checkins_…`).

A missing key is an error at start, not at 2 a.m.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from safety import yaml_files

LANGUAGES = ("zh", "en")


class Texts:
    """The texts of both languages."""

    def __init__(self) -> None:
        self._texts = {language: _load(language) for language in LANGUAGES}
        first, *others = (set(texts) for texts in self._texts.values())
        for other in others:
            if first != other:
                raise ValueError(f"texts differ in their keys: {sorted(first ^ other)}")

    def __call__(self, language: str, key: str, /, **values: Any) -> str:
        """The text of a key in a language, its `{places}` filled."""
        texts = self._texts.get(language, self._texts["zh"])
        return texts[key].format(**values) if values else texts[key]

    def has(self, key: str) -> bool:
        """Whether there is a text of this key."""
        return key in self._texts["zh"]

    def keys(self) -> list[str]:
        """Every key."""
        return sorted(self._texts["zh"])


@cache
def _load(language: str) -> Mapping[str, str]:
    texts: dict[str, str] = {}
    for name in (
        language,
        *(f"{kind}_{language}" for kind in ("crisis", "human", "operators", "console", "checkins")),
    ):
        source = resources.files(__package__).joinpath(f"{name}.yaml").read_text("utf-8")
        loaded: dict[str, str] = yaml_files.parse(source)
        if twice := texts.keys() & loaded.keys():
            raise ValueError(f"{name}.yaml: these keys stand elsewhere too: {sorted(twice)}")
        texts |= {key: text.rstrip("\n") for key, text in loaded.items()}
    return MappingProxyType(texts)


def language_of(code: str | None) -> str:
    """The language to begin with, from Telegram's `language_code`."""
    return "en" if code and not code.lower().startswith("zh") else "zh"
