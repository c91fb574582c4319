"""The buttons below a check-in."""

from bot.texts import Texts
from storage.checkins.occurrences import SCALE
from storage.ids import CheckInId


def face_buttons(texts: Texts, language: str, check_in_id: CheckInId) -> list[tuple[str, str]]:
    """Return the buttons under a check-in."""
    return [
        (texts(language, f"checkin_face_{mood}"), f"mood:{check_in_id}:{mood}") for mood in SCALE
    ]
