"""Lines of text with the numbers of a region, and the buttons that ask for the region."""

from dataclasses import dataclass

from bot.texts import Texts
from safety.response.hotlines import Hotline, Hotlines
from storage.messages.body import Keyboard

MOST_LINES = 5
# Most speakers of the model's language live here.
FIRST_REGIONS = ("CN", "HK", "TW")


@dataclass(frozen=True, slots=True)
class HelpLines:
    """Write the numbers that people can call."""

    texts: Texts
    hotlines: Hotlines

    def text(
        self,
        language: str,
        region: str | None,
        *,
        emergency_first: bool = False,
        topic: str | None = None,
        most: int = MOST_LINES,
    ) -> str:
        """Return a line for each number, of all regions if the region is not known."""
        lines = self.hotlines.for_region(region, emergency_first=emergency_first, topic=topic)
        return "\n".join(self._line(language, line) for line in lines[:most])

    def _line(self, language: str, line: Hotline) -> str:
        name = line.name_en if language == "en" else line.name_zh
        hours = self.texts(language, "hotline_hours_24h") if line.hours == "24h" else ""
        return self.texts(language, "hotline_line", name=name, number=line.number, hours=hours)

    def knows(self, region: str) -> bool:
        """Return whether the register has numbers for a region."""
        return region in self.hotlines.regions()

    def region_buttons(self, language: str, data: str = "region") -> Keyboard:
        """Return a button for each region, two in a row, and one for other places.

        Args:
            language: the person's language.
            data: the data of the buttons, before the region.
        """
        regions = [*sorted(self.hotlines.regions(), key=_nearest_first), "none"]
        pairs = [(self.texts(language, f"region_{r}"), f"{data}:{r}") for r in regions]
        return [pairs[place : place + 2] for place in range(0, len(pairs), 2)]

    def request_buttons(self, language: str) -> Keyboard:
        """Return the buttons that ask for a human and for numbers, in any state."""
        names = (("ask_human_button", "human"), ("ask_lines_button", "lines"))
        return [[(self.texts(language, key), f"ask:{what}") for key, what in names]]


def _nearest_first(region: str) -> tuple[int, str]:
    known = region in FIRST_REGIONS
    return (FIRST_REGIONS.index(region) if known else len(FIRST_REGIONS), region)
