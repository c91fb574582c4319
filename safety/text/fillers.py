"""The letters and digits between Chinese characters that hide a word: 我x想x死, 我-x-想-x-死."""

import re

_SEPARATOR = r"[ ._*~\-|/]?"
_FILLED = re.compile(
    f"[\u3400-\u9fff](?:{_SEPARATOR}[a-z0-9]{{1,2}}{_SEPARATOR}[\u3400-\u9fff]){{2,}}"
)
_FILLER = re.compile("[a-z0-9]+")


def fillers(surface: str) -> dict[int, str]:
    """Return an empty meaning for each letter between single Chinese characters, by position.

    One letter alone can be a word (我x你), so at least two must stand between three characters.

    Args:
        surface: Folded text.
    """
    return {
        place: ""
        for filled in _FILLED.finditer(surface)
        for filler in _FILLER.finditer(surface, *filled.span())
        for place in range(*filler.span())
    }
