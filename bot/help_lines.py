"""The numbers of a person's region as lines of text.

Knows nothing of when they are shown, nor of how they are kept up to date (`safety/hotlines.py`).
"""

from bot.texts import Texts
from safety.hotlines import Hotlines, Line

MOST_LINES = 5


class HelpLines:
    """Writes numbers for people to call."""

    def __init__(self, texts: Texts, hotlines: Hotlines) -> None:
        self._texts = texts
        self._hotlines = hotlines

    def text(
        self,
        language: str,
        region: str | None,
        *,
        emergency_first: bool = False,
        most: int = MOST_LINES,
    ) -> str:
        """A line for each number; those of all regions where none is known."""
        found = self._hotlines.for_region(region, emergency_first=emergency_first)
        return "\n".join(self._line(language, line) for line in found[:most])

    def _line(self, language: str, line: Line) -> str:
        name = line.name_en if language == "en" else line.name_zh
        hours = self._texts(language, "hotline_hours_24h") if line.hours == "24h" else ""
        return self._texts(language, "hotline_line", name=name, number=line.number, hours=hours)
