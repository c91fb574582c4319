"""Every word that people read, in `zh.yaml` and `en.yaml`.

Knows nothing of when a text is used. A missing key is an error at start, not at 2 a.m.
"""

from importlib import resources
from typing import Any

import yaml

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

    def keys(self) -> list[str]:
        """Every key."""
        return sorted(self._texts["zh"])


def _load(language: str) -> dict[str, str]:
    source = resources.files("bot.texts").joinpath(f"{language}.yaml").read_text("utf-8")
    loaded: dict[str, str] = yaml.safe_load(source)
    return {key: text.rstrip("\n") for key, text in loaded.items()}


def language_of(code: str | None) -> str:
    """The language to begin with, from Telegram's `language_code`."""
    return "en" if code and not code.lower().startswith("zh") else "zh"
